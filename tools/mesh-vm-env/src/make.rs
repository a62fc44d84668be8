//! From the flags to the files: what is needed is fetched, and the token last of all.

use crate::bundle::{self, Bundle};
use crate::check::Recipe;
use crate::current::{self, OwnAddress};
use crate::gateway::{self, Address};
use crate::given::{ConfigMap, Given};
use crate::group::Group;
use crate::injector::{self, Injector};
use crate::istiod::{self, Istiod};
use crate::old;
use crate::proxy::Proxy;
use crate::site::{Site, request_token};
use crate::token::{self, Wanted};
use crate::{Args, flags};
use ipnet::IpNet;
use meshcore::cluster::RangeKind;
use meshcore::{Console, DnsLabel, Error, Message, Result, cidr, is_secret_key, shell};
use meshpki::{Certificate, sample};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;
use zeroize::Zeroizing;

/// The config map of every namespace that istiod looks after.
const ROOT_MAP: &str = "istio-ca-root-cert";

/// How long a token is good for where nobody says.
const TOKEN_DURATION: Duration = Duration::from_secs(3600);

/// Makes the files of one machine.
pub async fn bundle(args: &Args, console: &Console) -> Result<Bundle> {
    let maker = Maker {
        args,
        console,
        istiod: Istiod::new(
            args.control_plane.istio_namespace.as_str(),
            args.control_plane.revision.as_ref().map(DnsLabel::as_str),
        ),
        site: open(args).await?,
    };
    match args.recipe() {
        Recipe::Current => maker.current().await,
        Recipe::Old => maker.old().await,
    }
}

/// Reads the input, unless a cluster tells all, and connects.
async fn open(args: &Args) -> Result<Site> {
    let is_complete = match args.recipe() {
        Recipe::Current => args.name.is_some(),
        Recipe::Old => !args.machine.service_cidr.is_empty(),
    };
    let is_read = args.input.is_given() || args.context.is_none() || !is_complete;
    let given = if is_read { Given::read(&args.input.read()?)? } else { Given::default() };
    let cluster = match &args.context {
        Some(context) => {
            let kubeconfig = args.access.read_kubeconfig(None)?;
            Some(args.access.connect(&kubeconfig, context).await?)
        }
        None => None,
    };
    Ok(Site { cluster, given })
}

struct Maker<'a> {
    args: &'a Args,
    console: &'a Console,
    istiod: Istiod,
    site: Site,
}

impl Maker<'_> {
    async fn current(&self) -> Result<Bundle> {
        let group = self.group().await?.ok_or_else(|| {
            Error::data("the input has no workload group")
                .hint("give one with -f, or name one of the cluster's with --context and --name")
        })?;
        let namespace = self.namespace().or(group.namespace.as_deref()).ok_or_else(|| {
            Error::data(format!("workload group {} has no namespace", group.name))
                .hint("name the machine's with --namespace")
        })?;
        for key in &group.labels_twice {
            let text = format!("label {key} is in the workload group twice: the template's counts");
            self.console.warn(&Message::new(text).hint("labels belong into spec.metadata"));
        }
        let proxy = self.proxy(&group, namespace).await?;
        let (cluster_id, audience) = self.identity().await?;
        let machine = current::Machine {
            group: &group,
            namespace,
            cluster_id: &cluster_id,
            address: self.args.machine.address(),
            auto_register: self.args.machine.auto_register,
            capture_dns: self.args.machine.capture_dns,
        };
        let root = self.root(namespace).await?;
        let gateway = self.gateway("istio-eastwestgateway").await?;
        let (mut bundle, warnings) = current::files(&machine, proxy, &self.istiod, gateway, &root)?;
        for warning in &warnings {
            self.console.warn(warning);
        }
        let account = (namespace, group.service_account.as_str());
        if let Some(token) = self.token(account, &audience).await? {
            bundle.add_secret(bundle::TOKEN, token);
        }
        Ok(bundle)
    }

    async fn old(&self) -> Result<Bundle> {
        let group = self.group().await?;
        let own = group.as_ref().and_then(|group| group.namespace.as_deref());
        let namespace = self.namespace().or(own).unwrap_or(old::NAMESPACE);
        let flags::Machine { inbound_port, .. } = &self.args.machine;
        let mut inbound_ports: BTreeSet<_> = inbound_port.iter().copied().collect();
        if let Some(group) = group.as_ref().filter(|_| inbound_ports.is_empty()) {
            inbound_ports.extend(group.ports.values());
        }
        let machine = old::Machine {
            namespace,
            service_ranges: self.service_ranges()?,
            inbound_ports,
            address: self.args.machine.address().map(OwnAddress::ip),
        };
        let root = self.root(namespace).await?;
        let gateway = self.gateway("istio-ingressgateway").await?;
        Ok(old::files(machine, &self.istiod, gateway, &root))
    }

    fn namespace(&self) -> Option<&str> {
        self.args.namespace.as_ref().map(DnsLabel::as_str)
    }

    /// The `WorkloadGroup` of the input, or that of the cluster; `None` where none is named.
    async fn group(&self) -> Result<Option<Group>> {
        let name = self.args.name.as_deref();
        if let Some(group) = self.site.group_given(self.namespace(), name)? {
            return Ok(Some(group.clone()));
        }
        match (&self.site.cluster, name, self.namespace()) {
            (_, None, None) => Ok(None),
            (Some(cluster), Some(name), Some(namespace)) if !self.args.input.is_given() => {
                self.site.group(cluster, namespace, name).await.map(Some)
            }
            (Some(_), Some(_), None) if !self.args.input.is_given() => {
                Err(Error::usage("--name needs --namespace, too, to find a workload group"))
            }
            (_, None, Some(_)) if self.site.given.groups.is_empty() => Ok(None),
            _ => Err(Error::data("the input has no workload group of this name and namespace")),
        }
    }

    async fn config_map(&self, namespace: &str, name: &str) -> Result<ConfigMap> {
        let map = self.site.config_map(namespace, name).await?;
        map.ok_or_else(|| self.site.missing(&format!("config map {namespace}/{name}")))
    }

    /// The mesh's settings with those of the group.
    async fn proxy(&self, group: &Group, namespace: &str) -> Result<Proxy> {
        let istio = self.istiod.namespace();
        let map = self.config_map(istio, &self.istiod.named("istio")).await.map_err(|error| {
            let revisions = self.site.given.revisions(istio);
            match revisions[..] {
                [] => error.hint("--istio-namespace and --revision say which istiod is meant"),
                _ => error.hint(format!("--revision chooses: {}", revisions.join(", "))),
            }
        })?;
        let mut proxy = Proxy::of_mesh(map.text("mesh")?, &map.place("mesh"))?;
        for text in &group.proxy_configs {
            let place = format!("workload group {namespace}/{}: proxy.istio.io/config", group.name);
            proxy.overlay(text, &place)?;
        }
        let discovery = proxy.text("discoveryAddress");
        let host = self.istiod.host();
        if !discovery.is_empty()
            && discovery.rsplit_once(':').map_or(discovery, |(it, _)| it) != host
        {
            let text =
                format!("the mesh sends proxies to {discovery}, and hosts names {host} alone");
            self.console.warn(&Message::new(text).hint("the machine has to know that name, too"));
        }
        Ok(proxy)
    }

    /// The cluster's ID, and for whom its tokens are.
    async fn identity(&self) -> Result<(String, String)> {
        let name = self.istiod.named("istio-sidecar-injector");
        let flags = (&self.args.machine.cluster_id, &self.args.token.token_audience);
        let injector = match flags {
            (Some(_), Some(_)) => Injector::default(),
            // Whoever may not read it can say all that is in it.
            (Some(_), None) => {
                let map = self.site.config_map(self.istiod.namespace(), &name).await.ok().flatten();
                map.and_then(|map| read_injector(&map).ok()).unwrap_or_default()
            }
            (None, _) => {
                let map = self.config_map(self.istiod.namespace(), &name).await;
                read_injector(&map.map_err(|error| error.hint("--cluster-id stands in for it"))?)?
            }
        };
        let id = flags.0.clone().or(injector.cluster_id).ok_or_else(|| {
            let place = format!("config map {}/{name}", self.istiod.namespace());
            Error::data(format!("{place} names no cluster (global.multiCluster.clusterName)"))
                .hint("--cluster-id does; an istiod without a name calls its cluster Kubernetes")
        })?;
        if !is_secret_key(&id) {
            let text = format!("the cluster's ID {id:?} cannot be one");
            return Err(Error::data(text).hint(
                "an ID is the key of a Secret: at most 253 letters, digits, '-', '_' and '.'",
            ));
        }
        let audience = flags.1.clone().or(injector.audience);
        Ok((id, audience.unwrap_or_else(|| injector::AUDIENCE.to_owned())))
    }

    /// The mesh's roots, in PEM.
    async fn root(&self, namespace: &str) -> Result<String> {
        let map = self.config_map(namespace, ROOT_MAP).await;
        let map = map.map_err(|error| {
            error.hint("istiod writes it into the namespaces that it looks after: is this one?")
        })?;
        let text = map.text(bundle::ROOT_CERT)?;
        let roots = Certificate::all_from_pem(text)
            .map_err(|reason| Error::data(reason).at(map.place(bundle::ROOT_CERT)))?;
        if let Some(origin) = roots.iter().find_map(sample::origin) {
            let text =
                format!("the mesh's root is Istio's sample, whose key everybody has: {origin}");
            self.console.warn(&Message::new(text).hint("mesh-cacerts makes another"));
        }
        Ok(text.to_owned())
    }

    /// Where the machine reaches istiod.
    async fn gateway(&self, usual: &str) -> Result<IpAddr> {
        let flags = &self.args.control_plane;
        if let Some(ip) = flags.ingress_ip {
            return Ok(ip);
        }
        let (name, namespace) = match &flags.ingress_service {
            Some((name, namespace)) => (name.as_str(), namespace.as_ref()),
            None => (usual, None),
        };
        let namespace = namespace.map_or(self.istiod.namespace(), DnsLabel::as_str);
        let what = format!("service {namespace}/{name}");
        let otherwise = "--ingress-ip gives the address, --ingress-service names another Service";
        let service = self.site.service(namespace, name).await?;
        let service = service.ok_or_else(|| self.site.missing(&what).hint(otherwise))?;
        if !gateway::has_istiod(&service) {
            let text =
                format!("{what} has no port {}, where machines look for istiod", istiod::PORT);
            self.console.warn(&Message::new(text).hint("mesh-expose istiod says what it needs"));
        }
        let refuse = |reason: String| {
            let error = format!("{what} {reason}");
            match &self.site.cluster {
                Some(cluster) => Error::cluster(error).at(format!("context {}", cluster.context)),
                None => Error::data(error),
            }
        };
        let host = match gateway::address(&service) {
            Ok(Address::Ip(ip)) => return Ok(ip),
            Ok(Address::Name(host)) => host,
            Err(reason) => return Err(refuse(reason).hint(otherwise)),
        };
        if self.site.cluster.is_none() && !flags.resolve {
            return Err(refuse(format!("has a name and no address: {host}"))
                .hint("--resolve looks it up; --ingress-ip gives the address"));
        }
        let own = self.args.machine.address().map(OwnAddress::ip);
        let ips = gateway::resolve(&host);
        let ip =
            ips.and_then(|ips| gateway::choose(&ips, own).ok_or("it has no address".to_owned()));
        let ip = ip.map_err(|error| {
            refuse(format!("has the address {host}, which cannot be resolved: {error}"))
                .hint("--ingress-ip gives the address")
        })?;
        let text = format!("hosts has {ip}, an address of {host} now: it may get others");
        self.console.warn(&Message::new(text).hint("make the files again then"));
        Ok(ip)
    }

    /// The token; `None` where none is wanted.
    async fn token(
        &self,
        account: (&str, &str),
        audience: &str,
    ) -> Result<Option<Zeroizing<String>>> {
        let flags = &self.args.token;
        let (namespace, name) = account;
        if flags.no_token {
            return Ok(None);
        }
        if let Some(file) = &flags.token_file {
            let place = file.display().to_string();
            let bytes = Zeroizing::new(meshcore::file::read_small(file)?);
            let text =
                std::str::from_utf8(&bytes).map_err(|_| Error::data("is not UTF-8").at(&place))?;
            let token = text.trim();
            let wanted_account = format!("{namespace}/{name}");
            let at = self.args.checks.at()?;
            let wanted = Wanted { audience, account: Some(&wanted_account), at };
            return match token::faults(token, wanted).first() {
                Some(fault) => Err(Error::data(format!("the token {}", fault.text(wanted)))
                    .at(place)
                    .hint(create_token(account, audience))),
                None => Ok(Some(token.to_owned().into())),
            };
        }
        let Some(cluster) = &self.site.cluster else {
            return Err(Error::usage("without --context there is nobody to ask for a token").hint(
                format!(
                    "make one ({}) and give it with --token-file; or leave it out with --no-token",
                    create_token(account, audience)
                ),
            ));
        };
        let duration = flags.token_duration.unwrap_or(TOKEN_DURATION);
        let warn = |message: &Message| self.console.warn(message);
        let issued = request_token(cluster, account, audience, duration, warn).await?;
        let text = format!(
            "the token of service account {namespace}/{name} is good until {}",
            meshpki::date(issued.expires)
        );
        self.console.note(&Message::new(text).hint("the machine has to connect before"));
        Ok(Some(issued.token))
    }

    /// Service ranges of the flag, or else of the records.
    fn service_ranges(&self) -> Result<BTreeSet<IpNet>> {
        let mut ranges = self.args.machine.ranges();
        if !ranges.is_empty() {
            return Ok(ranges);
        }
        for (place, record) in &self.site.given.records {
            for range in record.ranges.iter().filter(|range| range.kind == RangeKind::Service) {
                let cidr = cidr::parse(&range.cidr).map_err(|error| {
                    Error::data(format!("cluster {}: {:?} {error}", record.label(), range.cidr))
                        .at(place)
                })?;
                ranges.insert(cidr);
            }
        }
        if ranges.is_empty() {
            return Err(Error::data("no range of Services is known")
                .hint("give it with --service-cidr, or the cluster's record, of mesh-clusters"));
        }
        Ok(ranges)
    }
}

fn read_injector(map: &ConfigMap) -> Result<Injector> {
    Injector::read(map.text("values")?, &map.place("values"))
}

/// The command that makes a token of a service account, given by namespace and name.
fn create_token((namespace, name): (&str, &str), audience: &str) -> String {
    let words = ["kubectl", "create", "token", name, "-n", namespace, "--audience", audience];
    format!("{} > FILE", shell::command_line(words))
}
