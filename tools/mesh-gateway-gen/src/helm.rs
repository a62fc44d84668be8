//! The gateway as values for the chart `istio/gateway`, which knows network gateways since it
//! came with Istio 1.12.

use crate::gateway::{Injected, NAME, ports_of_service};
use crate::replicas::Replicas;
use serde_json::{Map, Value, json};

impl Injected {
    /// The values for `helm install istio-eastwestgateway istio/gateway -f`.
    #[must_use]
    pub fn helm_values(&self) -> Value {
        let mut service = Map::new();
        self.site.service.add_fields(&mut service);
        if let Some(annotations) = self.site.service.annotations() {
            service.insert("annotations".to_owned(), annotations);
        }
        // The chart names app and istio labels after it: expose-*.yaml look for the latter.
        let mut values = json!({"name": NAME});
        match &self.network {
            Some(network) => values["networkGateway"] = network.as_str().into(),
            None => drop(service.insert("ports".to_owned(), ports_of_service().into())),
        }
        if !service.is_empty() {
            values["service"] = service.into();
        }
        if let Some(revision) = &self.revision {
            values["revision"] = revision.as_str().into();
        }
        if let Some(policy) = self.site.pull_policy {
            values["imagePullPolicy"] = policy.as_str().into();
        }
        match self.site.replicas {
            Some(Replicas::Fixed(number)) => {
                values["autoscaling"] = json!({"enabled": false});
                values["replicaCount"] = number.into();
            }
            Some(Replicas::Scaled { min, max }) => {
                values["autoscaling"] =
                    json!({"enabled": true, "minReplicas": min, "maxReplicas": max});
            }
            None => {}
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::Site;
    use meshcore::{DnsLabel, PullPolicy};

    /// The keys that these values may have, of `manifests/charts/gateway/values.yaml` and the
    /// types that `values.schema.json` beside it gives them (istio/istio 1.30).
    const CHART: [(&str, &str); 15] = [
        ("name", "string"),
        ("networkGateway", "string"),
        ("revision", "string"),
        ("replicaCount", "number"),
        ("imagePullPolicy", "string"),
        ("autoscaling.enabled", "boolean"),
        ("autoscaling.minReplicas", "number"),
        ("autoscaling.maxReplicas", "number"),
        ("service.annotations.*", "string"),
        ("service.loadBalancerIP", "string"),
        ("service.loadBalancerSourceRanges.*", "string"),
        ("service.ports.*.name", "string"),
        ("service.ports.*.port", "number"),
        ("service.ports.*.protocol", "string"),
        ("service.ports.*.targetPort", "number"),
    ];

    /// The paths of all scalars with their types; items and free keys are `*`.
    fn paths(value: &Value, path: &str, found: &mut Vec<(String, &str)>) {
        let dot = if path.is_empty() { "" } else { "." };
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let key = if path == "service.annotations" { "*" } else { key };
                    paths(value, &format!("{path}{dot}{key}"), found);
                }
            }
            Value::Array(items) => {
                for item in items {
                    paths(item, &format!("{path}.*"), found);
                }
            }
            Value::String(_) => found.push((path.to_owned(), "string")),
            Value::Number(_) => found.push((path.to_owned(), "number")),
            Value::Bool(_) => found.push((path.to_owned(), "boolean")),
            Value::Null => found.push((path.to_owned(), "null")),
        }
    }

    fn gateway() -> Injected {
        let mut site = Site::default();
        site.service.annotations.insert("a/b".to_owned(), "true".to_owned());
        site.service.address = Some("10.0.0.9".parse().unwrap());
        site.service.source_ranges = vec!["10.4.0.0/14".parse().unwrap()];
        let revision = DnsLabel::parse("012").ok();
        Injected { network: Some("on".parse().unwrap()), revision, site }
    }

    #[test]
    fn the_chart_knows_every_value_by_its_type() {
        let mut unused: Vec<&str> = CHART.iter().map(|(path, _)| *path).collect();
        for (network, replicas) in [(Some("on"), "2"), (Some("1"), "2-5"), (None, "1-1")] {
            let mut gateway = gateway();
            gateway.network = network.map(|network| network.parse().unwrap());
            gateway.site.replicas = replicas.parse().ok();
            gateway.site.pull_policy = Some(PullPolicy::IfNotPresent);
            let mut found = Vec::new();
            paths(&gateway.helm_values(), "", &mut found);
            for (path, kind) in &found {
                assert!(CHART.contains(&(path.as_str(), kind)), "{path}: {kind}");
                unused.retain(|known| known != path);
            }
        }
        assert!(unused.is_empty(), "{unused:?}");
    }

    #[test]
    fn nothing_is_said_of_what_is_left_to_the_chart() {
        let network = Some("network1".parse().unwrap());
        let gateway = Injected { network, revision: None, site: Site::default() };
        assert_eq!(
            gateway.helm_values(),
            json!({"name": "istio-eastwestgateway", "networkGateway": "network1"})
        );
    }

    #[test]
    fn a_single_cluster_has_the_same_ports_without_a_network() {
        let values = Injected { network: None, ..gateway() }.helm_values();
        assert_eq!(values.get("networkGateway"), None);
        let numbers: Vec<&Value> =
            values["service"]["ports"].as_array().unwrap().iter().map(|p| &p["port"]).collect();
        assert_eq!(numbers, [15021, 15443, 15012, 15017]);
    }
}
