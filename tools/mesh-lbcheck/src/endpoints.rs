//! The pods behind a service, and which cluster a pod is in.

use crate::manifests::Metadata;
use crate::reply::Backend;
use crate::service::Service;
use meshcore::{Error, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// An `EndpointSlice` of discovery.k8s.io/v1.
#[derive(Debug)]
pub struct EndpointSlice {
    /// Whose it is.
    pub metadata: Metadata,
    /// What is in it.
    pub endpoints: Vec<Endpoint>,
    /// The cluster that the user says it is of.
    pub cluster: Option<String>,
}

/// One endpoint, ready or not.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    #[serde(default)]
    addresses: Vec<String>,
    #[serde(default)]
    conditions: Conditions,
    hostname: Option<String>,
    target_ref: Option<TargetRef>,
}

#[derive(Debug, Default, Deserialize)]
struct Conditions {
    ready: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct TargetRef {
    name: Option<String>,
}

const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Ours, as `mesh-apply` reads it, and that of the Multi-Cluster Services API.
const CLUSTER: [&str; 2] = ["meshutils/cluster", "multicluster.kubernetes.io/source-cluster"];

/// The ready endpoints of one service, by pod: the clusters that have one of that name, with an
/// empty name where the cluster is not known.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Endpoints(BTreeMap<String, BTreeSet<String>>);

impl EndpointSlice {
    fn service(&self) -> (&str, &str) {
        let name = self.metadata.labels.get(SERVICE_NAME).map_or("", String::as_str);
        (name, &self.metadata.namespace)
    }

    fn cluster(&self) -> String {
        let Metadata { annotations, labels, .. } = &self.metadata;
        let marked = || CLUSTER.iter().find_map(|key| annotations.get(*key).or(labels.get(*key)));
        self.cluster.as_ref().or_else(marked).cloned().unwrap_or_default()
    }
}

impl Endpoint {
    fn name(&self) -> Option<&String> {
        let pod = self.target_ref.as_ref().and_then(|target| target.name.as_ref());
        pod.or(self.hostname.as_ref()).or(self.addresses.first())
    }

    /// Unknown is to be taken for ready (Kubernetes API reference).
    fn is_ready(&self) -> bool {
        self.conditions.ready != Some(false)
    }
}

impl Endpoints {
    /// The endpoints of the service; without one, of the only service there is.
    pub fn of(slices: &[EndpointSlice], service: Option<&Service>) -> Result<Self> {
        let is_asked = |slice: &&EndpointSlice| {
            let (name, namespace) = slice.service();
            service.is_none_or(|service| service.is(name, namespace))
        };
        let mut services: Vec<(&str, &str)> =
            slices.iter().filter(is_asked).map(EndpointSlice::service).collect();
        services.sort_unstable();
        services.dedup();
        if services.len() > 1 {
            let names: Vec<String> = services.iter().map(|(n, s)| format!("{n}.{s}")).collect();
            let text = format!("the EndpointSlices are of several services: {}", names.join(", "));
            return Err(Error::data(text).hint("--service NAME.NAMESPACE chooses"));
        }
        let mut endpoints = Self::default();
        for slice in slices.iter().filter(is_asked) {
            let ready = slice.endpoints.iter().filter(|endpoint| endpoint.is_ready());
            for name in ready.filter_map(Endpoint::name) {
                endpoints.0.entry(name.clone()).or_default().insert(slice.cluster());
            }
        }
        if endpoints.0.is_empty() {
            let name = service.map_or(String::new(), |service| format!(" of {}", service.name));
            return Err(Error::data(format!("the EndpointSlices hold no ready endpoint{name}"))
                .hint("--service NAME.NAMESPACE chooses another service"));
        }
        Ok(endpoints)
    }

    /// Endpoints of these names and clusters.
    #[cfg(test)]
    pub fn named(pods: &[(&str, &str)]) -> Self {
        let pod = |&(name, cluster): &(&str, &str)| (name.to_owned(), [cluster.to_owned()].into());
        Self(pods.iter().map(pod).collect())
    }

    /// Each endpoint's weight: as many as there are of that name.
    #[must_use]
    pub fn weights(&self) -> BTreeMap<String, u32> {
        let weight = |clusters: &BTreeSet<String>| u32::try_from(clusters.len()).unwrap_or(1);
        self.0.iter().map(|(name, clusters)| (name.clone(), weight(clusters))).collect()
    }

    /// The same of those in one cluster.
    #[must_use]
    pub fn weights_in(&self, cluster: &str) -> BTreeMap<String, u32> {
        let here = self.0.iter().filter(|(_, clusters)| clusters.contains(cluster));
        here.map(|(name, _)| (name.clone(), 1)).collect()
    }

    fn cluster(&self, instance: &str) -> Option<&String> {
        let clusters = self.0.get(instance)?;
        clusters.first().filter(|_| clusters.len() == 1)
    }
}

/// The cluster of a pod: as its reply says, or its endpoint, or its version; empty if not known.
#[must_use]
pub fn locate(
    backend: &Backend,
    endpoints: Option<&Endpoints>,
    versions: &BTreeMap<String, String>,
) -> String {
    if !backend.cluster.is_empty() {
        return backend.cluster.clone();
    }
    let by_endpoint = endpoints.and_then(|endpoints| endpoints.cluster(&backend.instance));
    let found = by_endpoint.filter(|cluster| !cluster.is_empty());
    found.or_else(|| versions.get(&backend.version)).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn slice(service: &str, cluster: Option<&str>, endpoints: Value) -> EndpointSlice {
        let metadata = json!({"name": "s", "namespace": "n", "labels": {SERVICE_NAME: service}});
        of_json(metadata, endpoints, cluster)
    }

    fn of_json(metadata: Value, endpoints: Value, cluster: Option<&str>) -> EndpointSlice {
        let metadata = serde_json::from_value(metadata).unwrap();
        let endpoints = serde_json::from_value(endpoints).unwrap();
        EndpointSlice { metadata, endpoints, cluster: cluster.map(str::to_owned) }
    }

    fn pod(name: &str) -> Value {
        json!({"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "name": name}})
    }

    #[test]
    fn ready_pods_are_counted_once() {
        let mut not_ready = pod("c");
        not_ready["conditions"] = json!({"ready": false, "serving": true});
        let nameless = json!({"addresses": ["10.0.0.9"], "conditions": {"ready": true}});
        let slices = [
            slice("s", None, json!([pod("a"), not_ready])),
            slice("s", None, json!([pod("a"), nameless])),
            slice("s", None, json!([])),
        ];
        let weights = Endpoints::of(&slices, None).unwrap().weights();
        assert_eq!(weights, [("10.0.0.9".to_owned(), 1), ("a".to_owned(), 1)].into());
    }

    #[test]
    fn a_service_must_be_chosen_of_several() {
        let slices = [slice("s", None, json!([pod("a")])), slice("t", None, json!([pod("b")]))];
        let error = Endpoints::of(&slices, None).unwrap_err();
        assert_eq!(error.message().text(), "the EndpointSlices are of several services: s.n, t.n");
        let of = |name: &str| Endpoints::of(&slices, Some(&Service::parse(name).unwrap()));
        assert_eq!(of("t.n").unwrap().weights(), [("b".to_owned(), 1)].into());
        let none = "the EndpointSlices hold no ready endpoint of t";
        assert_eq!(of("t.other").unwrap_err().message().text(), none);
    }

    #[test]
    fn a_pod_is_where_its_reply_its_endpoint_or_its_version_says() {
        let slices = [
            slice("s", Some("c1"), json!([pod("a"), pod("same-0")])),
            slice("s", Some("c2"), json!([pod("b"), pod("same-0")])),
        ];
        let endpoints = Endpoints::of(&slices, None).unwrap();
        assert_eq!(endpoints.weights()["same-0"], 2);
        assert_eq!(endpoints.weights_in("c2").into_keys().collect::<Vec<_>>(), ["b", "same-0"]);
        let versions = [("v3".to_owned(), "c3".to_owned())].into();
        let located = |version: &str, instance: &str, cluster: &str| {
            let [version, instance, cluster] = [version, instance, cluster].map(str::to_owned);
            locate(&Backend { version, instance, cluster }, Some(&endpoints), &versions)
        };
        assert_eq!(located("v3", "a", "c9"), "c9");
        assert_eq!(located("v3", "a", ""), "c1");
        assert_eq!(located("v3", "same-0", ""), "c3");
        assert_eq!(located("v1", "x", ""), "");
    }

    #[test]
    fn slices_can_say_their_cluster() {
        for (key, place) in [(CLUSTER[0], "annotations"), (CLUSTER[1], "labels")] {
            let mut metadata = json!({"namespace": "n"});
            metadata[place] = json!({key: "c7"});
            let slice = of_json(metadata, json!([pod("a")]), None);
            assert_eq!(Endpoints::of(&[slice], None).unwrap().weights_in("c7").len(), 1);
        }
    }
}
