//! From a cluster to its remote Secret.

use crate::authority::{self, Authority};
use crate::choice::Credential;
use crate::identity::{self, Sources};
use crate::istiod::{self, Istiod};
use crate::manifest::{Kind, RemoteSecret, User};
use crate::name::ClusterId;
use crate::offline::TokenSecret;
use crate::plugin::Plugin;
use crate::reader::Reader;
use crate::target::{Origin, Target};
use crate::token::{self, Event};
use crate::way::{Own, Way, Wishes};
use crate::{Args, bound, check};
use meshcore::{Console, Error, Message, Result, shell};
use meshkube::k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use meshkube::kube::api::Api;
use meshkube::kube::config::Kubeconfig;
use meshkube::{Access, Connection, Trust, segment};
use std::collections::{BTreeMap, BTreeSet};

/// The kubeconfigs of the records by file, each read once; the user's own without a file.
pub type Kubeconfigs = BTreeMap<Option<String>, Kubeconfig>;

/// Reads the kubeconfigs that the targets need.
pub fn read_kubeconfigs(targets: &[Target], access: &Access) -> Result<Kubeconfigs> {
    let mut all = Kubeconfigs::new();
    for target in targets {
        if let Origin::Cluster { kubeconfig, .. } = &target.origin
            && !all.contains_key(kubeconfig)
        {
            all.insert(kubeconfig.clone(), access.read_kubeconfig(kubeconfig.as_deref())?);
        }
    }
    Ok(all)
}

/// Makes the Secret of one cluster, and tries it where that is asked for.
pub async fn build(
    target: &Target,
    args: &Args,
    plugin: Option<&Plugin>,
    kubeconfigs: &Kubeconfigs,
    console: &Console,
) -> Result<RemoteSecret> {
    let one = One { target, args, plugin, console };
    let secret = match &target.origin {
        Origin::Cluster { context, kubeconfig } => {
            let cluster = args.access.connect(&kubeconfigs[kubeconfig], context).await?;
            one.ask(&cluster).await?
        }
        Origin::Input(secret) => one.read(secret)?,
    };
    if args.kind == Kind::Remote && secret.id.is_beyond_istioctl() {
        one.warn(Message::new(format!(
            "istioctl would refuse the name {}, which is no DNS label; istiod takes it",
            secret.id
        )));
    }
    if args.address.check_endpoint {
        check::check(&secret, &args.access).await?;
    }
    Ok(secret)
}

/// One cluster of the run.
struct One<'a> {
    target: &'a Target,
    args: &'a Args,
    plugin: Option<&'a Plugin>,
    console: &'a Console,
}

impl One<'_> {
    fn at(&self, error: Error) -> Error {
        error.at(&self.target.label)
    }

    fn warn(&self, message: Message) {
        self.console.warn(&message.at(&self.target.label));
    }

    fn note(&self, message: Message) {
        self.console.note(&message.at(&self.target.label));
    }

    async fn ask(&self, cluster: &Connection) -> Result<RemoteSecret> {
        let args = self.args;
        let way = self.way(Some(cluster))?;
        let istiod = istiod::read(cluster, &args.namespace).await;
        let id = self.id(cluster, &istiod).await?;
        if args.credentials.changes() {
            let versions = istiod.versions.iter().chain(&args.credentials.istio_version);
            if let Some(warning) = versions.copied().find_map(istiod::loses_endpoints) {
                self.warn(warning);
            }
        }
        let (user, ca, expiry) = if let Some(plugin) = self.plugin {
            (User::Plugin(plugin.clone()), None, None)
        } else {
            let Credential { token, ca, expiry } = self.credential(cluster).await?;
            (User::Token(token), ca, expiry)
        };
        let ca = match ca {
            Some(ca) => Some(ca),
            None => bound::root_ca(cluster, &args.namespace).await.or_else(|| trusted(cluster)),
        };
        self.secret(id, way, user, ca, expiry)
    }

    fn read(&self, secret: &TokenSecret) -> Result<RemoteSecret> {
        let (args, target) = (self.args, self.target);
        if let Some(flag) = args.credentials.live_flag() {
            return Err(Error::usage(format!(
                "{flag} needs the cluster, and the input is a Secret"
            ))
            .hint("name the cluster with --context instead"));
        }
        if self.plugin.is_some() {
            return Err(Error::usage("--auth-type plugin has no use for the token in the input"));
        }
        let sources = Sources {
            given: args.name.as_ref().or(target.id.as_ref()),
            of_istiod: &BTreeSet::new(),
            name: target.name.as_deref(),
        };
        let id = identity::choose(sources).and_then(|id| {
            id.ok_or_else(|| {
                Error::usage("nothing says what the cluster is called")
                    .hint("name it with --name, or give its record, too")
            })
        });
        let id = id.map_err(|error| self.at(error))?;
        let account = args.credentials.account(args.kind);
        if secret.account != account {
            let text = format!("the token is of service account {}, not {account}", secret.account);
            self.warn(Message::new(text).hint("--service-account says which one is meant"));
        }
        let way = self.way(None)?;
        let Credential { token, ca, expiry } = secret.credential.clone();
        self.secret(id, way, User::Token(token), ca, expiry)
    }

    fn secret(
        &self,
        id: ClusterId,
        way: Way,
        user: User,
        ca: Option<Vec<u8>>,
        expiry: Option<crate::Expiry>,
    ) -> Result<RemoteSecret> {
        if let User::Token(token) = &user {
            meshkube::check_token(token).map_err(|error| self.at(error))?;
        }
        let authority = match &self.args.address.certificate_authority {
            Some(authority) => authority.clone(),
            None => self.authority(&way, ca)?,
        };
        Ok(RemoteSecret {
            id,
            kind: self.args.kind,
            server: way.server,
            tls_server_name: way.tls_server_name,
            proxy_url: way.proxy_url,
            authority,
            user,
            expiry,
        })
    }

    fn authority(&self, way: &Way, ca: Option<Vec<u8>>) -> Result<Authority> {
        let url = way.server.url();
        let chosen = authority::choose(way.authority.clone(), ca).ok_or_else(|| {
            let error = Error::data(format!("the CA of {url} is not known"));
            self.at(error.hint("--certificate-authority names the file with it"))
        })?;
        if chosen.is_foreign && !way.is_dns_based {
            let text = format!(
                "{url} has another CA than the API server: it is a proxy, which must let tokens of \
                 service accounts through"
            );
            self.warn(Message::new(text).hint("--check-endpoint tries it"));
        }
        Ok(chosen.authority)
    }

    /// The way for the others.
    fn way(&self, cluster: Option<&Connection>) -> Result<Way> {
        let flags = &self.args.address;
        let wishes = Wishes {
            endpoint: flags.endpoint,
            server: flags.server.as_ref(),
            tls_server_name: flags.tls_server_name.as_deref(),
            proxy_url: flags.proxy_url.as_deref(),
        };
        let own = cluster.map(|cluster| Own {
            server: &cluster.server,
            trust: &cluster.trust,
            tls_server_name: cluster.tls_server_name.as_deref(),
            proxy_url: cluster.proxy_url.as_deref(),
        });
        let way = Way::choose(wishes, &self.target.endpoints, own).map_err(|e| self.at(e))?;
        for warning in way.warnings(own) {
            self.warn(warning);
        }
        Ok(way)
    }

    async fn id(&self, cluster: &Connection, istiod: &Istiod) -> Result<ClusterId> {
        let (args, target) = (self.args, self.target);
        let anything = BTreeSet::new();
        let is_compared = args.kind == Kind::Remote && !args.allow_other_id;
        let sources = Sources {
            given: args.name.as_ref().or(target.id.as_ref()),
            of_istiod: if is_compared { &istiod.ids } else { &anything },
            name: target.name.as_deref(),
        };
        match identity::choose(sources).map_err(|error| self.at(error))? {
            Some(id) => Ok(id),
            None => uid(cluster).await,
        }
    }

    async fn credential(&self, cluster: &Connection) -> Result<Credential> {
        let flags = &self.args.credentials;
        let account = self.account(cluster).await?;
        if let Some(ttl) = flags.ttl {
            let credential =
                bound::request(cluster, &account, ttl, |message| self.console.warn(&message))
                    .await?;
            if flags.rotate {
                self.note(
                    Message::new("tokens that were given before stay valid until their own end")
                        .hint(
                            "annotation meshutils/expires of the others' remote secret says when",
                        ),
                );
            }
            return Ok(credential);
        }
        let means =
            token::Means { wish: flags.wish(), read_only: flags.read_only, timeout: flags.timeout };
        token::get(cluster, &account, means, |event| self.tell(&event)).await
    }

    fn tell(&self, event: &Event) {
        let namespace = &self.args.namespace;
        match event {
            Event::Made(secret) => {
                let text = format!("made secret {namespace}/{secret}, which holds the token");
                self.note(Message::new(text));
            }
            Event::Unused(secret) => {
                let text = format!(
                    "nobody has used the token in secret {namespace}/{secret} yet: it is given, and \
                     no other is made"
                );
                let delete = self.delete_command(std::slice::from_ref(secret));
                let hint = format!("where somebody may have copied it, first: {delete}");
                self.note(Message::new(text).hint(hint));
            }
            Event::Superseded(old) if !old.is_empty() => {
                let text =
                    format!("the tokens in {} stay valid until you delete them", old.join(", "));
                let delete = self.delete_command(old);
                self.note(
                    Message::new(text)
                        .hint(format!("when all other clusters have the new secret: {delete}")),
                );
            }
            Event::Superseded(_) => {}
        }
    }

    fn delete_command(&self, secrets: &[String]) -> String {
        let mut words = vec!["kubectl", "delete", "secret"];
        words.extend(secrets.iter().map(String::as_str));
        words.extend(["-n", &self.args.namespace]);
        let mut file = self.args.access.kubeconfig.as_ref().map(|file| file.display().to_string());
        if let Origin::Cluster { context, kubeconfig } = &self.target.origin {
            words.extend(["--context", context]);
            file = file.or_else(|| kubeconfig.clone());
        }
        words.extend(file.iter().flat_map(|file| ["--kubeconfig", file.as_str()]));
        shell::command_line(words)
    }

    async fn account(&self, cluster: &Connection) -> Result<ServiceAccount> {
        let (namespace, flags) = (&self.args.namespace, &self.args.credentials);
        let name = flags.account(self.args.kind);
        let accounts: Api<ServiceAccount> = cluster.objects_in(namespace);
        let (what, segment) = (format!("read service account {namespace}/{name}"), &segment(name));
        match cluster.call(&what, || accounts.get_opt(segment)).await? {
            Some(account) => {
                if flags.create_service_account {
                    let text = format!("service account {namespace}/{name} is there");
                    self.note(Message::new(format!("{text}: its rights stay as they are")));
                }
                Ok(account)
            }
            None if flags.create_service_account => {
                let reader = Reader {
                    namespace,
                    account: name,
                    role: flags.reader_role,
                    versions: &flags.istio_version,
                };
                reader.create(cluster).await
            }
            None => Err(Error::cluster(format!("there is no service account {namespace}/{name}"))
                .at(format!("context {}", cluster.context))
                .hint("is Istio installed there? --create-service-account makes it")),
        }
    }
}

/// istioctl's default: every cluster has another UID, and nothing else need be known.
async fn uid(cluster: &Connection) -> Result<ClusterId> {
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    let namespace =
        cluster.call("read namespace kube-system", || namespaces.get("kube-system")).await?;
    ClusterId::parse(&namespace.metadata.uid.unwrap_or_default()).map_err(|text| {
        Error::cluster(format!("the UID of kube-system {text}"))
            .at(format!("context {}", cluster.context))
    })
}

/// The kubeconfig's CA, as PEM.
fn trusted(cluster: &Connection) -> Option<Vec<u8>> {
    match &cluster.trust {
        Trust::Authorities(certificates) => match Authority::from_der(certificates) {
            Authority::Certificates(pem) => Some(pem),
            Authority::Public => None,
        },
        Trust::System | Trust::Nothing => None,
    }
}
