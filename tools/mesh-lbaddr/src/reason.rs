//! Why a Service has no external address, and what to do about it.

use crate::Target;
use crate::nodes::SELECTOR;
use meshcore::owner::AS_OURS;
use meshcore::{Message, shell};
use meshkube::k8s_openapi::api::core::v1::Service;
use meshkube::kube::ResourceExt as _;

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
    Pending {
        /// What leaves it to a controller that a cluster may not have.
        left_to: Option<String>,
    },
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

/// The annotation by which the in-tree controller of AWS passes a Service over.
const AWS_TYPE: &str = "service.beta.kubernetes.io/aws-load-balancer-type";

impl Reason {
    /// Why a Service of type `LoadBalancer` has no address.
    pub(crate) fn pending(service: &Service) -> Self {
        let class = service.spec.as_ref().and_then(|spec| spec.load_balancer_class.as_ref());
        let external = service.annotations().get(AWS_TYPE);
        let external = external.filter(|kind| ["external", "nlb-ip"].contains(&kind.as_str()));
        let left_to = class
            .map(|class| format!("loadBalancerClass {class}"))
            .or_else(|| external.map(|kind| format!("annotation {AWS_TYPE}: {kind}")));
        Self::Pending { left_to }
    }

    /// Whether time alone may mend it.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Missing
            | Self::Pending { .. }
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
            Self::Pending { left_to } => {
                let message =
                    say("has no address yet: no load balancer has been made for it".to_owned());
                let message = match left_to {
                    Some(what) => message.hint(format!(
                        "{what} leaves it to a controller of its own, and all others pass it over: does \
                         that one run in the cluster?"
                    )),
                    None => message,
                };
                message.hint("kubectl describe service shows what its controller says")
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
                    .hint("the names of new load balancers take minutes to be known")
            }
        }
    }
}
