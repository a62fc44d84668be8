//! What a cluster's own istiod says of it.

use meshcore::{IstioVersion, Message};
use meshkube::Connection;
use meshkube::k8s_openapi::api::apps::v1::Deployment;
use meshkube::k8s_openapi::api::core::v1::Container;
use meshkube::kube::api::{Api, ListParams};
use std::collections::BTreeSet;

/// The control planes of a cluster; there can be one for each revision.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Istiod {
    /// Their `CLUSTER_ID`: what their proxies call the cluster.
    pub ids: BTreeSet<String>,
    /// Their versions, as far as the images' tags tell.
    pub versions: Vec<IstioVersion>,
}

/// Looks at the Deployments of istiod. Nothing is known where there is none, as with a managed
/// control plane, or where they may not be read.
pub async fn read(cluster: &Connection, namespace: &str) -> Istiod {
    let deployments: Api<Deployment> = cluster.objects_in(namespace);
    let istiod = ListParams::default().labels("app=istiod");
    match cluster.call("list istiod's deployments", || deployments.list(&istiod)).await {
        Ok(found) => of(&found.items),
        Err(_) => Istiod::default(),
    }
}

fn of(deployments: &[Deployment]) -> Istiod {
    let mut istiod = Istiod::default();
    let pods = deployments.iter().filter_map(|d| d.spec.as_ref()?.template.spec.as_ref());
    for container in pods.flat_map(|pod| &pod.containers) {
        let Some(id) = cluster_id(container) else { continue };
        istiod.ids.insert(id.to_owned());
        istiod.versions.extend(container.image.as_deref().and_then(version));
    }
    istiod
}

fn cluster_id(container: &Container) -> Option<&str> {
    let env = container.env.iter().flatten().find(|env| env.name == "CLUSTER_ID")?;
    env.value.as_deref().filter(|id| !id.is_empty())
}

/// The version in `HUB/pilot:1.30.2-distroless[@DIGEST]`.
fn version(image: &str) -> Option<IstioVersion> {
    let name = image.split('@').next()?.rsplit('/').next()?;
    name.split_once(':')?.1.parse().ok()
}

/// What to know before the credentials that such an istiod has are changed.
#[must_use]
pub fn loses_endpoints(version: IstioVersion) -> Option<Message> {
    let loses = version.minor() == 30 && matches!(version.patch(), Some(1..=3));
    loses.then(|| {
        let text = format!(
            "istiod {version} forgets the endpoints of a cluster whose remote secret changes \
             (istio/istio#61043)"
        );
        Message::new(text)
            .hint("upgrade it to 1.30.4 first, or restart it after it has got the new secret")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deployment(image: &str, env: serde_json::Value) -> Deployment {
        let containers = json!([
            {"name": "discovery", "image": image, "env": env},
            {"name": "istio-proxy", "image": "proxyv2:1.9.9"},
        ]);
        let spec = json!({"selector": {}, "template": {"spec": {"containers": containers}}});
        serde_json::from_value(json!({"metadata": {"name": "istiod"}, "spec": spec})).unwrap()
    }

    #[test]
    fn id_and_version_are_read() {
        let env =
            json!([{"name": "REVISION", "value": "x"}, {"name": "CLUSTER_ID", "value": "c1"}]);
        let istiod = of(&[deployment("istio/pilot:1.30.2-distroless@sha256:ab", env)]);
        assert_eq!(istiod.ids.into_iter().collect::<Vec<_>>(), ["c1"]);
        assert_eq!(istiod.versions, ["1.30.2".parse().unwrap()]);
        for env in [json!([]), json!([{"name": "CLUSTER_ID"}]), json!(null)] {
            assert_eq!(of(&[deployment("a/pilot:1.24.0", env)]), Istiod::default());
        }
    }

    #[test]
    fn image_tags_that_are_versions_are_read() {
        let read = |image: &str| version(image).map(|version| version.to_string());
        assert_eq!(read("gcr.io/asm/pilot:1.19.10-asm.9").as_deref(), Some("1.19.10"));
        assert_eq!(read("localhost:5000/pilot:1.24.1").as_deref(), Some("1.24.1"));
        for image in ["pilot", "localhost:5000/pilot", "pilot:latest", "pilot@sha256:1.2", ""] {
            assert_eq!(read(image), None, "{image}");
        }
    }

    #[test]
    fn versions_with_the_rotation_bug_are_known() {
        let loses = |version: &str| loses_endpoints(version.parse().unwrap()).is_some();
        for version in ["1.30.1", "1.30.2", "1.30.3"] {
            assert!(loses(version), "{version}");
        }
        for version in ["1.30", "1.30.0", "1.30.4", "1.29.2", "1.31.1", "1.20.2"] {
            assert!(!loses(version), "{version}");
        }
    }
}
