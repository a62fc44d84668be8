//! The client: a container of a pod that runs and is ready.

use meshkube::k8s_openapi::api::core::v1::Pod;
use meshkube::kube::ResourceExt as _;

/// The annotation by which kubectl chooses a container where none is named.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// Where requests come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientPod {
    /// The pod.
    pub name: String,
    /// Its container.
    pub container: String,
}

/// The first by name of the pods whose client container is ready. The error completes "no pod …"
/// with what there is instead.
pub fn choose(pods: &[Pod], container: Option<&str>) -> Result<ClientPod, String> {
    let mut unfit = Vec::new();
    let mut pods: Vec<&Pod> = pods.iter().collect();
    pods.sort_by_key(|pod| pod.name_any());
    for pod in pods {
        match fitness(pod, container) {
            Ok(client) => return Ok(client),
            Err(why) => unfit.push(why),
        }
    }
    match unfit.as_slice() {
        [] => Err("there is none at all".to_owned()),
        [why] => Err(why.clone()),
        [first, ..] => Err(format!("there are {}, and {first}", unfit.len())),
    }
}

/// The client in a pod, or why it has none.
pub fn fitness(pod: &Pod, container: Option<&str>) -> Result<ClientPod, String> {
    let name = pod.name_any();
    let containers = pod.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let has = |wanted: &str| containers.iter().any(|container| container.name == wanted);
    let by_annotation = pod.annotations().get(DEFAULT_CONTAINER).map(String::as_str);
    let first = containers.first().map(|container| container.name.as_str());
    let chosen = container.or(by_annotation.filter(|&name| has(name))).or(first);
    let chosen = chosen.unwrap_or_default();
    if !has(chosen) {
        let known: Vec<&str> = containers.iter().map(|known| known.name.as_str()).collect();
        return Err(format!("{name} has no container {chosen}, but {}", known.join(", ")));
    }
    if pod.metadata.deletion_timestamp.is_some() {
        return Err(format!("{name} is being deleted"));
    }
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref()).unwrap_or("Unknown");
    if phase != "Running" {
        return Err(format!("{name} is {phase}"));
    }
    let containers = status.and_then(|status| status.container_statuses.as_ref());
    if !containers.into_iter().flatten().any(|status| status.name == chosen && status.ready) {
        return Err(format!("container {chosen} of {name} is not ready"));
    }
    Ok(ClientPod { name, container: chosen.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// A pod whose containers are ready.
    fn pod(name: &str, containers: &[&str], change: &Value) -> Pod {
        let each = |make: fn(&&str) -> Value| containers.iter().map(make).collect::<Vec<_>>();
        let mut pod = json!({
            "metadata": {"name": name, "annotations": {}},
            "spec": {"containers": each(|name| json!({"name": name}))},
            "status": {"phase": "Running", "containerStatuses": each(|name| json!(
                {"name": name, "ready": true, "image": "", "imageID": "", "restartCount": 0}))},
        });
        for (pointer, value) in change.as_object().unwrap() {
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            pod.pointer_mut(parent).unwrap()[key] = value.clone();
        }
        serde_json::from_value(pod).unwrap()
    }

    fn client(name: &str, container: &str) -> ClientPod {
        ClientPod { name: name.to_owned(), container: container.to_owned() }
    }

    #[test]
    fn the_container_is_kubectls_choice() {
        let both = ["istio-proxy", "sleep"];
        let plain = pod("a", &both, &json!({}));
        assert_eq!(choose(std::slice::from_ref(&plain), None), Ok(client("a", "istio-proxy")));
        assert_eq!(choose(&[plain], Some("sleep")), Ok(client("a", "sleep")));
        let annotated =
            |to: &str| pod("a", &both, &json!({"/metadata/annotations": {DEFAULT_CONTAINER: to}}));
        assert_eq!(choose(&[annotated("sleep")], None), Ok(client("a", "sleep")));
        assert_eq!(choose(&[annotated("gone")], None), Ok(client("a", "istio-proxy")));
    }

    #[test]
    fn the_first_pod_that_is_ready_is_taken() {
        let pending = pod("a", &["sleep"], &json!({"/status/phase": "Pending"}));
        let pods = [pod("c", &["sleep"], &json!({})), pending, pod("b", &["sleep"], &json!({}))];
        assert_eq!(choose(&pods, None), Ok(client("b", "sleep")));
    }

    #[test]
    fn it_is_told_why_none_will_do() {
        let unready = json!({"/status/containerStatuses/0/ready": false});
        let deleted = json!({"/metadata/deletionTimestamp": "2026-11-21T05:00:00Z"});
        let sleep = |change: Value| pod("a", &["sleep"], &change);
        for (pods, container, why) in [
            (vec![], None, "there is none at all"),
            (vec![sleep(json!({"/status/phase": "Pending"}))], None, "a is Pending"),
            (vec![sleep(unready)], None, "container sleep of a is not ready"),
            (vec![sleep(deleted.clone())], None, "a is being deleted"),
            (vec![sleep(json!({}))], Some("curl"), "a has no container curl, but sleep"),
            (vec![sleep(deleted.clone()), sleep(deleted)], None, "there are 2, and a is being"),
        ] {
            assert!(choose(&pods, container).unwrap_err().starts_with(why), "{why}");
        }
    }
}
