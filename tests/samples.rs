//! Small inputs that more than one test feeds to the programs.

/// A cluster, as gcloud lists it in short.
pub const GCLOUD: &str = r#"[{"name": "a", "clusterIpv4Cidr": "10.0.0.0/14"}]"#;

/// A cluster with tagged nodes, as gcloud describes it.
pub const TAGGED: &str = r#"{"name": "a", "clusterIpv4Cidr": "10.0.0.0/14",
    "nodePools": [{"config": {"tags": ["t"]}}]}"#;

/// Two clusters that could reach each other's API servers.
pub const TWO_CLUSTERS: &str = r#"[
    {"name": "a", "location": "l", "clusterIpv4Cidr": "10.0.0.0/14", "endpoint": "34.1.1.1",
     "selfLink": "https://container.example/v1/projects/p/locations/l/clusters/a"},
    {"name": "b", "location": "l", "clusterIpv4Cidr": "10.4.0.0/14", "endpoint": "34.1.1.2",
     "selfLink": "https://container.example/v1/projects/p/locations/l/clusters/b"}]"#;

/// A kubeconfig with one context and nothing behind it.
pub const KUBECONFIG: &str = r#"{"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [],
    "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}]}"#;

/// A cluster record with all that an installation needs.
pub const RECORD: &str = r#"{"apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": "a",
    "id": "a", "network": "network1", "meshId": "mesh1"}"#;

/// A remote Secret of which there is one thing to say: its token is no JWT.
pub const REMOTE_SECRET: &str = r#"{"kind": "Secret", "metadata": {"name": "istio-remote-secret-a",
    "namespace": "istio-system", "labels": {"istio/multiCluster": "true"}}, "stringData": {"a":
    "{clusters: [{name: c, cluster: {server: 'https://a.example.com'}}], users: [{name: u, user: {token: t}}], contexts: [{name: x, context: {cluster: c, user: u}}], current-context: x}"}}"#;

/// A pod of a control plane without a revision.
pub const ISTIOD: &str =
    r#"{"kind": "Pod", "metadata": {"name": "a", "labels": {"app": "istiod"}}}"#;

/// A gateway's Service with an address.
pub const SERVICE: &str = r#"{"apiVersion": "v1", "kind": "Service",
    "metadata": {"name": "istio-eastwestgateway", "namespace": "istio-system"},
    "spec": {"type": "LoadBalancer", "ports": [{"name": "tls", "port": 15443}]},
    "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}"#;
