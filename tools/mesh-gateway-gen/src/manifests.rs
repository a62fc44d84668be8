//! The gateway as plain objects, as the chart `istio/gateway` renders them: neither istioctl nor
//! helm is needed.

use crate::gateway::{Injected, NAME, NETWORK_LABEL, NETWORK_VIEW, ports_of_service};
use crate::replicas::Replicas;
use serde_json::{Map, Value, json};

impl Injected {
    /// The objects, in the order in which they need each other.
    #[must_use]
    pub fn manifests(&self) -> Vec<Value> {
        let rbac = "rbac.authorization.k8s.io";
        let mut objects = vec![
            self.object("v1", "ServiceAccount", json!({})),
            // Certificates that the gateway ends TLS with, as `mesh-expose istiod --https` names.
            self.object(
                &format!("{rbac}/v1"),
                "Role",
                json!({"rules": [{
                    "apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "watch", "list"],
                }]}),
            ),
            self.object(
                &format!("{rbac}/v1"),
                "RoleBinding",
                json!({
                    "roleRef": {"apiGroup": rbac, "kind": "Role", "name": NAME},
                    "subjects": [{
                        "kind": "ServiceAccount", "name": NAME, "namespace": self.site.namespace(),
                    }],
                }),
            ),
            self.object("apps/v1", "Deployment", json!({"spec": self.deployment()})),
            self.service(),
        ];
        if let Replicas::Scaled { min, max } = self.site.replicas.unwrap_or(Replicas::DEFAULT) {
            let spec = json!({"spec": autoscaler(min, max)});
            objects.push(self.object("autoscaling/v2", "HorizontalPodAutoscaler", spec));
        }
        // A least number would stop the drain of a node whose gateway is the only one.
        let budget = json!({"spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels()}}});
        objects.push(self.object("policy/v1", "PodDisruptionBudget", budget));
        objects
    }

    /// An object of the gateway: `content` with what all of them have.
    fn object(&self, api_version: &str, kind: &str, content: Value) -> Value {
        let mut object = content;
        let mut labels = labels();
        labels["app.kubernetes.io/managed-by"] = "meshutils".into();
        let mut metadata =
            json!({"name": NAME, "namespace": self.site.namespace(), "labels": labels});
        self.site.mark(&mut metadata);
        object["apiVersion"] = api_version.into();
        object["kind"] = kind.into();
        object["metadata"] = metadata;
        object
    }

    fn deployment(&self) -> Value {
        let mut labels = labels();
        labels["sidecar.istio.io/inject"] = "true".into();
        if let Some(revision) = &self.revision {
            labels["istio.io/rev"] = revision.as_str().into();
        }
        let mut container = json!({
            "name": "istio-proxy",
            // The webhook fills it in.
            "image": "auto",
            "ports": [{"containerPort": 15090, "name": "http-envoy-prom", "protocol": "TCP"}],
            "resources": {
                "requests": {"cpu": "100m", "memory": "128Mi"},
                "limits": {"cpu": "2000m", "memory": "1024Mi"},
            },
            // No port is below 1024, so that nothing needs to be allowed.
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "capabilities": {"drop": ["ALL"]},
                "privileged": false,
                "readOnlyRootFilesystem": true,
                "runAsGroup": 1337,
                "runAsNonRoot": true,
                "runAsUser": 1337,
            },
        });
        if let Some(policy) = self.site.pull_policy {
            container["imagePullPolicy"] = policy.as_str().into();
        }
        if let Some(network) = &self.network {
            labels[NETWORK_LABEL] = network.as_str().into();
            container["env"] = json!([{"name": NETWORK_VIEW, "value": network.as_str()}]);
        }
        let mut spec = json!({
            "selector": {"matchLabels": self::labels()},
            "template": {
                "metadata": {
                    "annotations": {
                        "inject.istio.io/templates": "gateway",
                        "prometheus.io/path": "/stats/prometheus",
                        "prometheus.io/port": "15020",
                        "prometheus.io/scrape": "true",
                    },
                    "labels": labels,
                },
                "spec": {"containers": [container], "serviceAccountName": NAME},
            },
        });
        if let Some(Replicas::Fixed(number)) = self.site.replicas {
            spec["replicas"] = number.into();
        }
        spec
    }

    fn service(&self) -> Value {
        let mut spec = Map::new();
        spec.insert("type".to_owned(), "LoadBalancer".into());
        spec.insert("selector".to_owned(), labels());
        spec.insert("ports".to_owned(), ports_of_service().into());
        self.site.service.add_fields(&mut spec);
        let mut service = self.object("v1", "Service", json!({"spec": spec}));
        if let Some(network) = &self.network {
            service["metadata"]["labels"][NETWORK_LABEL] = network.as_str().into();
        }
        for (key, value) in &self.site.service.annotations {
            service["metadata"]["annotations"][key] = value.as_str().into();
        }
        service
    }
}

/// By which the gateway's pods are found; expose-*.yaml look for the second.
fn labels() -> Value {
    json!({"app": NAME, "istio": "eastwestgateway"})
}

fn autoscaler(min: u16, max: u16) -> Value {
    json!({
        "minReplicas": min,
        "maxReplicas": max,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME},
        "metrics": [{
            "type": "Resource",
            "resource": {
                "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80},
            },
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::Site;
    use meshcore::DnsLabel;

    fn gateway() -> Injected {
        Injected {
            network: Some("012".parse().unwrap()),
            revision: DnsLabel::parse("asm-11910-9").ok(),
            site: Site::default(),
        }
    }

    fn of_kind(gateway: &Injected, kind: &str) -> Option<Value> {
        gateway.manifests().into_iter().find(|object| object["kind"] == kind)
    }

    #[test]
    fn all_objects_are_named_alike_and_belong_to_their_cluster() {
        let mut gateway = gateway();
        gateway.site.cluster = Some("asm-a".to_owned());
        gateway.site.namespace = DnsLabel::parse("mesh").ok();
        let objects = gateway.manifests();
        let kinds: Vec<&Value> = objects.iter().map(|object| &object["kind"]).collect();
        assert_eq!(
            kinds,
            [
                "ServiceAccount",
                "Role",
                "RoleBinding",
                "Deployment",
                "Service",
                "HorizontalPodAutoscaler",
                "PodDisruptionBudget"
            ]
        );
        for object in &objects {
            let metadata = &object["metadata"];
            assert_eq!(metadata["name"], "istio-eastwestgateway");
            assert_eq!(metadata["namespace"], "mesh");
            assert_eq!(metadata["labels"]["app.kubernetes.io/managed-by"], "meshutils");
            assert_eq!(metadata["annotations"], json!({"meshutils/cluster": "asm-a"}));
        }
        assert_eq!(objects[2]["subjects"][0]["namespace"], "mesh");
    }

    #[test]
    fn the_pods_are_completed_by_the_webhook_of_their_revision() {
        let deployment = of_kind(&gateway(), "Deployment").unwrap();
        let template = &deployment["spec"]["template"];
        assert_eq!(
            template["metadata"]["labels"],
            json!({
                "app": "istio-eastwestgateway",
                "istio": "eastwestgateway",
                "istio.io/rev": "asm-11910-9",
                "sidecar.istio.io/inject": "true",
                "topology.istio.io/network": "012",
            })
        );
        let annotations = &template["metadata"]["annotations"];
        assert_eq!(annotations["inject.istio.io/templates"], "gateway");
        let container = &template["spec"]["containers"][0];
        assert_eq!(container["image"], "auto");
        assert_eq!(
            container["env"],
            json!([{"name": "ISTIO_META_REQUESTED_NETWORK_VIEW", "value": "012"}])
        );
        assert_eq!(deployment["spec"]["selector"]["matchLabels"], labels());
    }

    #[test]
    fn a_single_cluster_has_no_network_anywhere() {
        let gateway = Injected { network: None, revision: None, ..gateway() };
        let text = format!("{:?}", gateway.manifests());
        for absent in ["network", "env", "istio.io/rev", "Null"] {
            assert!(!text.contains(&format!("\"{absent}")), "{absent}: {text}");
        }
    }

    #[test]
    fn the_service_is_what_istiod_and_the_cloud_look_for() {
        let mut gateway = gateway();
        let wanted = &mut gateway.site.service;
        wanted.annotations.insert("a/b".to_owned(), "true".to_owned());
        wanted.address = Some("10.0.0.9".parse().unwrap());
        wanted.source_ranges = vec!["10.4.0.0/14".parse().unwrap()];
        let service = of_kind(&gateway, "Service").unwrap();
        assert_eq!(service["metadata"]["labels"]["topology.istio.io/network"], "012");
        assert_eq!(service["metadata"]["annotations"], json!({"a/b": "true"}));
        let port = |name: &str, port: u16| json!({"name": name, "port": port, "protocol": "TCP", "targetPort": port});
        assert_eq!(
            service["spec"],
            json!({
                "type": "LoadBalancer",
                "loadBalancerIP": "10.0.0.9",
                "loadBalancerSourceRanges": ["10.4.0.0/14"],
                "selector": {"app": "istio-eastwestgateway", "istio": "eastwestgateway"},
                "ports": [
                    port("status-port", 15021),
                    port("tls", 15443),
                    port("tls-istiod", 15012),
                    port("tls-webhook", 15017),
                ],
            })
        );
    }

    #[test]
    fn the_autoscaler_and_a_fixed_number_exclude_each_other() {
        let mut gateway = gateway();
        let replicas = |gateway: &Injected| {
            let deployment = of_kind(gateway, "Deployment").unwrap();
            let autoscaler = of_kind(gateway, "HorizontalPodAutoscaler");
            let bounds = autoscaler
                .map(|a| (a["spec"]["minReplicas"].clone(), a["spec"]["maxReplicas"].clone()));
            (deployment["spec"].get("replicas").cloned(), bounds)
        };
        assert_eq!(replicas(&gateway), (None, Some((json!(1), json!(5)))));
        gateway.site.replicas = "2-7".parse().ok();
        assert_eq!(replicas(&gateway), (None, Some((json!(2), json!(7)))));
        gateway.site.replicas = "3".parse().ok();
        assert_eq!(replicas(&gateway), (Some(json!(3)), None));
    }
}
