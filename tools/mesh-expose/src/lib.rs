//! Exposes services or istiod of a cluster on its east-west gateway, as
//! `samples/multicluster/expose-*.yaml` of the cluster's Istio version do, with the namespace,
//! the revision and the cluster's domain filled in.
//!
//! What bounds it: its start. Of the 530,000 instructions of a call 210,000 load the program and
//! 185,000 describe and read its flags; `true` takes 130,000 in all.

mod istiod;
mod krm;
mod names;
mod services;
mod site;
mod version;

pub use istiod::{Clients, Entrance};
pub use names::{ClusterDomain, DnsName, Host, Revision, Selector};
pub use site::Site;
pub use version::{api_version, checks_servers};

use clap::{Parser, ValueEnum};
use meshcore::{
    Console, DnsLabel, Error, IstioVersion, Message, Outcome, Result, json_pretty, yaml,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const EXAMPLES: &str = "\
Examples:
  mesh-expose services | mesh-apply --dry-run=server --context cluster1
  mesh-expose istiod --revision asm-11910-9 | mesh-apply --dry-run=server --context cluster1";

/// Expose services or istiod of a cluster on its east-west gateway
///
/// Services are exposed to clusters on other networks, istiod to clusters without a control plane
/// and to machines. The objects are those of expose-*.yaml of the Istio version; pipe them into
/// mesh-apply. Nothing is read, but as a KRM function.
#[derive(Debug, Parser)]
#[command(name = "mesh-expose", version, before_help = EXAMPLES)]
pub struct Args {
    /// What to expose
    #[arg(value_enum)]
    what: Option<What>,
    /// Host to expose, as `*.sample.svc.cluster.local`; may be repeated [default: `*.local`, or
    /// `*.DOMAIN` with another --cluster-domain than cluster.local]
    ///
    /// With --https it is the one name by which istiod's clients reach the gateway.
    #[arg(long, value_name = "HOST")]
    host: Vec<Host>,
    /// Namespace whose services to expose, instead of all; may be repeated
    #[arg(long, value_name = "NAMESPACE", value_parser = DnsLabel::parse)]
    expose_namespace: Vec<DnsLabel>,
    /// Revision of the istiod to expose, as asm-11910-9
    #[arg(long)]
    revision: Option<Revision>,
    /// Lead clients of the istiod without a revision there, too: replaces its route, before that
    /// istiod goes or after
    #[arg(long, requires = "revision")]
    as_default: bool,
    /// Let the gateway end the TLS of istiod's clients, with a certificate of its own
    #[arg(long)]
    https: bool,
    /// Secret with that certificate, in the namespace of the gateway's pods
    #[arg(long, value_name = "NAME")]
    credential_name: Option<DnsName>,
    /// Namespace of istiod, and of the objects
    #[arg(short, long, default_value = "istio-system", value_parser = DnsLabel::parse)]
    namespace: DnsLabel,
    /// DNS domain of the cluster's services
    #[arg(long, value_name = "DOMAIN", default_value = "cluster.local")]
    cluster_domain: ClusterDomain,
    /// Label of the gateway's pods
    #[arg(long, value_name = "KEY=VALUE", default_value = "istio=eastwestgateway")]
    gateway_selector: Selector,
    /// Istio or ASM version of the cluster, as 1.19.10-asm.9 [default: the newest]
    #[arg(long, value_name = "VERSION")]
    istio_version: Option<IstioVersion>,
    /// Form of the objects: a YAML stream; or JSON, several as a v1 List
    #[arg(short, long, value_enum, default_value = "yaml")]
    output: Format,
    #[command(flatten)]
    krm: meshkrm::Flag,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// The services of the cluster, to other networks
    Services,
    /// The control plane, to clusters without one and to machines
    Istiod,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Yaml,
    Json,
}

/// Writes the objects that the flags describe.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    if let Some(call) = krm::FUNCTION.call(&args.krm, meshkrm::is_bare())? {
        return krm::answer(call, console);
    }
    let (objects, warning) = args.objects()?;
    if let Some(warning) = &warning {
        console.warn(warning);
    }
    Ok(Outcome::done(match args.output {
        Format::Yaml => yaml::stream(&objects),
        Format::Json => json_text(&objects),
    }))
}

impl Args {
    /// The objects, and what may not be meant.
    fn objects(&self) -> Result<(Vec<Value>, Option<Message>)> {
        let site = Site {
            namespace: self.namespace.clone(),
            domain: self.cluster_domain.clone(),
            gateway: self.gateway_selector.clone(),
            version: self.istio_version,
        };
        match self.what {
            Some(What::Services) => {
                let hosts = self.hosts()?;
                let unused = self.revision.is_some().then(|| {
                    Message::new(
                        "--revision is given and not used: services of all revisions are exposed \
                         alike",
                    )
                });
                Ok((vec![site.expose_services(&hosts)], unused))
            }
            Some(What::Istiod) => {
                let entrance = self.entrance()?;
                let is_checked = entrance != Entrance::Passthrough && checks_servers(site.version);
                let objects = site.expose_istiod(self.clients(), &entrance);
                Ok((objects, is_checked.then(unknown_ca)))
            }
            None => Err(Error::usage("<WHAT> is missing; say what to expose: services or istiod")
                .hint("as: mesh-expose services")),
        }
    }

    /// The hosts to expose; none for all.
    fn hosts(&self) -> Result<BTreeSet<Host>> {
        if self.https || self.credential_name.is_some() {
            return Err(Error::usage("--https and --credential-name are for istiod")
                .hint("services are exposed with the mutual TLS of their proxies"));
        }
        if self.as_default {
            return Err(Error::usage("--as-default is for istiod")
                .hint("services of all revisions are exposed alike"));
        }
        let of_namespaces =
            self.expose_namespace.iter().map(|n| self.cluster_domain.services_of(n));
        Ok(self.host.iter().cloned().chain(of_namespaces).collect())
    }

    /// Who is led to which istiod; revision `default` is none, as for istioctl.
    fn clients(&self) -> Clients<'_> {
        let revision = self.revision.as_ref().filter(|revision| !revision.is_default());
        Clients { of: revision.filter(|_| !self.as_default), revision }
    }

    /// How clients come to istiod.
    fn entrance(&self) -> Result<Entrance> {
        if !self.expose_namespace.is_empty() {
            return Err(Error::usage("--expose-namespace is for services")
                .hint("the namespace of istiod is --namespace"));
        }
        match (self.https, &self.credential_name, &self.host[..]) {
            (false, None, []) => Ok(Entrance::Passthrough),
            (false, ..) => Err(Error::usage("--credential-name and --host need --https")
                .hint("without it istiod ends TLS itself, and its clients choose it by SNI")),
            (true, Some(credential), [host]) => {
                let name = host.exact().ok_or_else(|| {
                    Error::usage(format!("--host {}: istiod has one name", host.as_str()))
                        .hint("name the host by which its clients reach the gateway")
                })?;
                Ok(Entrance::Https { credential: credential.clone(), host: name })
            }
            (true, ..) => Err(Error::usage("--https needs --credential-name and one --host")
                .hint("as --credential-name istiod-cert --host istiod.example.com")),
        }
    }
}

fn unknown_ca() -> Message {
    Message::new(
        "istiod-dr names no CA: from Istio 1.21 on the gateway checks istiod's certificate against \
         the public CAs of its image",
    )
    .hint("if istiod's certificate is of its own CA, add caCertificates to both tls of istiod-dr")
}

fn json_text(objects: &[Value]) -> String {
    match objects {
        [object] => json_pretty(object),
        _ => json_pretty(&json!({"apiVersion": "v1", "kind": "List", "items": objects})),
    }
}
