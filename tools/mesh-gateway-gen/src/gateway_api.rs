//! The gateway of an ambient mesh, a Gateway of Kubernetes' Gateway API: istiod makes the pods
//! and the Service, where it runs with `AMBIENT_ENABLE_MULTI_NETWORK=true`.

use crate::gateway::{NAME, NETWORK_LABEL, Site};
use crate::replicas::Replicas;
use meshcore::{Network, yaml};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A gateway whose pods istiod makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ambient {
    /// Version of the Gateway API.
    pub api: GatewayApi,
    /// Network of the cluster's pods; without one istiod takes its own.
    pub network: Option<Network>,
    /// Labels beside the network's.
    pub labels: BTreeMap<&'static str, String>,
    /// Where and how; the script knows nothing of it.
    pub site: Site,
}

/// A version of the Gateway API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatewayApi {
    /// In the script of Istio 1.27 and 1.28.
    V1Beta1,
    /// From Istio 1.29 on.
    V1,
}

impl Ambient {
    /// The Gateway, and before it the `ConfigMap` with what only its Service and pods can say.
    #[must_use]
    pub fn objects(&self) -> Vec<Value> {
        let settings = self.settings();
        let mut spec = json!({
            "gatewayClassName": "istio-east-west",
            "listeners": [{
                "name": "mesh",
                "port": 15008,
                "protocol": "HBONE",
                "tls": {
                    "mode": "Terminate",
                    "options": {"gateway.istio.io/tls-terminate-mode": "ISTIO_MUTUAL"},
                },
            }],
        });
        // istiod makes it the Service's loadBalancerIP.
        if let Some(address) = self.site.service.address {
            spec["addresses"] = json!([{"type": "IPAddress", "value": address.to_string()}]);
        }
        if let Some(annotations) = self.site.service.annotations() {
            spec["infrastructure"]["annotations"] = annotations;
        }
        if !settings.is_empty() {
            let reference = json!({"group": "", "kind": "ConfigMap", "name": NAME});
            spec["infrastructure"]["parametersRef"] = reference;
        }
        let version = match self.api {
            GatewayApi::V1Beta1 => "v1beta1",
            GatewayApi::V1 => "v1",
        };
        let mut gateway = self.object(&format!("gateway.networking.k8s.io/{version}"), "Gateway");
        gateway["spec"] = spec;
        if let Some(network) = &self.network {
            gateway["metadata"]["labels"][NETWORK_LABEL] = network.as_str().into();
        }
        if settings.is_empty() {
            return vec![gateway];
        }
        let mut config_map = self.object("v1", "ConfigMap");
        config_map["data"] = settings.into();
        vec![config_map, gateway]
    }

    fn object(&self, api_version: &str, kind: &str) -> Value {
        let mut metadata = json!({"name": NAME, "namespace": self.site.namespace()});
        for (key, value) in &self.labels {
            metadata["labels"][*key] = value.as_str().into();
        }
        self.site.mark(&mut metadata);
        json!({"apiVersion": api_version, "kind": kind, "metadata": metadata})
    }

    /// What istiod lays over the objects it makes, by their kind, as YAML.
    fn settings(&self) -> Map<String, Value> {
        let mut settings = Map::new();
        let mut set = |kind: &str, spec: Value| {
            settings.insert(kind.to_owned(), yaml::document_text(&json!({"spec": spec})).into());
        };
        let service = &self.site.service;
        if !service.source_ranges.is_empty() {
            set("service", json!({"loadBalancerSourceRanges": service.source_ranges()}));
        }
        let mut deployment = Map::new();
        if let Some(policy) = self.site.pull_policy {
            let container = json!({"name": "istio-proxy", "imagePullPolicy": policy.as_str()});
            let template = json!({"spec": {"containers": [container]}});
            deployment.insert("template".to_owned(), template);
        }
        match self.site.replicas {
            Some(Replicas::Fixed(number)) => {
                deployment.insert("replicas".to_owned(), number.into());
            }
            Some(Replicas::Scaled { min, max }) => {
                let bounds = json!({"minReplicas": min, "maxReplicas": max});
                set("horizontalPodAutoscaler", bounds);
            }
            None => {}
        }
        if !deployment.is_empty() {
            set("deployment", deployment.into());
        }
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshcore::{DnsLabel, PullPolicy};

    fn gateway() -> Ambient {
        Ambient {
            api: GatewayApi::V1,
            network: Some("network1".parse().unwrap()),
            labels: BTreeMap::new(),
            site: Site::default(),
        }
    }

    #[test]
    fn as_the_script_prints_it() {
        let mut expected = json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {
                "name": "istio-eastwestgateway",
                "namespace": "istio-system",
                "labels": {"topology.istio.io/network": "network1"},
            },
            "spec": {
                "gatewayClassName": "istio-east-west",
                "listeners": [{
                    "name": "mesh",
                    "port": 15008,
                    "protocol": "HBONE",
                    "tls": {
                        "mode": "Terminate",
                        "options": {"gateway.istio.io/tls-terminate-mode": "ISTIO_MUTUAL"},
                    },
                }],
            },
        });
        assert_eq!(gateway().objects(), [expected.clone()]);
        expected["apiVersion"] = "gateway.networking.k8s.io/v1beta1".into();
        let older = Ambient { api: GatewayApi::V1Beta1, ..gateway() };
        assert_eq!(older.objects(), [expected.clone()]);
        expected["metadata"].as_object_mut().unwrap().remove("labels");
        let single = Ambient { network: None, ..older };
        assert_eq!(single.objects(), [expected]);
    }

    #[test]
    fn what_a_gateway_can_say_it_says() {
        let mut gateway = gateway();
        gateway.labels.insert("istio.io/rev", "canary".to_owned());
        gateway.site.cluster = Some("asm-a".to_owned());
        gateway.site.namespace = DnsLabel::parse("mesh").ok();
        gateway.site.service.annotations.insert("a/b".to_owned(), "true".to_owned());
        gateway.site.service.address = Some("10.0.0.9".parse().unwrap());
        let objects = gateway.objects();
        assert_eq!(objects.len(), 1);
        assert_eq!(
            objects[0]["metadata"],
            json!({
                "name": "istio-eastwestgateway",
                "namespace": "mesh",
                "annotations": {"meshutils/cluster": "asm-a"},
                "labels": {"istio.io/rev": "canary", "topology.istio.io/network": "network1"},
            })
        );
        let spec = &objects[0]["spec"];
        assert_eq!(spec["addresses"], json!([{"type": "IPAddress", "value": "10.0.0.9"}]));
        // Labels there would keep the network's label from the Service.
        assert_eq!(spec["infrastructure"], json!({"annotations": {"a/b": "true"}}));
    }

    #[test]
    fn what_only_its_service_and_pods_can_say_stands_in_a_config_map() {
        let mut gateway = gateway();
        gateway.site.cluster = Some("asm-a".to_owned());
        gateway.site.service.source_ranges = vec!["10.4.0.0/14".parse().unwrap()];
        gateway.site.replicas = "2-5".parse().ok();
        let objects = gateway.objects();
        assert_eq!(
            objects[0],
            json!({
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {
                    "name": "istio-eastwestgateway",
                    "namespace": "istio-system",
                    "annotations": {"meshutils/cluster": "asm-a"},
                },
                "data": {
                    "horizontalPodAutoscaler": "spec:\n  maxReplicas: 5\n  minReplicas: 2\n",
                    "service": "spec:\n  loadBalancerSourceRanges:\n  - \"10.4.0.0/14\"\n",
                },
            })
        );
        assert_eq!(
            objects[1]["spec"]["infrastructure"]["parametersRef"],
            json!({"group": "", "kind": "ConfigMap", "name": "istio-eastwestgateway"})
        );
        gateway.site.replicas = "3".parse().ok();
        assert_eq!(gateway.objects()[0]["data"]["deployment"], "spec:\n  replicas: 3\n");
        gateway.site.pull_policy = Some(PullPolicy::Never);
        assert_eq!(
            gateway.objects()[0]["data"]["deployment"],
            "spec:\n  replicas: 3\n  template:\n    spec:\n      containers:\n      \
             - imagePullPolicy: Never\n        name: istio-proxy\n"
        );
    }
}
