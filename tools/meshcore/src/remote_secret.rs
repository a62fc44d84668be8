//! What the Secret is called with which one cluster reads another, and how it is known.

/// istiod reads the Secrets of its namespace on which this label is "true".
pub const LABEL: &str = "istio/multiCluster";
/// What istioctl and mesh-remote-secret put before a cluster's ID.
pub const NAME_PREFIX: &str = "istio-remote-secret-";

/// The name of a cluster's remote Secret.
#[must_use]
pub fn name_of(cluster: &str) -> String {
    format!("{NAME_PREFIX}{cluster}")
}

/// Whether a Secret is, or once was, a remote Secret: by label, or by its name.
#[must_use]
pub fn is_remote(name: &str, has_label: bool) -> bool {
    has_label || name.starts_with(NAME_PREFIX)
}
