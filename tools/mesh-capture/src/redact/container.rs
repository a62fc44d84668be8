//! Containers: name, image and ports; of istiod's and proxies', what Istio tells them.

use super::shape::Shape::{self, All, Each, Fields};
use meshcore::{Address, without_credentials};
use serde_json::{Value, json};

/// istiod's container, and that of every proxy.
const OF_ISTIO: [&str; 2] = ["discovery", "istio-proxy"];

/// Variables whose values are names, addresses and lists that Istio defines.
const KNOWN: [&str; 32] = [
    "CA_ADDR",
    "CA_PROVIDER",
    "CLOUD_PLATFORM",
    "CLUSTER_ID",
    "EXTERNAL_ISTIOD",
    "INJECTION_WEBHOOK_CONFIG_NAME",
    "ISTIOD_CUSTOM_HOST",
    "ISTIO_META_CLUSTER_ID",
    "ISTIO_META_DNS_AUTO_ALLOCATE",
    "ISTIO_META_DNS_CAPTURE",
    "ISTIO_META_INTERCEPTION_MODE",
    "ISTIO_META_MESH_ID",
    "ISTIO_META_NETWORK",
    "ISTIO_META_REQUESTED_NETWORK_VIEW",
    "ISTIO_META_ROUTER_MODE",
    "ISTIO_META_WORKLOAD_NAME",
    "JWT_POLICY",
    "LOCAL_CLUSTER_SECRET_WATCHER",
    "PILOT_CERT_PROVIDER",
    "PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS",
    "PILOT_MULTICLUSTER_KUBECONFIG_PATH",
    "PILOT_REMOTE_CLUSTER_TIMEOUT",
    "PLATFORM",
    "POD_NAMESPACE",
    "REVISION",
    "ROOT_CA_DIR",
    "SECRET_TTL",
    "SHARED_MESH_CONFIG",
    "TOKEN_AUDIENCES",
    "TRUST_DOMAIN",
    "VALIDATION_WEBHOOK_CONFIG_NAME",
    "XDS_AUTH_PROVIDER",
];

/// How Istio's own switches begin.
const PREFIXES: [&str; 6] = ["AMBIENT_", "ENABLE_", "ISTIO_", "PILOT_", "RESOLVE_", "UNSAFE_"];

/// Flags of istiod that tell of the mesh.
const FLAGS: [&str; 2] = ["--clusterAliases", "--domain"];

const OTHER: Shape = Fields(&[
    ("image", All),
    ("name", All),
    ("ports", Each(&Fields(&[("containerPort", All), ("name", All), ("protocol", All)]))),
]);

/// What is kept of a container.
pub fn keep(mut container: Value) -> Option<Value> {
    let is_of_istio = OF_ISTIO.iter().any(|name| container["name"] == *name);
    let env = container.get_mut("env").map(Value::take);
    let args = container.get_mut("args").map(Value::take);
    let mut kept = OTHER.keep(container)?;
    if is_of_istio {
        if let Some(Value::Array(env)) = env {
            kept["env"] = env.into_iter().filter_map(variable).collect();
        }
        let flags = flags(args.as_ref().and_then(Value::as_array).map_or(&[], Vec::as_slice));
        if !flags.is_empty() {
            kept["args"] = flags.into();
        }
    }
    Some(kept)
}

/// A variable that Istio defines: with its value, or without where that stands elsewhere.
fn variable(variable: Value) -> Option<Value> {
    let name = variable["name"].as_str()?;
    let is_known = KNOWN.contains(&name);
    let is_plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let is_switch = is_plain && PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    if is_known && variable["valueFrom"].is_object() {
        return Some(json!({"name": name, "valueFrom": {}}));
    }
    // A list has more than one address.
    let value = variable["value"].as_str().unwrap_or_default();
    let value = Address::of(&without_credentials(value)).into_string();
    (is_known || (is_switch && is_setting(&value))).then(|| json!({"name": name, "value": value}))
}

/// Whether a value is yes or no, a number or a duration.
fn is_setting(value: &str) -> bool {
    matches!(value, "" | "true" | "false")
        || (value.len() <= 6 && value.starts_with(|c: char| c.is_ascii_digit()))
}

/// The flags that are kept, each with its value in the same argument.
fn flags(args: &[Value]) -> Vec<Value> {
    let args: Vec<&str> = args.iter().filter_map(Value::as_str).collect();
    let flag = |(i, arg): (usize, &&str)| {
        let (name, value) = match arg.split_once('=') {
            Some((name, value)) => (name, value),
            None => (*arg, *args.get(i + 1)?),
        };
        FLAGS.contains(&name).then(|| json!(format!("{name}={}", without_credentials(value))))
    };
    args.iter().enumerate().filter_map(flag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_other_containers_only_name_and_image_are_kept() {
        let app = json!({"name": "app", "image": "i:1", "args": ["--password=secret"],
            "command": ["secret"], "env": [{"name": "CLUSTER_ID", "value": "secret"}]});
        assert_eq!(keep(app), Some(json!({"name": "app", "image": "i:1"})));
    }

    #[test]
    fn of_istios_own_what_istio_defines() {
        let istiod = json!({
            "name": "discovery", "image": "pilot:1.30.3", "volumeMounts": [],
            "args": ["discovery", "--domain", "cluster.local", "--clusterAliases=a=b", "--x", "secret"],
            "env": [
                {"name": "CLUSTER_ID", "value": "c1"},
                {"name": "REVISION", "valueFrom": {"secretKeyRef": {"name": "s", "key": "secret"}}},
                {"name": "PILOT_ENABLE_ALPHA_GATEWAY_API", "value": "true"},
                {"name": "PILOT_TIMEOUT", "value": "30s"},
                {"name": "PILOT_WHATEVER", "value": "hunter2secret"},
                {"name": "DB_PIN", "value": "1234"},
                {"name": "AWS_SECRET_ACCESS_KEY", "value": "secret"},
                {"value": "nameless"},
            ],
        });
        assert_eq!(
            keep(istiod),
            Some(json!({
                "name": "discovery", "image": "pilot:1.30.3",
                "args": ["--domain=cluster.local", "--clusterAliases=a=b"],
                "env": [
                    {"name": "CLUSTER_ID", "value": "c1"},
                    {"name": "REVISION", "valueFrom": {}},
                    {"name": "PILOT_ENABLE_ALPHA_GATEWAY_API", "value": "true"},
                    {"name": "PILOT_TIMEOUT", "value": "30s"},
                ],
            }))
        );
    }

    #[test]
    fn settings_are_short() {
        for value in ["", "true", "0", "30s", "1m30s"] {
            assert!(is_setting(value), "{value}");
        }
        for value in ["12345678", "True story", "s3cr3t!", "/var/run"] {
            assert!(!is_setting(value), "{value}");
        }
    }
}
