//! Fields of text that the API's schemas have, for each kind that mesh-capture reads, and objects
//! with a canary in them.

mod object;

pub use object::{Form, Planted, found, laid_open};

use meshstate::Resource;

/// Lines of a resource and a path, in the form of [`Field::shown`].
const PUBLISHED: &str = include_str!("fields/published.txt");

/// What comes through into a capture, sorted: the kind and the path. Of an address it is neither
/// user nor query.
pub const KEPT: &str = include_str!("fields/kept.txt");

/// A kind, or one of several uses of it that are kept differently.
pub struct Kind {
    /// As the list of what is kept has it.
    pub name: &'static str,
    /// What it is to the API.
    pub resource: Resource,
    /// What an object needs for it to be one of the mesh.
    pub fixed: &'static [(&'static [&'static str], &'static str)],
    /// Fields that the schema has only as "any key".
    pub more: &'static [&'static [&'static str]],
}

const fn kind(name: &'static str, resource: Resource) -> Kind {
    Kind { name, resource, fixed: &[], more: &[] }
}

const NAME: &[&str] = &["metadata", "name"];
const SECRET: &[&[&str]] = &[
    &["data", "ca.crt#"],
    &["data", "ca-key.pem#"],
    &["data", "namespace#"],
    &["data", "token#"],
    &["metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"],
    &["metadata", "annotations", "networking.istio.io/cluster"],
];
const MAP: &[&[&str]] = &[
    &["data", "ClusterConfiguration"],
    &["data", "ca.crt"],
    &["data", "config"],
    &["data", "mesh"],
    &["data", "meshNetworks"],
    &["data", "root-cert.pem"],
    &["data", "values"],
];
/// Those that mesh-capture keeps, and those in which credentials have been seen.
const SERVICE: &[&[&str]] = &[
    &["metadata", "annotations", "cloud.google.com/neg"],
    &["metadata", "annotations", "external-dns.alpha.kubernetes.io/hostname"],
    &["metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"],
    &["metadata", "annotations", "kubernetes.io/change-cause"],
    &["metadata", "annotations", "meta.helm.sh/release-name"],
    &["metadata", "annotations", "networking.istio.io/exportTo"],
    &["metadata", "annotations", "nginx.ingress.kubernetes.io/configuration-snippet"],
    &["metadata", "annotations", "proxy.istio.io/config"],
    &["metadata", "annotations", "service.beta.kubernetes.io/aws-load-balancer-ssl-cert"],
    &["metadata", "annotations", "sidecar.istio.io/bootstrapOverride"],
    &["metadata", "annotations", "sidecar.istio.io/inject"],
    &["metadata", "annotations", "sidecar.istio.io/status"],
    &["metadata", "annotations", "sidecar.istio.io/userVolume"],
    &["metadata", "annotations", "traffic.istio.io/nodeSelector"],
];
const POD: &[&[&str]] = &[
    &["spec", "containers", "[discovery]", "env", "[AWS_SECRET_ACCESS_KEY]", "value"],
    &["spec", "containers", "[discovery]", "env", "[CA_ADDR]", "value"],
    &["spec", "containers", "[discovery]", "env", "[CLUSTER_ID]", "value"],
    &["spec", "containers", "[discovery]", "env", "[PILOT_TOKEN]", "value"],
    &["spec", "containers", "[discovery]", "env", "[XDS_AUTH_PROVIDER]", "value"],
    &["spec", "containers", "[discovery]", "args", "[--clusterAliases=]"],
    &["spec", "containers", "[discovery]", "args", "[--domain=]"],
    &["spec", "containers", "[discovery]", "args", "[--keyFile=]"],
    &["spec", "containers", "[app]", "env", "[CLUSTER_ID]", "value"],
    &["spec", "containers", "[app]", "args", "[--domain=]"],
];
const INFRASTRUCTURE: &[&[&str]] = &[
    &["spec", "infrastructure", "annotations", "cloud.google.com/neg"],
    &["spec", "infrastructure", "annotations", "kubernetes.io/change-cause"],
    &["spec", "infrastructure", "annotations", "proxy.istio.io/config"],
];

/// All that mesh-capture reads.
pub const KINDS: &[Kind] = &[
    kind("namespaces", Resource::Namespaces),
    kind("nodes", Resource::Nodes),
    Kind { more: SERVICE, ..kind("services", Resource::Services) },
    kind("endpoints", Resource::Endpoints),
    Kind { more: POD, ..kind("pods", Resource::Pods) },
    Kind { more: MAP, fixed: &[(NAME, "istio")], ..kind("configmaps", Resource::ConfigMaps) },
    Kind {
        more: MAP,
        fixed: &[(NAME, "istio-sidecar-injector")],
        ..kind("configmaps(injector)", Resource::ConfigMaps)
    },
    Kind {
        more: MAP,
        fixed: &[(NAME, "istio-ca-root-cert")],
        ..kind("configmaps(root)", Resource::ConfigMaps)
    },
    Kind {
        more: MAP,
        fixed: &[(NAME, "kubeadm-config"), (&["metadata", "namespace"], "kube-system")],
        ..kind("configmaps(kubeadm)", Resource::ConfigMaps)
    },
    Kind { more: SECRET, ..kind("secrets", Resource::Secrets) },
    Kind {
        more: SECRET,
        fixed: &[(NAME, "istio-remote-secret-a")],
        ..kind("secrets(remote)", Resource::Secrets)
    },
    Kind {
        more: SECRET,
        fixed: &[(NAME, "cacerts")],
        ..kind("secrets(authority)", Resource::Secrets)
    },
    Kind {
        more: SECRET,
        fixed: &[(&["metadata", "annotations", "kubernetes.io/service-account.name"], "reader")],
        ..kind("secrets(token)", Resource::Secrets)
    },
    kind("serviceaccounts", Resource::ServiceAccounts),
    kind("deployments.apps", Resource::Deployments),
    kind("statefulsets.apps", Resource::StatefulSets),
    kind("daemonsets.apps", Resource::DaemonSets),
    Kind {
        fixed: &[(&["metadata", "labels", "app"], "sidecar-injector")],
        ..kind("mutatingwebhookconfigurations", Resource::MutatingWebhookConfigurations)
    },
    kind("servicecidrs", Resource::ServiceCidrs),
    kind("gateways.istio", Resource::IstioGateways),
    kind("virtualservices", Resource::VirtualServices),
    kind("destinationrules", Resource::DestinationRules),
    kind("serviceentries", Resource::ServiceEntries),
    kind("workloadentries", Resource::WorkloadEntries),
    kind("workloadgroups", Resource::WorkloadGroups),
    kind("peerauthentications", Resource::PeerAuthentications),
    kind("authorizationpolicies", Resource::AuthorizationPolicies),
    kind("sidecars", Resource::Sidecars),
    Kind { more: INFRASTRUCTURE, ..kind("gateways", Resource::Gateways) },
];

/// A field of text: the way to it. A segment is a name, `[]` for each item of a list, `[NAME]` for
/// the one of that name, `*` for any key of a map, or `{key}` for the key itself; a name of bytes
/// ends with `#`.
pub struct Field(pub Vec<String>);

impl Field {
    /// Of a path.
    #[must_use]
    pub fn new(path: &[&str]) -> Self {
        Self(path.iter().map(|&segment| segment.to_owned()).collect())
    }

    /// As a line of a list.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut shown = String::new();
        for segment in &self.0 {
            if !shown.is_empty() && !segment.starts_with('[') {
                shown.push('.');
            }
            shown.push_str(segment);
        }
        shown
    }

    /// Of a path whose names have no dots.
    #[must_use]
    pub fn of(shown: &str) -> Self {
        Self(shown.replace("[]", ".[]").split('.').map(str::to_owned).collect())
    }

    /// The same; a map has keys, too.
    #[must_use]
    pub fn read(shown: &str) -> Vec<Self> {
        let keys = shown.strip_suffix(".*").map(|map| Self::of(&format!("{map}.{{key}}")));
        [Some(Self::of(shown)), keys].into_iter().flatten().collect()
    }
}

/// The fields of a kind of which no API server of the tests has a schema.
#[must_use]
pub fn published(resource: Resource) -> Vec<Field> {
    let of_kind = |line: &'static str| line.strip_prefix(resource.name())?.strip_prefix(' ');
    PUBLISHED.lines().filter_map(of_kind).flat_map(Field::read).collect()
}

impl Kind {
    /// Its fields that are known without an API server: all that are published, or those that are
    /// kept; and more.
    #[must_use]
    pub fn known(&self) -> Vec<Field> {
        let more: Vec<Field> = self.more.iter().map(|path| Field::new(path)).collect();
        let mut fields = published(self.resource);
        if fields.is_empty() {
            let is_more = |path: &str| more.iter().any(|field| field.shown() == path);
            let kept = KEPT.lines().filter_map(|line| {
                line.strip_prefix(self.name)?.strip_prefix(' ').filter(|path| !is_more(path))
            });
            fields = kept.map(Field::of).collect();
        }
        fields.extend(more);
        fields
    }
}
