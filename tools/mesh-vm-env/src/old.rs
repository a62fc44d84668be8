//! The files of a machine as Istio 1.6 wanted them; its certificate, in place of a token, comes
//! from elsewhere.

use crate::bundle::{Bundle, CLUSTER_ENV, HOSTS, ROOT_CERT};
use crate::current::comma_list;
use crate::environment::lines;
use crate::istiod::Istiod;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::NonZeroU16;

/// The namespace that the agent takes where it is told none.
pub const NAMESPACE: &str = "default";

/// A machine that is to join.
#[derive(Debug)]
pub struct Machine<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Ranges of the clusters' Services: what is sent there goes through Envoy.
    pub service_ranges: BTreeSet<IpNet>,
    /// Ports whose traffic comes through Envoy.
    pub inbound_ports: BTreeSet<NonZeroU16>,
    /// Where the mesh reaches it, if not at its first address.
    pub address: Option<IpAddr>,
}

/// All files. `gateway` is where the machine reaches istiod, `root` the mesh's roots in PEM.
#[must_use]
pub fn files(machine: Machine<'_>, istiod: &Istiod, gateway: IpAddr, root: &str) -> Bundle {
    let mut variables = BTreeMap::new();
    let mut set = |name: &str, value: String| variables.insert(name.to_owned(), value);
    set("ISTIO_SERVICE_CIDR", comma_list(machine.service_ranges));
    if !machine.inbound_ports.is_empty() {
        set("ISTIO_INBOUND_PORTS", comma_list(machine.inbound_ports));
    }
    if machine.namespace != NAMESPACE {
        set("ISTIO_NAMESPACE", machine.namespace.to_owned());
    }
    if !istiod.is_usual() {
        set("ISTIO_SYSTEM_NAMESPACE", istiod.namespace().to_owned());
    }
    if let Some(ip) = machine.address {
        set("ISTIO_SVC_IP", ip.to_string());
    }
    let mut bundle = Bundle::default();
    bundle.add(CLUSTER_ENV, lines(&variables));
    // The last three are those of Istio before 1.5, which old packages still look for.
    let (host, namespace) = (istiod.host(), istiod.namespace());
    let hosts = format!("{gateway} {host} istio-citadel istio-pilot istio-pilot.{namespace}\n");
    bundle.add(HOSTS, hosts);
    bundle.add(ROOT_CERT, root.to_owned());
    bundle
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bundle: &Bundle, name: &str) -> String {
        bundle.files().find(|file| file.name == name).unwrap().text.to_owned()
    }

    #[test]
    fn the_recipe_of_1_6_with_quotes() {
        let machine = Machine {
            namespace: "default",
            service_ranges: ["10.8.0.0/20", "10.4.0.0/20"].map(|net| net.parse().unwrap()).into(),
            inbound_ports: [8080, 3550].map(|port| NonZeroU16::new(port).unwrap()).into(),
            address: None,
        };
        let istiod = Istiod::new("istio-system", None);
        let bundle = files(machine, &istiod, "203.0.113.1".parse().unwrap(), "PEM\n");
        assert_eq!(
            text(&bundle, CLUSTER_ENV),
            "ISTIO_INBOUND_PORTS='3550,8080'\nISTIO_SERVICE_CIDR='10.4.0.0/20,10.8.0.0/20'\n"
        );
        assert_eq!(
            text(&bundle, HOSTS),
            "203.0.113.1 istiod.istio-system.svc istio-citadel istio-pilot istio-pilot.istio-system\n"
        );
        assert_eq!(text(&bundle, ROOT_CERT), "PEM\n");
        assert_eq!(bundle.files().count(), 3);
    }

    #[test]
    fn what_is_not_usual_is_told() {
        let machine = Machine {
            namespace: "vms",
            service_ranges: ["fd00::/108".parse().unwrap()].into(),
            inbound_ports: BTreeSet::new(),
            address: Some("fd00:1::1".parse().unwrap()),
        };
        let bundle = files(machine, &Istiod::new("mesh", None), "fd00:2::1".parse().unwrap(), "");
        assert_eq!(
            text(&bundle, CLUSTER_ENV),
            "ISTIO_NAMESPACE='vms'\nISTIO_SERVICE_CIDR='fd00::/108'\nISTIO_SVC_IP='fd00:1::1'\n\
             ISTIO_SYSTEM_NAMESPACE='mesh'\n"
        );
        assert!(text(&bundle, HOSTS).starts_with("fd00:2::1 istiod.mesh.svc "));
    }
}
