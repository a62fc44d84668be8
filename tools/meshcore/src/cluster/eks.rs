//! EKS's own description of a cluster: `aws eks describe-cluster` (botocore 1.43).

use super::subnet::Subnets;
use super::{AuthorizedBlock, AuthorizedNetworks, Endpoint, EndpointKind, Provider, RangeKind};
use serde::Deserialize;

/// What is printed: the cluster under one key.
#[derive(Debug, Deserialize)]
pub(super) struct Described {
    cluster: Cluster,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cluster {
    name: String,
    arn: String,
    endpoint: Option<String>,
    #[serde(default)]
    certificate_authority: CertificateAuthority,
    #[serde(default)]
    kubernetes_network_config: KubernetesNetwork,
    #[serde(default)]
    resources_vpc_config: Vpc,
    #[serde(default)]
    remote_network_config: Remote,
    #[serde(default)]
    tags: std::collections::BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
struct CertificateAuthority {
    data: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KubernetesNetwork {
    service_ipv4_cidr: Option<String>,
    service_ipv6_cidr: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vpc {
    vpc_id: Option<String>,
    #[serde(default)]
    subnet_ids: Vec<String>,
    endpoint_public_access: Option<bool>,
    #[serde(default)]
    public_access_cidrs: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Remote {
    #[serde(default)]
    remote_node_networks: Vec<Cidrs>,
    #[serde(default)]
    remote_pod_networks: Vec<Cidrs>,
}

#[derive(Debug, Deserialize)]
struct Cidrs {
    #[serde(default)]
    cidrs: Vec<String>,
}

/// `crd.k8s.amazonaws.com/v1alpha1 ENIConfig`: where the VPC CNI takes the addresses of a zone's pods
/// from, with custom networking.
#[derive(Debug, Deserialize)]
pub(super) struct EniConfig {
    spec: EniConfigSpec,
}

#[derive(Debug, Deserialize)]
struct EniConfigSpec {
    subnet: String,
}

impl EniConfig {
    /// The subnet's ID.
    pub(super) fn into_subnet(self) -> String {
        self.spec.subnet
    }
}

impl Described {
    /// The record, and a warning where pods have, or may have, addresses that only the VPC knows.
    /// `pod_subnets` are those of the cluster's `ENIConfig`s.
    pub(super) fn into_record(
        self,
        subnets: &Subnets,
        pod_subnets: &[String],
    ) -> (super::Cluster, Option<String>) {
        let Cluster { name, arn, endpoint, .. } = &self.cluster;
        let vpc = &self.cluster.resources_vpc_config;
        let mut record = super::Cluster {
            name: name.clone(),
            provider: Some(Provider::Eks),
            // arn:PARTITION:eks:REGION:ACCOUNT:cluster/NAME
            location: arn.split(':').nth(3).map(str::to_owned),
            project: arn.split(':').nth(4).map(str::to_owned),
            vpc: vpc.vpc_id.clone(),
            labels: self.cluster.tags.clone(),
            ..super::Cluster::default()
        };
        let services = &self.cluster.kubernetes_network_config;
        let field = "kubernetesNetworkConfig.serviceIpv4Cidr";
        record.add_range(services.service_ipv4_cidr.as_deref(), RangeKind::Service, field);
        let field = "kubernetesNetworkConfig.serviceIpv6Cidr";
        record.add_range(services.service_ipv6_cidr.as_deref(), RangeKind::Service, field);
        let remote = &self.cluster.remote_network_config;
        for cidr in remote.remote_pod_networks.iter().flat_map(|network| &network.cidrs) {
            record.add_range(Some(cidr), RangeKind::Pod, "remoteNetworkConfig.remotePodNetworks");
        }
        for cidr in remote.remote_node_networks.iter().flat_map(|network| &network.cidrs) {
            record.add_range(Some(cidr), RangeKind::Node, "remoteNetworkConfig.remoteNodeNetworks");
        }
        let mut add = |kind, networks: &[String]| {
            let mut known = false;
            for id in networks {
                for cidr in subnets.get(id).into_iter().flat_map(|subnet| &subnet.primary) {
                    known = true;
                    record.add_range(Some(cidr), kind, id);
                }
            }
            known
        };
        // The subnets that the cluster names are its control plane's. With the VPC CNI, pods have
        // addresses of their nodes' subnets, which usually are these, or of any of the VPC.
        let own: Vec<String> = vpc.subnet_ids.iter().chain(&vpc.vpc_id).cloned().collect();
        let pods = if pod_subnets.is_empty() { &own } else { pod_subnets };
        let known = add(RangeKind::Pod, pods);
        let _ = add(RangeKind::Node, &own);
        super::keep_first(&mut record.ranges);
        let public = vpc.endpoint_public_access != Some(false);
        let kind = if public { EndpointKind::Public } else { EndpointKind::Private };
        let ca = self.cluster.certificate_authority.data.clone();
        record.endpoints.extend(endpoint.as_ref().map(|url| Endpoint::new(url, kind, ca)));
        if !vpc.public_access_cidrs.is_empty() {
            let blocks = vpc.public_access_cidrs.iter();
            let block = |cidr: &String| AuthorizedBlock { cidr: cidr.clone(), display_name: None };
            record.authorized_networks = Some(AuthorizedNetworks {
                enabled: !vpc.public_access_cidrs.iter().any(|cidr| cidr == "0.0.0.0/0"),
                blocks: blocks.map(block).collect(),
            });
        }
        let others = match &vpc.vpc_id {
            Some(id) if pod_subnets.is_empty() && subnets.get(id).is_none() => {
                subnets.others_of(id, &vpc.subnet_ids)
            }
            _ => Vec::new(),
        };
        let warning = if !known {
            Some(format!(
                "cluster {name} gives pods addresses of its VPC, which are not in the input: \
                 add aws ec2 describe-subnets or describe-vpcs"
            ))
        } else if others.is_empty() {
            None
        } else {
            Some(format!(
                "cluster {name} names the subnets of its control plane, and its pods may be in others \
                 of its VPC ({}): add kubectl get eniconfigs -o json, or leave out the subnets that \
                 are not its own",
                others.join(", ")
            ))
        };
        (record, warning)
    }
}

#[cfg(test)]
mod tests {
    use super::super::subnet::AwsNetworks;
    use super::*;
    use serde_json::{Value, json};

    fn described() -> Value {
        json!({"cluster": {
            "name": "prod", "arn": "arn:aws:eks:eu-central-1:111122223333:cluster/prod",
            "endpoint": "https://ABC.gr7.eu-central-1.eks.amazonaws.com",
            "certificateAuthority": {"data": "Q0E="},
            "kubernetesNetworkConfig": {"serviceIpv4Cidr": "172.20.0.0/16", "ipFamily": "ipv4"},
            "resourcesVpcConfig": {
                "vpcId": "vpc-1", "subnetIds": ["subnet-a", "subnet-b"],
                "endpointPublicAccess": true, "endpointPrivateAccess": true,
                "publicAccessCidrs": ["192.0.2.0/24"],
            },
            "remoteNetworkConfig": {"remotePodNetworks": [{"cidrs": ["10.80.0.0/16"]}]},
        }})
    }

    /// Subnets of vpc-1, each with its range.
    fn subnets(all: &[(&str, &str)]) -> Subnets {
        let subnet = |(id, cidr): &(&str, &str)| json!({"SubnetId": id, "VpcId": "vpc-1", "CidrBlock": cidr});
        let networks = json!({"Subnets": all.iter().map(subnet).collect::<Vec<_>>()});
        let mut subnets = Subnets::default();
        serde_json::from_value::<AwsNetworks>(networks).unwrap().add_to(&mut subnets);
        subnets
    }

    #[test]
    fn pods_have_addresses_of_the_subnets() {
        let subnets = subnets(&[
            ("subnet-a", "10.0.0.0/18"),
            ("subnet-b", "10.0.64.0/18"),
            ("subnet-c", "10.0.128.0/18"),
        ]);
        let described: Described = serde_json::from_value(described()).unwrap();
        let (record, warning) = described.into_record(&subnets, &[]);
        assert_eq!(pods(&record), ["10.80.0.0/16", "10.0.0.0/18", "10.0.64.0/18"]);
        // Custom networking may put them there.
        assert!(warning.unwrap().contains("its pods may be in others of its VPC (subnet-c)"));
        assert_eq!(record.label(), "111122223333/eu-central-1/prod");
        assert_eq!(record.endpoints[0].kind, EndpointKind::Public);
        assert!(record.authorized_networks.unwrap().enabled);
    }

    fn pods(record: &super::super::Cluster) -> Vec<&str> {
        let pods = record.ranges.iter().filter(|range| range.kind == RangeKind::Pod);
        pods.map(|range| range.cidr.as_str()).collect()
    }

    #[test]
    fn pods_have_addresses_of_the_subnets_of_custom_networking() {
        let subnets = subnets(&[("subnet-a", "10.0.0.0/18"), ("subnet-c", "100.64.0.0/17")]);
        let config = json!({"spec": {"subnet": "subnet-c", "securityGroups": ["sg-1"]}});
        let config: EniConfig = serde_json::from_value(config).unwrap();
        let described: Described = serde_json::from_value(described()).unwrap();
        let (record, warning) = described.into_record(&subnets, &[config.into_subnet()]);
        assert_eq!(pods(&record), ["10.80.0.0/16", "100.64.0.0/17"]);
        assert_eq!(warning, None);
    }

    #[test]
    fn missing_subnets_are_told() {
        let described: Described = serde_json::from_value(described()).unwrap();
        let (_, warning) = described.into_record(&Subnets::default(), &[]);
        assert!(warning.unwrap().contains("add aws ec2 describe-subnets"));
    }
}
