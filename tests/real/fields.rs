//! A canary in every field of text that the API's published schema has, for each kind that
//! mesh-capture reads: what comes through is on a list, and nothing else.
//!
//! The schemas of Kubernetes are the API server's own. The test bed has Istio's kinds without
//! schemas: their fields, from the definitions in istio.io/api 1.31 and gateway-api 1.6, are in
//! fields/published.txt. Nobody publishes one of `ControlPlaneRevision`; and texts within a config
//! map or an annotation (`MeshConfig`, `ProxyConfig`, Helm's values) have none that an API server
//! knows: tools/mesh-capture/src/redact/config.rs lists what is kept of them, by field.

mod object;
mod schema;

use crate::{Needs, Test};
use mesh_capture::redact;
use meshstate::Resource;
use object::{Form, Planted};
use schema::Field;
use serde_json::json;
use std::collections::BTreeSet;

pub const TESTS: &[Test] =
    &[("capture_keeps_listed_fields_alone", Needs::Clusters, keeps_listed_fields_alone)];

/// What comes through, sorted: the kind, the path, and what of it. `any` is all text, with what
/// may be a credential in an address; `word` is text, but of an address neither user nor query;
/// `key` is a private key beside a certificate, and must not be there.
const KEPT: &str = include_str!("fields/kept.txt");

/// A kind, or one of several uses of it that are kept differently.
struct Kind {
    name: &'static str,
    resource: Resource,
    /// What an object needs for it to be one of the mesh.
    fixed: &'static [(&'static [&'static str], &'static str)],
    /// Fields that the schema has only as "any key".
    more: &'static [&'static [&'static str]],
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

const KINDS: &[Kind] = &[
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
    Kind { more: INFRASTRUCTURE, ..kind("gateways", Resource::Gateways) },
];

fn keeps_listed_fields_alone() {
    let schemas = schema::Schemas::default();
    let mut kept = BTreeSet::new();
    for kind in KINDS {
        let mut fields = schemas.fields(kind.resource);
        assert!(fields.len() > 20, "{}: the schema has {} fields", kind.name, fields.len());
        fields.extend(kind.more.iter().map(|path| Field::new(path)));
        kept.extend(of(kind, &fields));
    }
    let actual: BTreeSet<&str> = kept.iter().map(String::as_str).collect();
    let listed: BTreeSet<&str> = KEPT.lines().collect();
    let lines = |sign: &str, all: BTreeSet<&str>| {
        all.into_iter().fold(String::new(), |text, line| text + sign + line + "\n")
    };
    let differs = lines("+", &actual - &listed) + &lines("-", &listed - &actual);
    assert!(
        differs.is_empty(),
        "what mesh-capture keeps is not tests/real/fields/kept.txt. May a line with + hold a \
         credential? then mend tools/mesh-capture/src/redact, or else write it into the list:\n{differs}"
    );
    assert!(KEPT.lines().is_sorted(), "the list is not in order");
    assert!(!KEPT.lines().any(|line| line.ends_with(" key")), "private keys come through");
}

/// A line for each field of which something comes through.
fn of(kind: &Kind, fields: &[Field]) -> BTreeSet<String> {
    let through = |form: Form| -> BTreeSet<usize> {
        let mut planted = Planted::default();
        for (number, field) in fields.iter().enumerate() {
            planted.plant(field, number, form);
        }
        for (path, value) in kind.fixed {
            planted.fix(path, &json!(value));
        }
        match redact(kind.resource, "v1", planted.object) {
            Some(kept) => object::found(&kept.to_string()),
            None => BTreeSet::new(),
        }
    };
    let [any, word, key] = [Form::Address, Form::Word, Form::Key].map(through);
    let what = |number: &usize| match number {
        number if any.contains(number) => "any",
        number if word.contains(number) => "word",
        _ => "key",
    };
    let all = any.iter().chain(&word).chain(&key);
    all.map(|number| format!("{} {} {}", kind.name, fields[*number].shown(), what(number)))
        .collect()
}
