//! Tells the descriptions of clusters apart and reads each as what it is.

use super::subnet::{AwsNetworks, AzureSubnet, Subnets, Subnetwork};
use super::{Cluster, Kubeconfig, aks, eks, gke, plain};
use crate::input::{Document, Source};
use crate::{Error, Message, Result};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;

/// Clusters as their sources describe them, and what the reader should know.
#[derive(Debug, Default)]
pub struct Descriptions {
    /// In the order of the sources.
    pub clusters: Vec<Cluster>,
    /// What the sources leave open.
    pub warnings: Vec<Message>,
}

/// Reads clusters from cluster records, from what the clouds' command lines print of clusters
/// and subnets (gcloud, aws, az), from kubeconfigs, and from `kubectl get nodes,servicecidrs,cm`,
/// in any mixture.
pub fn read(sources: &[Source]) -> Result<Descriptions> {
    read_with(sources, |_| Ok(false))
}

/// The same, and lets `other` have what describes no cluster first; it answers whether it took
/// the document.
pub fn read_with(
    sources: &[Source],
    mut other: impl FnMut(&Document<'_>) -> Result<bool>,
) -> Result<Descriptions> {
    let mut subnets = Subnets::default();
    let mut pod_subnets = Vec::new();
    let mut described = Vec::new();
    for source in sources {
        // What gcloud lists is the longest by far.
        if let Some(clusters) = source.array_of::<gke::CertainCluster>() {
            let placed = clusters.into_iter();
            described.extend(placed.map(|(place, cluster)| (place, Description::Gke(cluster.0))));
            continue;
        }
        let mut objects = plain::Objects::default();
        for document in source.documents()? {
            let place = document.place().to_owned();
            let description = match kind(&document)? {
                Kind::Record => Description::Record(Box::new(document.decode()?)),
                Kind::Gke => Description::Gke(Box::new(document.decode()?)),
                Kind::Eks => Description::Eks(Box::new(document.decode()?)),
                Kind::Aks => Description::Aks(Box::new(document.decode()?)),
                Kind::Kubeconfig => Description::Kubeconfig(document.decode()?),
                part => {
                    match part {
                        Kind::Subnetwork => document.decode::<Subnetwork>()?.add_to(&mut subnets),
                        Kind::AwsNetworks => document.decode::<AwsNetworks>()?.add_to(&mut subnets),
                        Kind::AzureSubnet => document.decode::<AzureSubnet>()?.add_to(&mut subnets),
                        Kind::EniConfig => {
                            pod_subnets.push(document.decode::<eks::EniConfig>()?.into_subnet());
                        }
                        Kind::Node => objects.add_node(document.decode()?),
                        Kind::IpPool => objects.add_ip_pool(document.decode()?),
                        Kind::OpenShiftNetwork => objects.add_openshift(document.decode()?),
                        Kind::ServiceCidr => objects.add_service_cidr(document.decode()?),
                        Kind::Namespace => objects.add_namespace(document.decode()?),
                        Kind::ConfigMap => objects
                            .add_config_map(document.decode()?)
                            .map_err(|text| Error::data(text).at(&place))?,
                        _ if other(&document)? => {}
                        _ => return Err(unknown(&document)),
                    }
                    continue;
                }
            };
            described.push((place, description));
        }
        let plain = objects.into_record(&source.name);
        described.extend(plain.map(|(cluster, warning)| {
            (source.name.clone(), Description::Plain(Box::new(cluster), warning))
        }));
    }
    let eks = described.iter().filter(|(_, one)| matches!(one, Description::Eks(_))).count();
    if !pod_subnets.is_empty() && eks != 1 {
        return Err(Error::data(format!(
            "ENIConfigs do not say of which of {eks} EKS clusters they are"
        ))
        .hint("give each EKS cluster with its own ENIConfigs alone, as records: mesh-clusters"));
    }
    let mut all = Descriptions::default();
    for (place, description) in described {
        let (cluster, warning) = match description {
            Description::Record(cluster) => (*cluster, None),
            Description::Plain(cluster, warning) => (*cluster, warning),
            Description::Gke(cluster) => cluster.into_record(&subnets),
            Description::Eks(cluster) => cluster.into_record(&subnets, &pod_subnets),
            Description::Aks(cluster) => cluster.into_record(&subnets),
            Description::Kubeconfig(config) => {
                all.clusters.extend(config.clusters(None));
                continue;
            }
        };
        // Of records, this is known; what clouds print is not checked before.
        cluster.refuse_nul().map_err(|text| Error::data(text).at(&place))?;
        all.warnings.extend(warning.map(|text| Message::new(text).at(place)));
        all.clusters.push(cluster);
    }
    Ok(all)
}

/// One or more clusters; what they say may need the subnets, which can come later.
enum Description {
    Record(Box<Cluster>),
    Plain(Box<Cluster>, Option<String>),
    Gke(Box<gke::Cluster>),
    Eks(Box<eks::Described>),
    Aks(Box<aks::ManagedCluster>),
    Kubeconfig(Kubeconfig),
}

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Record,
    Gke,
    Eks,
    Aks,
    Kubeconfig,
    Subnetwork,
    AwsNetworks,
    AzureSubnet,
    EniConfig,
    IpPool,
    OpenShiftNetwork,
    Node,
    ServiceCidr,
    ConfigMap,
    Namespace,
    Unknown,
}

/// As little as tells the kinds of documents apart.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probe<'a> {
    #[serde(default, borrow)]
    api_version: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    self_link: Option<Cow<'a, str>>,
    #[serde(default, borrow, rename = "type")]
    azure_type: Option<Cow<'a, str>>,
    current_master_version: Option<IgnoredAny>,
    cluster_ipv4_cidr: Option<IgnoredAny>,
    network_profile: Option<IgnoredAny>,
    #[serde(default)]
    cluster: Option<EksProbe>,
    #[serde(rename = "Subnets")]
    aws_subnets: Option<IgnoredAny>,
    #[serde(rename = "Vpcs")]
    aws_vpcs: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct EksProbe {
    arn: Option<IgnoredAny>,
}

fn kind(document: &Document<'_>) -> Result<Kind> {
    let probe: Probe<'_> = document.decode()?;
    let version = probe.api_version.as_deref().unwrap_or("");
    let link = probe.self_link.as_deref().unwrap_or("");
    let azure = probe.azure_type.as_deref().unwrap_or("").to_ascii_lowercase();
    Ok(match probe.kind.as_deref() {
        Some("Cluster") if version.starts_with("meshutils/") => Kind::Record,
        Some("Config") => Kind::Kubeconfig,
        Some("Node") => Kind::Node,
        Some("ENIConfig") => Kind::EniConfig,
        Some("IPPool") => Kind::IpPool,
        Some("Network") if version.starts_with("config.openshift.io/") => Kind::OpenShiftNetwork,
        Some("ServiceCIDR") => Kind::ServiceCidr,
        Some("ConfigMap") => Kind::ConfigMap,
        Some("Namespace") => Kind::Namespace,
        Some("compute#subnetwork") => Kind::Subnetwork,
        // The same as of CertainCluster.
        None if probe.cluster_ipv4_cidr.is_some() => Kind::Gke,
        None if link.contains("/subnetworks/") => Kind::Subnetwork,
        None if link.contains("/clusters/") || probe.current_master_version.is_some() => Kind::Gke,
        None if probe.cluster.is_some_and(|cluster| cluster.arn.is_some()) => Kind::Eks,
        None if probe.aws_subnets.is_some() || probe.aws_vpcs.is_some() => Kind::AwsNetworks,
        None if azure.ends_with("/managedclusters") || probe.network_profile.is_some() => Kind::Aks,
        None if azure.ends_with("/subnets") => Kind::AzureSubnet,
        _ => Kind::Unknown,
    })
}

fn unknown(document: &Document<'_>) -> Error {
    #[derive(Deserialize)]
    struct Object {
        #[serde(default)]
        kind: Option<String>,
    }
    let kind = document.decode::<Object>().ok().and_then(|object| object.kind);
    let what = kind.map_or_else(String::new, |kind| format!(" but a {kind}"));
    Error::data(format!("is no description of a cluster{what}")).at(document.place()).hint(
        "known are, as JSON: gcloud container clusters and networks subnets list|describe, \
         aws eks describe-cluster and ec2 describe-subnets|describe-vpcs, az aks and network \
         vnet subnet show|list, kubectl get nodes,servicecidrs,cm and the objects of \
         network plugins (ENIConfig, IPPool, OpenShift's Network); kubeconfigs; cluster records",
    )
}

#[cfg(test)]
mod tests {
    use super::super::{RangeKind, RecordFormat, write};
    use super::*;

    fn read_text(text: &str) -> Result<Descriptions> {
        read(&[Source::new("lab.json".to_owned(), text.as_bytes().to_vec())?])
    }

    #[test]
    fn a_subnet_may_come_after_the_cluster_that_names_it() {
        let all = read_text(
            r#"[{"name": "a", "clusterIpv4Cidr": "10.4.0.0/14",
                 "networkConfig": {"subnetwork": "projects/p/regions/r/subnetworks/s"},
                 "ipAllocationPolicy": {"additionalPodRangesConfig": {"podRangeNames": ["more"]}}},
                {"kind": "compute#subnetwork", "name": "s", "ipCidrRange": "10.128.0.0/20",
                 "selfLink": "https://compute.example/compute/v1/projects/p/regions/r/subnetworks/s",
                 "secondaryIpRanges": [{"rangeName": "more", "ipCidrRange": "10.64.0.0/16"}]}]"#,
        )
        .unwrap();
        assert!(all.warnings.is_empty(), "{:?}", all.warnings);
        let ranges: Vec<_> =
            all.clusters[0].ranges.iter().map(|r| (r.cidr.as_str(), r.kind)).collect();
        assert_eq!(
            ranges,
            [
                ("10.4.0.0/14", RangeKind::Pod),
                ("10.64.0.0/16", RangeKind::Pod),
                ("10.128.0.0/20", RangeKind::Node)
            ]
        );
    }

    #[test]
    fn an_array_of_gke_clusters_is_read_as_one_by_one() {
        let cluster = |name: &str, kind: &str| {
            format!(
                r#"{{"name": "{name}", "clusterIpv4Cidr": "10.4.0.0/14", {kind} "networkConfig":
                {{"subnetwork": "s"}}, "ipAllocationPolicy": {{"additionalPodRangesConfig":
                {{"podRangeNames": ["more"]}}}}}}"#
            )
        };
        let all = [cluster("a", ""), cluster("b", "")].join(",");
        let [at_once, by_one] =
            [format!("[{all}]"), format!("[{all},null]")].map(|text| read_text(&text).unwrap());
        assert_eq!(at_once.clusters, by_one.clusters);
        assert_eq!(at_once.warnings, by_one.warnings);
        assert!(at_once.warnings[1].text().starts_with("lab.json: document 1: [1]: cluster b has"));
        for other in [cluster("c", r#""kind": "Cluster","#), r#"{"name": "c"}"#.to_owned()] {
            let refused = read_text(&format!("[{all},{other}]")).unwrap_err();
            assert!(refused.message().text().contains("document 1: [2]: is no description"));
        }
    }

    #[test]
    fn a_record_is_one_whatever_its_first_field() {
        let all = read_text(
            r#"{"clusterIpv4Cidr": "10.4.0.0/14", "apiVersion": "meshutils/v1alpha1",
                "kind": "Cluster", "name": "a", "id": "cn-a"}"#,
        );
        assert_eq!(all.unwrap().clusters[0].id.as_deref(), Some("cn-a"));
    }

    #[test]
    fn numbers_that_are_not_ours_stay_as_they_are() {
        let text = r#"{"apiVersion":"meshutils/v1alpha1","kind":"Cluster","name":"a","n":1.5443777771777774e+74}"#;
        let all = read_text(text).unwrap();
        assert_eq!(write(&all.clusters, RecordFormat::Jsonl).trim_end(), text);
    }

    #[test]
    fn the_objects_of_one_source_are_one_cluster() {
        let all = read_text(
            r#"{"kind": "List", "items": [
                {"kind": "Node", "spec": {"podCIDRs": ["10.244.0.0/24"]}},
                {"kind": "Namespace", "metadata": {"name": "kube-system", "uid": "u-1"}},
                {"kind": "ConfigMap", "metadata": {"name": "unrelated"}},
                {"kind": "ServiceCIDR", "spec": {"cidrs": ["10.96.0.0/12"]}}]}"#,
        )
        .unwrap();
        assert_eq!(all.clusters.len(), 1);
        assert_eq!(all.clusters[0].name, "lab");
        assert_eq!(all.clusters[0].uid.as_deref(), Some("u-1"));
        assert_eq!(all.clusters[0].ranges.len(), 2);
    }

    #[test]
    fn other_documents_are_offered_before_they_are_refused() {
        let source = Source::new("s".to_owned(), b"{\"kind\": \"compute#instance\"}".to_vec());
        let sources = [source.unwrap()];
        assert!(read(&sources).is_err());
        assert!(read_with(&sources, |_| Ok(true)).unwrap().clusters.is_empty());
    }
}
