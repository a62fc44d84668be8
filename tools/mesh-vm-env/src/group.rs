//! `WorkloadGroup` networking.istio.io: what all machines of a service have in common.

use meshcore::selector::Labels;
use meshcore::{ObjectName, object_name, object_namespace};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::num::NonZeroU16;

/// The annotation with proxy settings, as YAML.
const PROXY_CONFIG: &str = "proxy.istio.io/config";

/// A `WorkloadGroup` with what it leaves open filled in as istioctl does.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The name of the workload.
    pub name: String,
    /// None where the object names none.
    pub namespace: Option<String>,
    /// Proxy settings as YAML: the object's own, then those of its workloads, which win.
    pub proxy_configs: Vec<String>,
    /// Of the workloads; those of the template win over those of the metadata.
    pub labels: Labels,
    /// Keys that template and metadata both have with different values.
    pub labels_twice: Vec<String>,
    /// `default` where it names none.
    pub service_account: String,
    /// The Istio network; empty for none.
    pub network: String,
    /// Ports by name.
    pub ports: BTreeMap<String, NonZeroU16>,
    /// `spec.probe`, as it is.
    pub probe: Option<Value>,
}

/// As Kubernetes has it.
#[derive(Deserialize)]
pub struct Manifest {
    metadata: Meta,
    #[serde(default)]
    spec: Option<Spec>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(deserialize_with = "object_name")]
    name: String,
    #[serde(default, deserialize_with = "object_namespace")]
    namespace: Option<String>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
struct Spec {
    #[serde(default)]
    metadata: Option<WorkloadMeta>,
    #[serde(default)]
    template: Option<Template>,
    #[serde(default)]
    probe: Option<Value>,
}

#[derive(Default, Deserialize)]
struct WorkloadMeta {
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    labels: Option<Labels>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Template {
    #[serde(default)]
    labels: Option<Labels>,
    #[serde(default)]
    ports: Option<BTreeMap<String, NonZeroU16>>,
    #[serde(default, deserialize_with = "account")]
    service_account: Option<String>,
    #[serde(default)]
    network: Option<String>,
}

/// A service account, which may be left out or empty.
fn account<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let name = Option::<String>::deserialize(from)?.filter(|name| !name.is_empty());
    if let Some(name) = &name {
        ObjectName::parse(name).map_err(D::Error::custom)?;
    }
    Ok(name)
}

impl From<Manifest> for Group {
    fn from(manifest: Manifest) -> Self {
        let spec = manifest.spec.unwrap_or_default();
        let workloads = spec.metadata.unwrap_or_default();
        let template = spec.template.unwrap_or_default();
        let mut proxy_configs = Vec::new();
        for annotations in [manifest.metadata.annotations, workloads.annotations] {
            proxy_configs.extend(annotations.and_then(|mut all| all.remove(PROXY_CONFIG)));
        }
        let mut labels = workloads.labels.unwrap_or_default();
        let mut labels_twice = Vec::new();
        for (key, value) in template.labels.unwrap_or_default() {
            if labels.insert(key.clone(), value.clone()).is_some_and(|known| known != value) {
                labels_twice.push(key);
            }
        }
        Self {
            name: manifest.metadata.name,
            namespace: manifest.metadata.namespace,
            proxy_configs,
            labels,
            labels_twice,
            service_account: template.service_account.unwrap_or("default".to_owned()),
            network: template.network.unwrap_or_default(),
            ports: template.ports.unwrap_or_default(),
            probe: spec.probe,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn group(value: Value) -> Group {
        serde_json::from_value::<Manifest>(value).unwrap().into()
    }

    #[test]
    fn what_is_left_open_is_filled_in() {
        for spec in [json!(null), json!({}), json!({"metadata": {}, "template": {}})] {
            let group = group(json!({"metadata": {"name": "vm"}, "spec": spec}));
            assert_eq!((group.service_account.as_str(), group.network.as_str()), ("default", ""));
            assert_eq!((group.namespace, group.ports.len(), group.probe), (None, 0, None));
        }
    }

    /// Of an attack: `serviceaccounts/admin/token?x=/token` asks for admin's token.
    #[test]
    fn names_are_names() {
        for wrong in [
            json!({"metadata": {"name": "a\nROOT=1"}}),
            json!({"metadata": {"name": "a?x="}}),
            json!({"metadata": {"name": "a", "namespace": "n/x"}}),
            json!({"metadata": {"name": "a"}, "spec": {"template": {"serviceAccount": "admin/token?x="}}}),
        ] {
            let error = serde_json::from_value::<Manifest>(wrong).err().unwrap();
            assert!(error.to_string().contains("is not the name of"), "{error}");
        }
    }

    #[test]
    fn labels_of_the_template_win() {
        let spec = json!({
            "metadata": {"labels": {"app": "a", "x": "1", "same": "s"}},
            "template": {"labels": {"x": "2", "same": "s"}},
        });
        let group = group(json!({"metadata": {"name": "vm"}, "spec": spec}));
        assert_eq!(group.labels["x"], "2");
        assert_eq!((group.labels.len(), group.labels_twice), (3, vec!["x".to_owned()]));
    }

    #[test]
    fn ports_are_ports() {
        for port in [json!(0), json!(65536), json!("80"), json!(null)] {
            let spec = json!({"template": {"ports": {"http": port}}});
            let group = serde_json::from_value::<Manifest>(
                json!({"metadata": {"name": "vm"}, "spec": spec}),
            );
            assert!(group.is_err(), "{port}");
        }
    }

    #[test]
    fn both_annotations_count_in_order() {
        let text = |text: &str| json!({"annotations": {PROXY_CONFIG: text}, "name": "vm"});
        let group = group(json!({"metadata": text("a"), "spec": {"metadata": text("b")}}));
        assert_eq!(group.proxy_configs, ["a", "b"]);
    }
}
