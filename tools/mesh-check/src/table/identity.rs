//! Who a cluster says it is.

use crate::table::Check;
use meshcore::finding::Severity::{Error, Warning};

pub const ID_TWICE: Check = Check {
    code: "MESH0101",
    severity: Error,
    title: "one cluster ID twice",
    meaning: "Two clusters have one CLUSTER_ID. istiod takes the endpoints of both for one cluster's \
        and drops one; it ignores a remote Secret with its own ID; proxies of the one are taken \
        for the other's. Requests reach one of the clusters only, and which one changes with \
        every restart.",
    remedy: "Give each its own clusterName (values.global.multiCluster.clusterName) and restart its \
        istiod and proxies.",
    source: "istio/istio issue 36990; pkg/kube/multicluster/secretcontroller.go",
};

pub const ID_NO_KEY: Check = Check {
    code: "MESH0102",
    severity: Error,
    title: "a cluster ID that can be no key",
    meaning: "istiod learns the IDs of other clusters from the keys of remote Secrets. A key has \
        letters, digits, '-', '_' and '.' only, so no other cluster can ever be told this one's \
        ID.",
    remedy: "Install it with a clusterName that can be a key.",
    source: "Kubernetes, IsConfigMapKey",
};

pub const IDS_DIFFER: Check = Check {
    code: "MESH0103",
    severity: Error,
    title: "several cluster IDs in one cluster",
    meaning: "The control planes of one cluster have different CLUSTER_IDs. The others' istiod know \
        the cluster by one key alone, and the proxies of all other revisions are strangers to \
        them.",
    remedy: "Install all revisions of the cluster with one clusterName.",
    source: "istio/istio security/pkg/server/ca/authenticate/kubeauth/kube_jwt.go",
};

pub const PROXY_ID: Check = Check {
    code: "MESH0104",
    severity: Error,
    title: "proxies with another cluster ID than istiod's",
    meaning: "The injector tells proxies another cluster ID (global.multiCluster.clusterName) than the \
        one that istiod has (CLUSTER_ID). istiod refuses their certificates: \"client claims to \
        be in cluster X, but we only know about local cluster Y\". New pods do not become ready.",
    remedy: "Set both to one ID, and restart istiod.",
    source: "istio/istio issue 42144",
};

pub const DEFAULT_ID: Check = Check {
    code: "MESH0105",
    severity: Warning,
    title: "a cluster that was installed without a name",
    meaning: "The cluster was installed without a clusterName, so its CLUSTER_ID is \"Kubernetes\". \
        The next cluster that is installed so has the same ID.",
    remedy: "Install it with a clusterName before it joins others.",
    source: "istio/istio issue 36990",
};

pub const MESH_ID: Check = Check {
    code: "MESH0106",
    severity: Warning,
    title: "clusters of one mesh with different mesh IDs",
    meaning: "Clusters that read each other's endpoints have different mesh IDs. Traffic flows; \
        telemetry shows two meshes, and Google's managed parts keep the clusters apart.",
    remedy: "Install all with one meshID.",
    source: "Istio, values.global.meshID",
};

pub const TRUST_DOMAIN: Check = Check {
    code: "MESH0107",
    severity: Error,
    title: "a trust domain that others do not know",
    meaning: "Certificates of one cluster name a trust domain that the other cluster neither has nor \
        lists among its aliases. Proxies refuse each other's certificates; clients see 503 with \
        \"upstream connect error … CERTIFICATE_VERIFY_FAILED\", and AuthorizationPolicies do not \
        match.",
    remedy: "Add it to trustDomainAliases of the other's mesh config; proxies take it up by \
        themselves.",
    source: "istio/istio issues 39204, 37096, 30349, 55529 and 58511",
};

pub const RECORD_ID: Check = Check {
    code: "MESH0108",
    severity: Warning,
    title: "a record with another ID than istiod's",
    meaning: "The cluster's record has another ID than the CLUSTER_ID of its istiod. What is made from \
        the record (remote Secrets above all) is made for a cluster that istiod does not know.",
    remedy: "Correct the record: what istiod says counts.",
    source: "GoogleCloudPlatform/anthos-service-mesh-packages PR 1184, istio.io issue 5050",
};

/// All of them.
pub const ALL: &[Check] =
    &[ID_TWICE, ID_NO_KEY, IDS_DIFFER, PROXY_ID, DEFAULT_ID, MESH_ID, TRUST_DOMAIN, RECORD_ID];
