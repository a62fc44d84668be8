//! What istiod reads in another cluster, by version.
//!
//! From Istio's `pilot/pkg/serviceregistry/kube/controller`, `pilot/pkg/credentials/kube` and
//! `pkg/kube/multicluster`; every informer there must come to its end, or istiod waits for
//! `PILOT_REMOTE_CLUSTER_TIMEOUT` and counts the cluster as not synchronised.

use meshcore::IstioVersion;
use serde_json::{Value, json};

/// How much a reader may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// What Istio's chart gives: all of Istio's own objects and much that nobody reads
    Full,
    /// What istiod of --istio-version does read; without Kubernetes MCS, which is off by default
    Least,
    /// The same without Secrets; from 1.31 on, and the others' istiod needs
    /// `PILOT_ENABLE_REMOTE_CREDENTIALS_CONTROLLER=false`
    NoSecrets,
}

/// The newest Istio that this table knows.
const NEWEST: u16 = 31;

const READ: [&str; 3] = ["get", "list", "watch"];

/// The cluster role's rules for readers of all these versions; of the newest when there is none.
#[must_use]
pub fn rules(role: Role, versions: &[IstioVersion]) -> Vec<Value> {
    match role {
        Role::Full => full(),
        Role::Least => least(versions, true),
        Role::NoSecrets => least(versions, false),
    }
}

/// The rules in Istio's namespace, where there are some. From 1.29 on istiod reads the mesh
/// configuration of other clusters, the config map `istio[-REVISION]` (istio/istio#58455).
#[must_use]
pub fn namespace_rules(role: Role, versions: &[IstioVersion]) -> Option<Vec<Value>> {
    let needed = role != Role::Full && any(versions, |minor| minor >= 29);
    needed.then(|| vec![rule(&[""], &["configmaps"], &READ)])
}

/// Why this role is none for these versions.
#[must_use]
pub fn unfit(role: Role, versions: &[IstioVersion]) -> Option<String> {
    let old = versions.iter().find(|version| version.minor() < 31)?;
    (role == Role::NoSecrets)
        .then(|| format!("istiod {old} reads the Secrets of other clusters and cannot do without"))
}

/// `reader-clusterrole.yaml` of Istio's chart `istio-discovery` (1.30).
fn full() -> Vec<Value> {
    let istio = [
        "config.istio.io",
        "security.istio.io",
        "networking.istio.io",
        "authentication.istio.io",
        "rbac.istio.io",
        "telemetry.istio.io",
        "extensions.istio.io",
    ];
    let core = [
        "endpoints",
        "pods",
        "services",
        "nodes",
        "replicationcontrollers",
        "namespaces",
        "secrets",
        "configmaps",
    ];
    let exports = ["get", "list", "watch", "create", "delete"];
    vec![
        rule(&istio, &["*"], &READ),
        rule(&[""], &core, &READ),
        rule(&["networking.istio.io"], &["workloadentries"], &READ),
        rule(&["gateway.networking.k8s.io"], &["gateways"], &READ),
        rule(&["apiextensions.k8s.io"], &["customresourcedefinitions"], &READ),
        rule(&["discovery.k8s.io"], &["endpointslices"], &READ),
        rule(&["multicluster.x-k8s.io"], &["serviceexports"], &exports),
        rule(&["multicluster.x-k8s.io"], &["serviceimports"], &READ),
        rule(&["apps"], &["replicasets"], &READ),
        rule(&["authentication.k8s.io"], &["tokenreviews"], &["create"]),
        rule(&["authorization.k8s.io"], &["subjectaccessreviews"], &["create"]),
    ]
}

fn least(versions: &[IstioVersion], secrets: bool) -> Vec<Value> {
    let mut core = vec!["namespaces", "nodes", "pods", "services"];
    // Endpoints until 1.18 where Kubernetes is older than 1.21, then slices alone (#44333).
    if any(versions, |minor| minor < 19) {
        core.push("endpoints");
    }
    // 1.26 reads them in all clusters (#55545), 1.27 does not any more (#56838).
    if any(versions, |minor| minor == 26) {
        core.push("configmaps");
    }
    // Certificates of gateways there that this istiod configures; it reads them in any case.
    if secrets {
        core.push("secrets");
    }
    core.sort_unstable();
    let mut rules = vec![
        rule(&[""], &core, &READ),
        rule(&["discovery.k8s.io"], &["endpointslices"], &READ),
        rule(&["networking.istio.io"], &["workloadentries"], &READ),
        rule(&["apiextensions.k8s.io"], &["customresourcedefinitions"], &READ),
    ];
    // Network gateways of the Gateway API: possible since 1.19 (#45342), default since 1.23
    // (#51319).
    if any(versions, |minor| minor >= 19) {
        rules.push(rule(&["gateway.networking.k8s.io"], &["gateways"], &READ));
    }
    // Proxies there that connect to this istiod show tokens that their own cluster must check.
    rules.push(rule(&["authentication.k8s.io"], &["tokenreviews"], &["create"]));
    if secrets {
        rules.push(rule(&["authorization.k8s.io"], &["subjectaccessreviews"], &["create"]));
    }
    rules
}

fn any(versions: &[IstioVersion], test: impl Fn(u16) -> bool) -> bool {
    if versions.is_empty() { test(NEWEST) } else { versions.iter().any(|v| test(v.minor())) }
}

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": groups, "resources": resources, "verbs": verbs})
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// `GROUP/RESOURCE` of all rules.
    fn resources(rules: &[Value]) -> BTreeSet<String> {
        let words = |rule: &Value, field: &str| -> Vec<String> {
            let words = rule[field].as_array().unwrap().iter();
            words.map(|word| word.as_str().unwrap().to_owned()).collect()
        };
        let pairs = |rule: &Value| -> Vec<String> {
            let groups = words(rule, "apiGroups");
            let resources = words(rule, "resources");
            let of = |group: &String| {
                resources.iter().map(|r| format!("{group}/{r}")).collect::<Vec<_>>()
            };
            groups.iter().flat_map(of).collect()
        };
        rules.iter().flat_map(pairs).collect()
    }

    fn of(role: Role, versions: &[&str]) -> BTreeSet<String> {
        let versions: Vec<IstioVersion> = versions.iter().map(|v| v.parse().unwrap()).collect();
        resources(&rules(role, &versions))
    }

    #[test]
    fn each_version_gets_what_it_reads() {
        for (versions, with, without) in [
            (&["1.18.2"][..], &["/endpoints"][..], &["gateway.networking.k8s.io/gateways"][..]),
            (&["1.24"], &["gateway.networking.k8s.io/gateways"], &["/endpoints", "/configmaps"]),
            (&["1.26.1"], &["/configmaps"], &["/endpoints"]),
            (&["1.27.0"], &["/secrets"], &["/configmaps"]),
            (&["1.18", "1.26"], &["/configmaps", "/endpoints"], &[]),
            (&[], &["/secrets"], &["/configmaps", "/endpoints"]),
        ] {
            let least = of(Role::Least, versions);
            for resource in with {
                assert!(least.contains(*resource), "{versions:?} lack {resource}");
            }
            for resource in without {
                assert!(!least.contains(*resource), "{versions:?} have {resource}");
            }
        }
    }

    #[test]
    fn the_least_role_is_part_of_the_full_one() {
        let full = of(Role::Full, &[]);
        let istio = "networking.istio.io/*";
        for version in ["1.13", "1.18", "1.22", "1.26", "1.30", "1.31"] {
            let least = of(Role::Least, &[version]);
            assert!(least.is_subset(&full), "{version}: {least:?}");
            assert!(!least.contains(istio) && full.contains(istio));
        }
    }

    #[test]
    fn secrets_can_be_left_out_from_1_31_on() {
        let rights = of(Role::NoSecrets, &["1.31.0"]);
        assert!(!rights.contains("/secrets"));
        let versions = |texts: &[&str]| -> Vec<IstioVersion> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        assert_eq!(unfit(Role::NoSecrets, &versions(&["1.31"])), None);
        assert_eq!(unfit(Role::Least, &versions(&["1.12"])), None);
        let reason = unfit(Role::NoSecrets, &versions(&["1.31", "1.30.3"])).unwrap();
        assert!(reason.starts_with("istiod 1.30.3 reads the Secrets"), "{reason}");
    }

    #[test]
    fn the_mesh_configuration_is_read_since_1_29() {
        let needed =
            |role, version: &str| namespace_rules(role, &[version.parse().unwrap()]).is_some();
        assert!(needed(Role::Least, "1.29.0") && needed(Role::NoSecrets, "1.31"));
        assert!(!needed(Role::Least, "1.28.4") && !needed(Role::Full, "1.30"));
    }
}
