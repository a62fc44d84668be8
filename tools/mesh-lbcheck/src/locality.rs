//! Whether Istio prefers endpoints near the client, so that "all local" is no defect.

use crate::manifests::Metadata;
use crate::service::Service;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Whether locality load balancing is on for the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Locality {
    /// No object that could tell was given.
    Unknown,
    /// It is off, as far as these objects go.
    Off,
    /// It is on, unless the mesh's own settings turn it off.
    On {
        /// The object that turns it on, as `DestinationRule sample/helloworld`.
        by: String,
    },
}

/// A `DestinationRule` of networking.istio.io (v1, v1beta1 and v1alpha3 are alike here).
#[derive(Debug)]
pub struct DestinationRule {
    /// Whose it is.
    pub metadata: Metadata,
    /// What it is for.
    pub host: String,
    /// What it says.
    pub policy: TrafficPolicy,
}

/// A Service, for its traffic distribution.
#[derive(Debug)]
pub struct ServiceObject {
    /// Whose it is.
    pub metadata: Metadata,
    /// Which endpoints it prefers.
    pub traffic_distribution: Option<String>,
}

/// The part of `spec.trafficPolicy` that matters here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TrafficPolicy {
    load_balancer: Option<LoadBalancer>,
    /// What is in it does not matter: without it Envoy never leaves the nearest endpoints, and
    /// so Istio does not prefer them.
    outlier_detection: Option<IgnoredAny>,
    port: Option<Port>,
    port_level_settings: Option<Vec<TrafficPolicy>>,
}

#[derive(Debug, Deserialize)]
struct Port {
    number: Option<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoadBalancer {
    locality_lb_setting: Option<LocalitySetting>,
}

#[derive(Debug, Deserialize)]
struct LocalitySetting {
    enabled: Option<bool>,
    distribute: Option<Vec<IgnoredAny>>,
}

/// Older than the field, and Istio's own.
const TRAFFIC_DISTRIBUTION: &str = "networking.istio.io/traffic-distribution";

impl Locality {
    /// What the objects say of the service (istio pilot/pkg/networking/core/loadbalancer:
    /// `GetLocalityLbSetting`, `ApplyLocalityLoadBalancer`; 1.30). Without a service, all are
    /// taken as meant for it.
    #[must_use]
    pub fn of(
        service: Option<&Service>,
        rules: &[DestinationRule],
        services: &[ServiceObject],
    ) -> Self {
        if rules.is_empty() && services.is_empty() {
            return Self::Unknown;
        }
        let specificity = |rule: &DestinationRule| match service {
            Some(service) => service.matches(&rule.host, &rule.metadata.namespace),
            None => Some(0),
        };
        let best = rules.iter().filter_map(specificity).max();
        let best = rules.iter().filter(|rule| best.is_some() && specificity(rule) == best);
        let port = service.and_then(|service| service.port);
        let mut is_prevented = false;
        for rule in best {
            match rule.preference(port) {
                Preference::On => return Self::On { by: rule.name() },
                Preference::Off => is_prevented = true,
                Preference::Unsaid => {}
            }
        }
        let is_asked = |object: &&ServiceObject| match service {
            Some(service) => service.is(&object.metadata.name, &object.metadata.namespace),
            None => true,
        };
        let prefers_near = |object: &&ServiceObject| {
            let distribution = object.traffic_distribution.as_ref();
            let distribution =
                distribution.or_else(|| object.metadata.annotations.get(TRAFFIC_DISTRIBUTION));
            distribution.is_some_and(|distribution| distribution.starts_with("Prefer"))
        };
        match services.iter().filter(is_asked).find(prefers_near) {
            Some(object) if !is_prevented => {
                let Metadata { name, namespace, .. } = &object.metadata;
                Self::On { by: format!("trafficDistribution of Service {namespace}/{name}") }
            }
            _ => Self::Off,
        }
    }
}

enum Preference {
    On,
    /// Off, whatever a Service says.
    Off,
    Unsaid,
}

impl DestinationRule {
    fn name(&self) -> String {
        format!("DestinationRule {}/{}", self.metadata.namespace, self.metadata.name)
    }

    fn preference(&self, port: Option<u16>) -> Preference {
        let policy = &self.policy;
        // Settings of a port replace all others.
        let of_port = policy.port_level_settings.iter().flatten().find(|settings| {
            port.is_some() && settings.port.as_ref().and_then(|port| port.number) == port
        });
        let policy = of_port.unwrap_or(policy);
        let setting = policy.load_balancer.as_ref().and_then(|lb| lb.locality_lb_setting.as_ref());
        match setting {
            Some(LocalitySetting { enabled: Some(false), .. }) => Preference::Off,
            Some(LocalitySetting { distribute: Some(to), .. }) if !to.is_empty() => Preference::On,
            _ if policy.outlier_detection.is_some() => Preference::On,
            Some(_) => Preference::Off,
            None => Preference::Unsaid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn metadata(annotations: Value) -> Metadata {
        let metadata = json!({"name": "hello", "namespace": "sample", "annotations": annotations});
        serde_json::from_value(metadata).unwrap()
    }

    fn rule(host: &str, policy: Value) -> DestinationRule {
        let policy: Option<TrafficPolicy> = serde_json::from_value(policy).unwrap();
        let (host, policy) = (host.to_owned(), policy.unwrap_or_default());
        DestinationRule { metadata: metadata(json!({})), host, policy }
    }

    fn object(distribution: Option<&str>, annotations: Value) -> ServiceObject {
        let traffic_distribution = distribution.map(str::to_owned);
        ServiceObject { metadata: metadata(annotations), traffic_distribution }
    }

    fn of(rules: &[DestinationRule], services: &[ServiceObject]) -> Locality {
        let service = Service::of_url("http://hello.sample:5000/hello");
        Locality::of(service.as_ref(), rules, services)
    }

    #[test]
    fn outlier_detection_turns_it_on() {
        let on = Locality::On { by: "DestinationRule sample/hello".to_owned() };
        let outlier = json!({"outlierDetection": {}});
        let setting = |setting: Value| json!({"loadBalancer": {"localityLbSetting": setting}});
        let both = |mut policy: Value| {
            policy["outlierDetection"] = json!({"consecutive5xxErrors": 1});
            policy
        };
        let ports = |policy: Value| json!({"portLevelSettings": [policy], "outlierDetection": {"interval": "1s"}});
        for (policy, expected) in [
            (outlier.clone(), &on),
            (json!(null), &Locality::Off),
            (json!({"loadBalancer": {"simple": "ROUND_ROBIN"}}), &Locality::Off),
            (setting(json!({"enabled": true})), &Locality::Off),
            (both(setting(json!({"enabled": true}))), &on),
            (both(setting(json!({"enabled": false}))), &Locality::Off),
            (setting(json!({"distribute": [{"from": "a/*", "to": {"a/*": 80}}]})), &on),
            (setting(json!({"distribute": []})), &Locality::Off),
            (ports(json!({"port": {"number": 5000}})), &Locality::Off),
            (ports(json!({"port": {"number": 80}})), &on),
            (
                json!({"portLevelSettings": [{"port": {"number": 5000}, "outlierDetection": {}}]}),
                &on,
            ),
        ] {
            assert_eq!(&of(&[rule("hello", policy.clone())], &[]), expected, "{policy}");
        }
        assert_eq!(of(&[rule("other", outlier.clone())], &[]), Locality::Off);
        // The rule for just this host beats one for all.
        let rules = [rule("*", outlier), rule("hello", json!({}))];
        assert_eq!(of(&rules, &[]), Locality::Off);
        assert_eq!(of(&rules[..1], &[]), on);
    }

    #[test]
    fn a_service_can_ask_for_it() {
        let on = Locality::On { by: "trafficDistribution of Service sample/hello".to_owned() };
        let service = |distribution| object(distribution, json!({}));
        assert_eq!(of(&[], &[service(Some("PreferClose"))]), on);
        let by_annotation = object(None, json!({TRAFFIC_DISTRIBUTION: "PreferClose"}));
        assert_eq!(of(&[], &[by_annotation]), on);
        assert_eq!(of(&[], &[service(None)]), Locality::Off);
        let off = json!({"loadBalancer": {"localityLbSetting": {"enabled": false}}});
        assert_eq!(of(&[rule("hello", off)], &[service(Some("PreferSameZone"))]), Locality::Off);
        assert_eq!(of(&[], &[]), Locality::Unknown);
    }
}
