//! Subnets of the three clouds: they know the addresses of ranges that clusters only name.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// All subnets of the input.
#[derive(Debug, Default)]
pub(super) struct Subnets {
    by_id: BTreeMap<String, Subnet>,
    /// The IDs of those of each VPC (AWS).
    by_vpc: BTreeMap<String, BTreeSet<String>>,
}

/// One subnet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Subnet {
    /// The ranges of the subnet itself: its nodes' addresses.
    pub primary: Vec<String>,
    /// Named secondary ranges (Google Cloud): addresses of pods and services.
    pub secondary: BTreeMap<String, String>,
}

impl Subnets {
    pub(super) fn add(&mut self, id: &str, subnet: Subnet) {
        self.by_id.insert(key(id), subnet);
    }

    pub(super) fn get(&self, id: &str) -> Option<&Subnet> {
        self.by_id.get(&key(id))
    }

    /// The IDs of the subnets of a VPC, but for some.
    pub(super) fn others_of(&self, vpc: &str, known: &[String]) -> Vec<&str> {
        let of_vpc = self.by_vpc.get(vpc).into_iter().flatten().map(String::as_str);
        of_vpc.filter(|id| known.iter().all(|one| one != id)).collect()
    }
}

/// IDs come as full URLs and as paths, and Azure's in any case.
fn key(id: &str) -> String {
    let path = id.find("projects/").map_or(id, |start| &id[start..]);
    path.to_ascii_lowercase()
}

/// `gcloud compute networks subnets list|describe --format=json`: Compute's `Subnetwork`, v1.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Subnetwork {
    self_link: String,
    ip_cidr_range: Option<String>,
    ipv6_cidr_range: Option<String>,
    #[serde(default)]
    secondary_ip_ranges: Vec<SecondaryRange>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecondaryRange {
    range_name: String,
    ip_cidr_range: String,
}

impl Subnetwork {
    pub(super) fn add_to(self, subnets: &mut Subnets) {
        let secondary = self.secondary_ip_ranges.into_iter();
        let subnet = Subnet {
            primary: self.ip_cidr_range.into_iter().chain(self.ipv6_cidr_range).collect(),
            secondary: secondary.map(|range| (range.range_name, range.ip_cidr_range)).collect(),
        };
        subnets.add(&self.self_link, subnet);
    }
}

/// `aws ec2 describe-subnets` and `describe-vpcs`: the same shape but for the names.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AwsNetworks {
    #[serde(default)]
    subnets: Vec<AwsNetwork>,
    #[serde(default)]
    vpcs: Vec<AwsNetwork>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AwsNetwork {
    subnet_id: Option<String>,
    vpc_id: String,
    cidr_block: Option<String>,
    #[serde(default)]
    cidr_block_association_set: Vec<AwsBlock>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AwsBlock {
    cidr_block: String,
}

impl AwsNetworks {
    pub(super) fn add_to(self, subnets: &mut Subnets) {
        for network in self.subnets.into_iter().chain(self.vpcs) {
            let mut primary: Vec<String> = network.cidr_block.into_iter().collect();
            let mut known: BTreeSet<String> = primary.iter().cloned().collect();
            let others = network.cidr_block_association_set.into_iter();
            primary.extend(
                others.map(|block| block.cidr_block).filter(|block| known.insert(block.clone())),
            );
            let id = network.subnet_id.as_ref().unwrap_or(&network.vpc_id);
            subnets.add(id, Subnet { primary, ..Subnet::default() });
            if let Some(id) = &network.subnet_id {
                subnets.by_vpc.entry(network.vpc_id).or_default().insert(key(id));
            }
        }
    }
}

/// `az network vnet subnet show|list`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AzureSubnet {
    id: String,
    address_prefix: Option<String>,
    #[serde(default)]
    address_prefixes: Option<Vec<String>>,
}

impl AzureSubnet {
    pub(super) fn add_to(self, subnets: &mut Subnets) {
        let several = self.address_prefixes.unwrap_or_default();
        let primary =
            if several.is_empty() { self.address_prefix.into_iter().collect() } else { several };
        subnets.add(&self.id, Subnet { primary, ..Subnet::default() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_subnet_is_found_by_url_and_by_path() {
        let mut subnets = Subnets::default();
        let path = "projects/p/regions/r/subnetworks/s";
        let link = format!("https://compute.example/compute/v1/{path}");
        let subnetwork = json!({
            "selfLink": link, "ipCidrRange": "10.0.0.0/20",
            "secondaryIpRanges": [{"rangeName": "pods", "ipCidrRange": "10.4.0.0/14"}],
        });
        serde_json::from_value::<Subnetwork>(subnetwork).unwrap().add_to(&mut subnets);
        let found = subnets.get(path).unwrap();
        assert_eq!(found.primary, ["10.0.0.0/20"]);
        assert_eq!(found.secondary["pods"], "10.4.0.0/14");
        assert_eq!(subnets.get(&link), Some(found));
    }

    #[test]
    fn a_vpc_has_all_its_blocks_once() {
        let mut subnets = Subnets::default();
        let vpcs = json!({"Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16",
            "CidrBlockAssociationSet": [{"CidrBlock": "10.0.0.0/16"}, {"CidrBlock": "100.64.0.0/16"}]}]});
        serde_json::from_value::<AwsNetworks>(vpcs).unwrap().add_to(&mut subnets);
        assert_eq!(subnets.get("vpc-1").unwrap().primary, ["10.0.0.0/16", "100.64.0.0/16"]);
    }
}
