//! How a gateway is reached: the annotations and fields of its Service, by platform.

use crate::names::Annotation;
use crate::platform::Platform;
use clap::ValueEnum;
use ipnet::IpNet;
use meshcore::{Error, Message, Result};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// From where a load balancer can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Exposure {
    /// From the internet.
    External,
    /// From the VPC network, and what is joined to it.
    Internal,
}

/// What is asked of a load balancer, whatever the platform.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadBalancer {
    /// From where; none for what the platform does when it is not told.
    pub exposure: Option<Exposure>,
    /// Whether other regions reach an internal one (GKE).
    pub global_access: bool,
    /// Its address.
    pub address: Option<IpAddr>,
    /// Who is let in; empty for everybody. Sorted.
    pub source_ranges: Vec<IpNet>,
    /// Further annotations; they win.
    pub annotations: Vec<Annotation>,
}

/// What the gateway's Service has beside its ports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// `loadBalancerIP`.
    pub address: Option<IpAddr>,
    /// `loadBalancerSourceRanges`.
    pub source_ranges: Vec<IpNet>,
}

impl Service {
    /// Adds the fields to a Service's `spec`; Istio's charts and operator call them the same.
    pub(crate) fn add_fields(&self, spec: &mut Map<String, Value>) {
        if let Some(address) = self.address {
            spec.insert("loadBalancerIP".to_owned(), address.to_string().into());
        }
        if !self.source_ranges.is_empty() {
            spec.insert("loadBalancerSourceRanges".to_owned(), self.source_ranges());
        }
    }

    /// The ranges as a list.
    pub(crate) fn source_ranges(&self) -> Value {
        self.source_ranges.iter().map(IpNet::to_string).collect()
    }

    /// The annotations as an object, or nothing.
    pub(crate) fn annotations(&self) -> Option<Value> {
        let object = || self.annotations.iter().map(|(k, v)| (k.clone(), v.clone().into()));
        (!self.annotations.is_empty()).then(|| Value::Object(object().collect()))
    }
}

impl LoadBalancer {
    /// The Service that asks `platform` for it.
    pub fn service(&self, platform: Option<Platform>) -> Result<Service> {
        let mut annotations = self.kind(platform)?;
        let mut address = self.address;
        match (platform, self.address) {
            // It has an address in each subnet, and takes public ones by another name.
            (Some(Platform::Eks), Some(_)) => {
                return Err(Error::usage("--address: an NLB has an address in each subnet").hint(
                    "name them with --annotation and aws-load-balancer-private-ipv4-addresses or \
                     aws-load-balancer-eip-allocations, after service.beta.kubernetes.io/",
                ));
            }
            // The annotation wins over the field, which is deprecated (Kubernetes 1.24).
            (Some(Platform::Aks), Some(ip)) => {
                let family = if ip.is_ipv4() { "ipv4" } else { "ipv6" };
                annotations.insert(azure(family), ip.to_string());
                address = None;
            }
            // MetalLB fails where a Service has both the field and its annotation.
            _ => {}
        }
        for Annotation { key, value } in &self.annotations {
            annotations.insert(key.clone(), value.clone());
        }
        Ok(Service { annotations, address, source_ranges: self.source_ranges.clone() })
    }

    /// The annotations for an external or internal load balancer.
    fn kind(&self, platform: Option<Platform>) -> Result<BTreeMap<String, String>> {
        let is_internal = self.exposure == Some(Exposure::Internal);
        if self.global_access && !(is_internal && platform == Some(Platform::Gke)) {
            return Err(Error::usage("--global-access is for --load-balancer internal on GKE"));
        }
        let mut annotations = BTreeMap::new();
        let mut add = |key: &str, value: &str| annotations.insert(key.to_owned(), value.to_owned());
        match (platform, self.exposure) {
            (_, None)
            | (Some(Platform::Onprem), _)
            | (Some(Platform::Gke | Platform::Aks), Some(Exposure::External)) => {}
            // From GKE 1.17 on; before it was cloud.google.com/load-balancer-type.
            (Some(Platform::Gke), _) => {
                add("networking.gke.io/load-balancer-type", "Internal");
                if self.global_access {
                    let key = "networking.gke.io/internal-load-balancer-allow-global-access";
                    add(key, "true");
                }
            }
            // Of the AWS Load Balancer Controller, 2.2 and newer; "ip" needs no node ports.
            (Some(Platform::Eks), _) => {
                let scheme = if is_internal { "internal" } else { "internet-facing" };
                add(&aws("type"), "external");
                add(&aws("nlb-target-type"), "ip");
                add(&aws("scheme"), scheme);
            }
            (Some(Platform::Aks), _) => drop(add(&azure("internal"), "true")),
            (Some(Platform::Attached), _) => {
                return Err(Error::usage("--load-balancer: attached clusters have no common way")
                    .hint("name what it runs on with --platform, or give its --annotation"));
            }
            (None, _) => {
                return Err(Error::usage(
                    "--load-balancer: each platform has annotations of its own",
                )
                .hint("name what the cluster runs on with --platform"));
            }
        }
        Ok(annotations)
    }

    /// What may not be as wished on `platform`.
    #[must_use]
    pub fn warning(&self, platform: Option<Platform>) -> Option<Message> {
        match (platform, self.exposure) {
            (Some(Platform::Onprem), Some(Exposure::Internal))
                if self.address.is_none() && self.annotations.is_empty() =>
            {
                Some(
                    Message::new(
                        "--load-balancer internal: on-prem the pool of its address decides who \
                         reaches a load balancer",
                    )
                    .hint("give --address, or --annotation metallb.io/address-pool=POOL"),
                )
            }
            (Some(Platform::Onprem), _) => None,
            (Some(_), Some(Exposure::External)) => {
                let private = self.source_ranges.iter().find(|range| is_private(range))?;
                Some(
                    Message::new(format!(
                        "source range {private} is private: whoever comes to an external load \
                         balancer comes by a public address"
                    ))
                    .hint("let in the clusters' NAT addresses, or use --load-balancer internal"),
                )
            }
            _ => None,
        }
    }
}

fn aws(name: &str) -> String {
    format!("service.beta.kubernetes.io/aws-load-balancer-{name}")
}

fn azure(name: &str) -> String {
    format!("service.beta.kubernetes.io/azure-load-balancer-{name}")
}

/// Whether all its addresses are private (RFC 1918, RFC 4193) or shared (RFC 6598).
fn is_private(range: &IpNet) -> bool {
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"]
        .iter()
        .filter_map(|text| text.parse::<IpNet>().ok())
        .any(|private| private.contains(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(exposure: Exposure) -> LoadBalancer {
        LoadBalancer { exposure: Some(exposure), ..LoadBalancer::default() }
    }

    fn annotations(load_balancer: &LoadBalancer, platform: Platform) -> Vec<(String, String)> {
        load_balancer.service(Some(platform)).unwrap().annotations.into_iter().collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect()
    }

    #[test]
    fn each_platform_has_its_annotations() {
        let eks = |scheme| {
            pairs(&[
                ("service.beta.kubernetes.io/aws-load-balancer-nlb-target-type", "ip"),
                ("service.beta.kubernetes.io/aws-load-balancer-scheme", scheme),
                ("service.beta.kubernetes.io/aws-load-balancer-type", "external"),
            ])
        };
        let gke = pairs(&[("networking.gke.io/load-balancer-type", "Internal")]);
        let aks = pairs(&[("service.beta.kubernetes.io/azure-load-balancer-internal", "true")]);
        for (platform, external, internal) in [
            (Platform::Gke, vec![], gke),
            (Platform::Eks, eks("internet-facing"), eks("internal")),
            (Platform::Aks, vec![], aks),
            (Platform::Onprem, vec![], vec![]),
        ] {
            assert_eq!(annotations(&asked(Exposure::External), platform), external);
            assert_eq!(annotations(&asked(Exposure::Internal), platform), internal);
            assert_eq!(annotations(&LoadBalancer::default(), platform), []);
        }
        for platform in [None, Some(Platform::Attached)] {
            let error = asked(Exposure::Internal).service(platform).unwrap_err();
            assert!(error.message().hints()[0].contains("--platform"), "{error:?}");
        }
    }

    #[test]
    fn other_regions_reach_an_internal_load_balancer_of_gke_only() {
        let mut wanted = asked(Exposure::Internal);
        wanted.global_access = true;
        let key = "networking.gke.io/internal-load-balancer-allow-global-access";
        let found = wanted.service(Some(Platform::Gke)).unwrap();
        assert_eq!(found.annotations[key], "true");
        assert!(wanted.service(Some(Platform::Eks)).is_err());
        wanted.exposure = None;
        assert!(wanted.service(Some(Platform::Gke)).is_err());
    }

    #[test]
    fn a_fixed_address_goes_where_the_platform_looks() {
        let at = |ip: &str, platform| {
            let address = Some(ip.parse().unwrap());
            LoadBalancer { address, ..LoadBalancer::default() }.service(platform)
        };
        for platform in [None, Some(Platform::Gke), Some(Platform::Onprem)] {
            let service = at("10.0.0.9", platform).unwrap();
            assert_eq!(service.address, Some("10.0.0.9".parse().unwrap()));
            assert!(service.annotations.is_empty());
        }
        for (ip, key) in [("10.0.0.9", "ipv4"), ("fd00::9", "ipv6")] {
            let service = at(ip, Some(Platform::Aks)).unwrap();
            assert_eq!(service.address, None);
            assert_eq!(service.annotations[&azure(key)], ip);
        }
        let error = at("10.0.0.9", Some(Platform::Eks)).unwrap_err();
        assert!(error.message().text().contains("each subnet"), "{error:?}");
    }

    #[test]
    fn annotations_of_the_user_win() {
        let mut wanted = asked(Exposure::External);
        wanted.annotations = vec![format!("{}=instance", aws("nlb-target-type")).parse().unwrap()];
        let service = wanted.service(Some(Platform::Eks)).unwrap();
        assert_eq!(service.annotations[&aws("nlb-target-type")], "instance");
        assert_eq!(service.annotations[&aws("scheme")], "internet-facing");
    }

    #[test]
    fn what_may_not_be_as_wished_is_told() {
        let mut wanted = asked(Exposure::Internal);
        assert!(wanted.warning(Some(Platform::Onprem)).is_some());
        assert!(wanted.warning(Some(Platform::Gke)).is_none());
        wanted.address = Some("10.0.0.9".parse().unwrap());
        assert!(wanted.warning(Some(Platform::Onprem)).is_none());

        let mut wanted = asked(Exposure::External);
        wanted.source_ranges = vec!["8.0.0.0/8".parse().unwrap()];
        assert!(wanted.warning(Some(Platform::Gke)).is_none());
        for private in ["10.4.0.0/14", "100.64.0.0/10", "fd00::/8"] {
            wanted.source_ranges[0] = private.parse().unwrap();
            let warning = wanted.warning(Some(Platform::Gke)).unwrap();
            assert!(warning.text().contains(private), "{warning:?}");
            assert!(wanted.warning(Some(Platform::Onprem)).is_none());
            assert!(wanted.warning(None).is_none());
        }
    }
}
