//! A cluster's CA as the Secret that its istiod mounts.

use crate::object::CACERTS;
use meshpki::bundle::{Files, to_secret};
use serde_json::{Value, json};

/// By what mesh-apply puts an object into its cluster.
pub const FOR_CLUSTER: &str = "meshutils/cluster";
/// When the CA certificate ends: RFC 3339.
const EXPIRES: &str = "meshutils/expires";

/// The Secret `cacerts`. `cluster` is none where only the user knows the cluster; `expires` is the
/// Unix time at which the CA certificate ends.
#[must_use]
pub fn secret(cluster: Option<&str>, namespace: &str, expires: i64, files: &Files) -> Value {
    let mut secret = to_secret(CACERTS, namespace, "Opaque", files);
    let mut annotations = json!({EXPIRES: meshpki::date(expires)});
    if let Some(cluster) = cluster {
        annotations[FOR_CLUSTER] = json!(cluster);
    }
    secret["metadata"]["annotations"] = annotations;
    secret
}
