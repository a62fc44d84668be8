//! From kubectl's flags to requests that end: every one is bounded in time.

use crate::transport::Ours;
use crate::user::Login;
use crate::{files, patience, references, refusal, server, transport};
use kube::config::{AuthInfo, Cluster, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use meshcore::{Address, Error, Result, kubeconfigs, shell};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// kubectl's flags for reaching API servers. `--context` is each tool's own.
#[derive(Debug, clap::Args)]
pub struct Access {
    /// Kubeconfig to use [default: $KUBECONFIG, then ~/.kube/config]
    #[arg(long, value_name = "FILE", help_heading = "Cluster access")]
    pub kubeconfig: Option<PathBuf>,
    /// Longest time for one request, and for a program that gets credentials; a list of many pages
    /// may take as long as --timeout says, or 20 times that where a tool has no --timeout; 0 for no
    /// limit
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = crate::parse_duration,
        help_heading = "Cluster access")]
    request_timeout: Duration,
    /// User to impersonate
    #[arg(long = "as", value_name = "USER", help_heading = "Cluster access")]
    as_user: Option<String>,
    /// Group to impersonate; may be repeated
    #[arg(long, value_name = "GROUP", requires = "as_user", help_heading = "Cluster access")]
    as_group: Vec<String>,
}

/// Between attempts at a request that a busy server refuses.
const PAUSES_OF_A_BUSY_SERVER: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_millis(500), Duration::from_secs(1)];
/// Who asks for more patience than this is asked again by the user.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A cluster, ready for requests.
pub struct Connection {
    /// For `kube::Api`.
    pub client: Client,
    /// The context's name: the place in errors.
    pub context: String,
    /// The API server's address.
    pub server: Address,
    /// `tls-server-name` of the kubeconfig.
    pub tls_server_name: Option<String>,
    /// `proxy-url` of the kubeconfig; it may hold a password.
    pub proxy_url: Option<String>,
    /// What the server's certificate is checked with.
    pub trust: Trust,
    /// The proxy on the way, the environment's as well.
    pub(crate) proxy: Option<Address>,
    pub(crate) timeout: Duration,
    pub(crate) ours: Arc<Ours>,
}

/// What a server's certificate is checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// These CAs, as DER: the kubeconfig's.
    Authorities(Vec<Vec<u8>>),
    /// The CAs of this machine: the kubeconfig names none.
    System,
    /// Nothing: the kubeconfig has `insecure-skip-tls-verify`.
    Nothing,
}

impl Access {
    /// Reads the kubeconfig (all files of a `KUBECONFIG` list). `recorded` is the file that a
    /// record names: it is read alone where the user gave it, too, and refused where the user
    /// gave no such file; the flag stands in for all of them.
    pub fn read_kubeconfig(&self, recorded: Option<&str>) -> Result<Kubeconfig> {
        let one = |file: &Path| {
            files::check(file)?;
            Kubeconfig::read_from(file).map_err(|error| refusal::kubeconfig(&error))
        };
        match (&self.kubeconfig, recorded) {
            (Some(file), _) => one(file),
            (None, Some(file)) if kubeconfigs::are_with(file) => one(Path::new(file)),
            (None, Some(file)) => Err(kubeconfigs::not_given(file).at("the record")),
            (None, None) => {
                kubeconfigs::usual().iter().try_for_each(|file| files::check(file))?;
                Kubeconfig::read().map_err(|error| refusal::kubeconfig(&error))
            }
        }
    }

    /// Connects to a context; nothing is sent yet.
    pub async fn connect(&self, kubeconfig: &Kubeconfig, context: &str) -> Result<Connection> {
        self.open(kubeconfig, context, true).await
    }

    /// The same without `--as`: for a kubeconfig whose own user is to be tried.
    pub async fn connect_as_is(
        &self,
        kubeconfig: &Kubeconfig,
        context: &str,
    ) -> Result<Connection> {
        self.open(kubeconfig, context, false).await
    }

    async fn open(
        &self,
        kubeconfig: &Kubeconfig,
        context: &str,
        impersonate: bool,
    ) -> Result<Connection> {
        require_context(kubeconfig, context)?;
        let options =
            KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
        let at = |error: Error| error.at(format!("context {context}"));
        let mut own = only(kubeconfig, context);
        let is_encrypted = make_whole(&mut own).map_err(at)?;
        references::check(&own).map_err(at)?;
        let mut config = Config::from_custom_kubeconfig(own, &options)
            .await
            .map_err(|error| at(refusal::kubeconfig(&error)))?;
        if !is_encrypted {
            // As kubectl: neither are they sent, nor is a program run to get them.
            config.auth_info = AuthInfo::default();
        }
        if impersonate {
            config.auth_info.impersonate = self.as_user.clone();
            config.auth_info.impersonate_groups =
                (!self.as_group.is_empty()).then(|| self.as_group.clone());
        }
        // It would try for as long as a request may take, and hide why in the end.
        config.default_retry = false;
        // The limit of a request covers connecting and waiting together.
        config.connect_timeout = None;
        config.write_timeout = None;
        let tls_server_name = config.tls_server_name.clone();
        let trust = match &config.root_cert {
            _ if config.accept_invalid_certs => Trust::Nothing,
            Some(authorities) => Trust::Authorities(authorities.clone()),
            None => Trust::System,
        };
        let server = server_of(kubeconfig, context);
        let proxy_url = cluster_of(kubeconfig, context).and_then(|entry| entry.proxy_url.clone());
        check_proxy(proxy_url.as_deref()).map_err(at)?;
        let timeout = match self.request_timeout {
            Duration::ZERO => Duration::MAX,
            limit => limit,
        };
        let user = user_of(kubeconfig, context).unwrap_or_default();
        let login = Login::of(&mut config.auth_info, user, timeout).await.map_err(at)?;
        let proxy = config
            .proxy_url
            .as_ref()
            .map(|proxy| Address::of(proxy.to_string().trim_end_matches('/')));
        let (client, ours) = transport::client(&config, login).map_err(at)?;
        let context = context.to_owned();
        Ok(Connection {
            client,
            context,
            server,
            tls_server_name,
            proxy_url,
            trust,
            proxy,
            timeout,
            ours,
        })
    }
}

impl Connection {
    /// What came by a stream, without our credentials: answers of requests are cleaned already.
    #[must_use]
    pub fn without_credentials(&self, said: Vec<u8>) -> Vec<u8> {
        self.ours.secrets.remove(said, true)
    }

    /// Makes a request, and makes it again a few times when the server is too busy for it; `what`
    /// completes "cannot …" in an error.
    pub async fn call<T, F: Future<Output = kube::Result<T>>>(
        &self,
        what: &str,
        request: impl Fn() -> F,
    ) -> Result<T> {
        let attempts = async {
            for pause in PAUSES_OF_A_BUSY_SERVER {
                match request().await {
                    Err(error) => match patience::busy(&error) {
                        Some(asked) if asked <= LONGEST_PAUSE => {
                            tokio::time::sleep(pause.max(asked)).await;
                        }
                        _ => return Err(error),
                    },
                    answer => return answer,
                }
            }
            request().await
        };
        self.call_once(what, attempts).await
    }

    /// Makes a request whatever its answer; `what` completes "cannot …" in an error.
    pub async fn call_once<T>(
        &self,
        what: &str,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T> {
        match tokio::time::timeout(self.timeout, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.refusal(&error, what)),
            Err(_) => Err(self.no_answer(what)),
        }
    }

    pub(crate) fn no_answer(&self, what: &str) -> Error {
        Error::cluster(format!(
            "context {}: {} does not answer within {:?}{} (to {what})",
            self.context,
            self.server,
            self.timeout,
            refusal::through(self.proxy.as_ref())
        ))
        .hint("is the cluster up? --request-timeout sets the limit")
    }

    /// A failed request in plain words.
    #[must_use]
    pub fn refusal(&self, error: &kube::Error, what: &str) -> Error {
        let refused = refusal::by_way(error, &self.server, self.proxy.as_ref(), what)
            .at(format!("context {}", self.context));
        if matches!(error, kube::Error::Api(status) if matches!(status.code, 401 | 403))
            && self.server.starts_with("http://")
        {
            return refused.hint("without TLS no credentials are sent: is it an https:// address?");
        }
        refused
    }
}

/// Fails with the contexts that there are when this one is not.
pub fn require_context(kubeconfig: &Kubeconfig, context: &str) -> Result<()> {
    if kubeconfig.contexts.iter().any(|known| known.name == context) {
        return Ok(());
    }
    let known: Vec<&str> = kubeconfig.contexts.iter().map(|c| c.name.as_str()).collect();
    let error = Error::usage(format!("the kubeconfig has no context {context:?}"));
    Err(if known.is_empty() {
        error.hint("it has no contexts at all: is it the right file?")
    } else {
        error.hint(format!("it has: {}", shell::names(known)))
    })
}

/// What one context needs of a kubeconfig: a copy of hundreds of others would cost more than all
/// the rest.
fn only(kubeconfig: &Kubeconfig, context: &str) -> Kubeconfig {
    let contexts: Vec<_> =
        kubeconfig.contexts.iter().filter(|named| named.name == context).cloned().collect();
    let named = contexts.iter().find_map(|named| named.context.as_ref());
    let cluster = named.map(|context| context.cluster.clone());
    let user = named.and_then(|context| context.user.clone());
    let clusters = kubeconfig.clusters.iter().filter(|c| Some(&c.name) == cluster.as_ref());
    let users = kubeconfig.auth_infos.iter().filter(|u| Some(&u.name) == user.as_ref());
    Kubeconfig {
        clusters: clusters.cloned().collect(),
        auth_infos: users.cloned().collect(),
        contexts,
        ..Kubeconfig::default()
    }
}

/// Makes the server's address whole, and says whether it is one of TLS.
fn make_whole(kubeconfig: &mut Kubeconfig) -> Result<bool> {
    let Some(entry) = kubeconfig.clusters.first_mut().and_then(|named| named.cluster.as_mut())
    else {
        return Ok(true);
    };
    let has_trust = entry.certificate_authority.is_some()
        || entry.certificate_authority_data.is_some()
        || entry.insecure_skip_tls_verify == Some(true);
    let has_certificate = kubeconfig.auth_infos.iter().filter_map(|user| user.auth_info.as_ref());
    let has_certificate = has_certificate
        .into_iter()
        .any(|user| user.client_certificate.is_some() || user.client_certificate_data.is_some());
    let Some(address) = &entry.server else { return Ok(true) };
    let whole = server::whole(address, has_trust || has_certificate)?;
    entry.server = Some(whole.to_string());
    Ok(whole.scheme_str() == Some("https"))
}

/// Checks the address of the proxy as it was written, by the kubeconfig or the environment: kube
/// drops what follows a `#`, and takes the beginning of a password for a host.
fn check_proxy(own: Option<&str>) -> Result<()> {
    let own = own.filter(|own| !own.is_empty()).map(str::to_owned);
    let by_name = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
    let address = own.or_else(|| ["HTTPS_PROXY", "https_proxy"].into_iter().find_map(by_name));
    if address.is_none_or(|address| !address.contains('#')) {
        return Ok(());
    }
    Err(Error::data("the proxy's address has a # in it")
        .hint("write %23 for one in a password: in the kubeconfig's proxy-url, or HTTPS_PROXY"))
}

/// The address of a context's API server in the kubeconfig; empty where there is none.
#[must_use]
pub fn server_of(kubeconfig: &Kubeconfig, context: &str) -> Address {
    let entry = cluster_of(kubeconfig, context).and_then(|entry| entry.server.as_deref());
    entry.map(Address::of).unwrap_or_default()
}

fn user_of<'a>(kubeconfig: &'a Kubeconfig, context: &str) -> Option<&'a str> {
    let context = kubeconfig.contexts.iter().find(|c| c.name == context)?.context.as_ref()?;
    context.user.as_deref()
}

fn cluster_of<'a>(kubeconfig: &'a Kubeconfig, context: &str) -> Option<&'a Cluster> {
    let context = kubeconfig.contexts.iter().find(|c| c.name == context);
    let name = context.and_then(|c| c.context.as_ref()).map(|c| &c.cluster);
    kubeconfig
        .clusters
        .iter()
        .find(|cluster| Some(&cluster.name) == name)
        .and_then(|cluster| cluster.cluster.as_ref())
}
