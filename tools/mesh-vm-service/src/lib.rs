//! Registers a service that runs on virtual machines with the mesh, as
//! `istioctl x add-to-mesh external-service` of Istio 1.6 did, or by the objects that came after it.
//!
//! What bounds it: its start. Of the 670,000 instructions of a call 205,000 load the program and
//! 210,000 describe and read its flags; `true` takes 130,000 in all.

mod address;
mod external;
mod group;
mod modern;
mod names;
mod port;
mod probe;
mod request;
mod service;

pub use address::{Address, HostName, MachineIp};
pub use names::{Annotation, ClusterDomain, Label, Locality, ServiceAccount, ServiceName};
pub use port::{Port, PortNumber, Protocol};
pub use probe::Probe;
pub use request::{Form, Request};
pub use service::{Machines, Pairs, Service};

use clap::{Parser, ValueEnum};
use meshcore::{
    Console, DnsLabel, Error, IstioVersion, Network, Outcome, Result, json_pretty, yaml,
};
use serde_json::{Value, json};
use std::num::NonZeroU32;
use std::str::FromStr;

const EXAMPLES: &str = "\
Examples:
  mesh-vm-service productcatalogservice 10.128.0.9 grpc:3550 | mesh-apply --dry-run=server --context cluster1
  mesh-vm-service productcatalogservice --group grpc:3550 --probe tcp:3550 | mesh-apply --dry-run=server --context cluster2";

/// Write the objects that register a service of virtual machines with the mesh
///
/// Without --modern or --group they are those of istioctl 1.6's `add-to-mesh external-service`: a
/// `ServiceEntry` with the addresses in it and a Service without selector. --modern makes each
/// machine a workload with an identity, found by its labels as pods are. --group is for machines
/// that register themselves. Pipe the objects into mesh-apply, and to take the service back, the same
/// into `mesh-apply --delete`. Nothing is read.
#[derive(Debug, Parser)]
#[command(name = "mesh-vm-service", version, before_help = EXAMPLES)]
pub struct Args {
    /// Name of the service
    name: ServiceName,
    /// Addresses of the machines and ports of the service, as 10.128.0.9 grpc:3550
    ///
    /// Commas separate, too. An address is IPv4, IPv6 or, with --service-entry, a host name. 80
    /// and 8080 alone are http, 443 is https, 3306 is mysql; any other port needs its protocol:
    /// tcp, udp, grpc, grpc-web, http, http2, https, thrift, tls, mongo, redis or mysql.
    #[arg(value_name = "ADDRESS|PROTOCOL:PORT", value_delimiter = ',')]
    items: Vec<Item>,
    /// A `WorkloadEntry` for each machine, and a Service for machines and pods with the same labels
    ///
    /// A Service is found by its name everywhere, and pods can take over from machines behind it.
    /// Without an address it is the Service alone, for machines of --group.
    #[arg(long)]
    modern: bool,
    /// With --modern, a `ServiceEntry` in place of the Service: for machines with host names
    #[arg(long)]
    service_entry: bool,
    /// A `WorkloadGroup`, by which each machine that connects is registered
    #[arg(long)]
    group: bool,
    /// How the machines of --group find out whether the service is well: http:PATH:PORT,
    /// https:PATH:PORT, tcp:PORT or grpc:PORT
    #[arg(long)]
    probe: Option<Probe>,
    /// Labels by which --modern finds machines and pods; machines get them [default: app=NAME]
    #[arg(long, value_name = "KEY=VALUE,...", value_delimiter = ',')]
    selector: Vec<Label>,
    /// Labels of the machines, and of the Service unless --modern
    #[arg(short, long, value_name = "KEY=VALUE,...", value_delimiter = ',')]
    labels: Vec<Label>,
    /// Annotations of the service, or of the workloads of --group
    #[arg(short, long, value_name = "KEY=VALUE,...", value_delimiter = ',')]
    annotations: Vec<Annotation>,
    /// Service account whose identity the machines have
    #[arg(short, long, alias = "serviceaccount", value_name = "NAME", default_value = "default")]
    service_account: ServiceAccount,
    /// Istio network of the machines, if it is another than the cluster's
    #[arg(long, value_name = "NAME")]
    network: Option<Network>,
    /// Where the machines are, as us-west2/us-west2-a
    #[arg(long)]
    locality: Option<Locality>,
    /// Share of the traffic that each machine gets; a pod has 1
    #[arg(short, long, value_name = "N")]
    weight: Option<NonZeroU32>,
    /// Namespace of the objects, and of the machines' identity
    #[arg(short, long, default_value = "default", value_parser = DnsLabel::parse)]
    namespace: DnsLabel,
    /// DNS domain of the cluster's services
    #[arg(long, value_name = "DOMAIN", default_value = "cluster.local")]
    cluster_domain: ClusterDomain,
    /// Istio or ASM version of the cluster, as 1.19.10-asm.9 [default: the newest]
    #[arg(long, value_name = "VERSION")]
    istio_version: Option<IstioVersion>,
    /// Form of the objects: a YAML stream; or JSON, several as a v1 List
    #[arg(short, long, value_enum, default_value = "yaml")]
    output: Format,
}

/// An argument after the name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Address(Address),
    Port(Port),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Yaml,
    Json,
}

impl FromStr for Item {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_address = text.parse::<std::net::IpAddr>().is_ok();
        if !is_address && (text.contains(':') || text.bytes().all(|b| b.is_ascii_digit())) {
            text.parse().map(Self::Port)
        } else if is_address || text.contains('.') {
            text.parse().map(Self::Address)
        } else {
            Err("it is neither an address, as 10.128.0.9, nor a port, as grpc:3550".to_owned())
        }
    }
}

/// Writes the objects that the arguments describe.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    let output = args.output;
    let request = args.request()?;
    for message in request.warnings() {
        console.warn(&message);
    }
    if let Some(message) = request.note() {
        console.note(&message);
    }
    let objects = request.objects();
    Ok(Outcome::done(match output {
        Format::Yaml => yaml::stream(&objects),
        Format::Json => json_text(&objects),
    }))
}

impl Args {
    /// What is asked for, if it can be had.
    fn request(self) -> Result<Request> {
        let (mut addresses, mut ports) = (Vec::new(), Vec::new());
        for item in self.items {
            match item {
                Item::Address(address) => addresses.push(address),
                Item::Port(port) => ports.push(port),
            }
        }
        let form = form(self.modern, self.service_entry, self.group, self.probe)?;
        let name = self.name.to_string();
        let (selector, labels) = request::labels(&form, &name, self.selector, self.labels)?;
        let annotations = self.annotations.into_iter().map(|a| (a.key, a.value));
        let annotations = request::without_twins("--annotations", annotations)?;
        let service = Service {
            name: self.name,
            namespace: self.namespace,
            domain: self.cluster_domain,
            ports,
            annotations,
            version: self.istio_version,
        };
        let machines = Machines {
            labels,
            service_account: self.service_account,
            network: self.network,
            locality: self.locality,
            weight: self.weight,
        };
        Request { form, service, machines, addresses, selector }.checked()
    }
}

/// The form that the flags choose.
fn form(modern: bool, service_entry: bool, group: bool, probe: Option<Probe>) -> Result<Form> {
    match (modern, service_entry, group, probe) {
        (true, _, true, _) => Err(Error::usage("--modern and --group are two steps").hint(
            "--group is for machines that register themselves, and --modern without an address \
             writes the Service that finds them",
        )),
        (false, true, ..) => {
            Err(Error::usage("--service-entry is for --modern: it is in place of its Service"))
        }
        (_, _, false, Some(_)) => Err(Error::usage("--probe is for --group")
            .hint("istiod hears of machines' health when they register themselves")),
        (_, _, true, probe) => Ok(Form::Group(probe)),
        (true, true, ..) => Ok(Form::ServiceEntry),
        (true, false, ..) => Ok(Form::Service),
        (false, ..) => Ok(Form::External),
    }
}

fn json_text(objects: &[Value]) -> String {
    match objects {
        [object] => json_pretty(object),
        _ => json_pretty(&json!({"apiVersion": "v1", "kind": "List", "items": objects})),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_told_from_ports() {
        for text in ["10.128.0.9", "fd00::1", "a::80", "::ffff:10.0.0.1", "vm1.example.com"] {
            assert!(matches!(text.parse(), Ok(Item::Address(_))), "{text}");
        }
        for text in ["80", ":80", "grpc:3550", "GRPC-Web:1"] {
            assert!(matches!(text.parse(), Ok(Item::Port(_))), "{text}");
        }
        for (text, reason) in [
            ("", "not a port"),
            ("grpc", "neither an address"),
            ("vm1", "neither an address"),
            ("-80", "neither an address"),
            ("3550/tcp", "neither an address"),
            ("[fd00::1]", "not a port"),
            ("fd00:1", "no protocol 'fd00'"),
            ("3550", "needs its protocol"),
            ("10.0.0.1:80", "no protocol '10.0.0.1'"),
            ("10.0.0.256", "looks like an address"),
            ("::1", "for itself"),
        ] {
            let error = text.parse::<Item>().unwrap_err();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn an_item_is_what_its_parser_says(text in "\\PC{0,16}|[a-f0-9.:]{0,16}|[a-z-]{0,8}:[0-9]{1,5}") {
            match text.parse::<Item>() {
                Ok(Item::Address(address)) => prop_assert_eq!(text.parse(), Ok(address)),
                Ok(Item::Port(port)) => {
                    prop_assert_eq!(text.parse(), Ok(port));
                    prop_assert!(text.parse::<Address>().is_err());
                }
                Err(reason) => prop_assert!(!reason.is_empty()),
            }
        }
    }
}
