//! Why a Service has no external address, and what to do about it.

use crate::Target;
use crate::nodes::SELECTOR;
use meshcore::owner::AS_OURS;
use meshcore::{Message, shell};

/// Why there is no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The Service is not there.
    Missing,
    /// Its type makes it known inside the cluster alone.
    ClusterOnly,
    /// It is another name for this host.
    Alias(String),
    /// No load balancer has been made for it yet.
    Pending,
    /// It is on all nodes, and istiod is not told which to take.
    NoSelector,
    /// No node of those that istiod takes has an external address.
    NoNodeAddress {
        /// Nodes that were looked at.
        known: usize,
        /// Those that istiod takes.
        selected: usize,
    },
    /// It has no such port.
    NoPort {
        /// The port that was asked for.
        wanted: String,
        /// Those that it has: `NAME NUMBER`.
        known: Vec<String>,
    },
    /// This host name leads to no address.
    Unresolved {
        /// The load balancer's name.
        host: String,
        /// What the resolver says.
        error: String,
    },
}

impl Reason {
    /// Whether time alone may mend it.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Missing
            | Self::Pending
            | Self::NoNodeAddress { .. }
            | Self::Unresolved { .. } => true,
            Self::ClusterOnly | Self::Alias(_) | Self::NoSelector | Self::NoPort { .. } => false,
        }
    }

    /// For people.
    #[must_use]
    pub fn message(&self, service: &Target) -> Message {
        let Target { namespace, name } = service;
        let say = |text: String| Message::new(format!("service {service} {text}"));
        let annotate = |text: String| {
            let selector = format!("{SELECTOR}={{}}");
            let annotate = ["kubectl", "annotate", "service", name, "-n", namespace, &selector];
            let annotate = shell::command_line(annotate.into_iter().chain(AS_OURS));
            say(text).hint(format!("choose nodes: {annotate}"))
        };
        match self {
            Self::Missing => Message::new(format!("there is no service {service}"))
                .hint("is the gateway installed? name another with NAME and --namespace"),
            Self::ClusterOnly => {
                say("is known inside its cluster alone: it is of type ClusterIP and \
                                      has no externalIPs"
                    .to_owned())
                .hint("a gateway for other clusters is of type LoadBalancer")
            }
            Self::Alias(host) => say(format!("is of type ExternalName: another name for {host}")),
            Self::Pending => {
                say("has no address yet: no load balancer has been made for it".to_owned())
                    .hint("kubectl describe service shows what its controller says; --wait waits")
            }
            Self::NoSelector => annotate(format!(
                "is of type NodePort and has no annotation {SELECTOR}: istiod takes no node for it"
            )),
            Self::NoNodeAddress { known: 0, .. } => {
                let get = ["kubectl", "get", "services,nodes", "-n", namespace, "-o", "json"];
                say("is of type NodePort, and no node is known".to_owned())
                    .hint(format!("give the nodes, too: {}", shell::command_line(get)))
            }
            Self::NoNodeAddress { known, selected: 0 } => {
                annotate(format!("is of type NodePort, and {SELECTOR} fits none of {known} nodes"))
            }
            Self::NoNodeAddress { selected, .. } => say(format!(
                "is of type NodePort, and none of {selected} nodes has an address of type \
                 ExternalIP, which istiod takes"
            )),
            Self::NoPort { wanted, known } => {
                say(format!("has no port {wanted}")).hint(format!("it has: {}", known.join(", ")))
            }
            Self::Unresolved { host, error } => {
                say(format!("has the address {host}, which cannot be resolved: {error}"))
                    .hint("the names of new load balancers take minutes to be known; --wait waits")
            }
        }
    }
}
