//! Virtual machines.

use crate::table::Check;
use meshcore::finding::Severity::{Error, Warning};

pub const PRIVATE_ADDRESS: Check = Check {
    code: "MESH0841",
    severity: Warning,
    title: "a machine with an address of another network",
    meaning: "A WorkloadEntry has a private address, names no network, and the address is in no range \
        of the cluster: istiod takes it to be in the cluster's own network, and clusters there \
        may have no way to it.",
    remedy: "Name the machine's network, or the address by which pods reach it.",
    source: "istio/istio issue 39519",
};

pub const DEAD_ROUTE: Check = Check {
    code: "MESH0843",
    severity: Error,
    title: "a route to an istiod that is gone",
    meaning: "A VirtualService behind a gateway leads machines, and clusters without a control plane, \
        to the Service of an istiod that is not there, as after its revision was uninstalled. \
        They go on with what they know, get no new certificate, and within a day nobody takes \
        theirs.",
    remedy: "Lead them to the revision that is there. Every istiod also answers by the name of the one \
        without a revision: mesh-expose istiod --revision REVISION --as-default replaces its route. \
        Machines of another revision need new files: mesh-vm-env --revision.",
    source: "istio/istio pilot/pkg/bootstrap/server.go, getDNSNames; \
        samples/multicluster/expose-istiod-rev.yaml.tmpl",
};

pub const NO_ISTIOD: Check = Check {
    code: "MESH0842",
    severity: Warning,
    title: "machines that find no istiod",
    meaning: "There is a WorkloadGroup, or a WorkloadEntry with a service account, and in none of the \
        mesh's clusters does anything lead from outside to istiod: no Gateway at port 15012 with \
        a VirtualService behind it, and no Service of istiod's own. The machines' agents are \
        refused at the gateway again and again, and say so only in their own logs.",
    remedy: "Expose istiod: mesh-expose istiod. Leave it if the machines reach istiod in another way.",
    source: "istio.io, install/virtual-machine; samples/multicluster/expose-istiod.yaml",
};

/// All of them.
pub const ALL: &[Check] = &[DEAD_ROUTE, NO_ISTIOD, PRIVATE_ADDRESS];
