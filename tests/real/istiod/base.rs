//! A healthy mesh with all that istiod looks at: three clusters, the first on a network of its own.

#[path = "../../../tools/mesh-check/tests/mesh/mod.rs"]
mod meshes;

pub use meshes::{AT, Mesh, base64, kubeconfig, pod};
use serde_json::{Value, json};

/// The service that is called.
pub const HOST: &str = "helloworld.sample.svc.cluster.local";

/// Who calls whom.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    pub from: &'static str,
    pub to: &'static str,
}

impl Link {
    pub const ALL: [Self; 4] = [
        Self { from: "cluster1", to: "cluster2" },
        Self { from: "cluster2", to: "cluster3" },
        Self { from: "cluster2", to: "cluster1" },
        Self { from: "cluster3", to: "cluster2" },
    ];

    /// Whether pods of the two reach each other by address.
    pub fn is_flat(self) -> bool {
        self.from != "cluster1" && self.to != "cluster1"
    }
}

/// The mesh of mesh-check's own tests, as a real one is: labels of the injector, addresses of its
/// own for each pod, a client, versions.
pub fn mesh() -> Mesh {
    let mut mesh = Mesh::healthy();
    for number in 1..=3 {
        let cluster = format!("cluster{number}");
        let network = if number == 1 { "network1" } else { "network2" };
        mesh.add(&cluster, pod("sleep", "sample", &json!({"app": "sleep"})));
        let items = mesh.items(&cluster);
        let pods = items.iter_mut().filter(|item| item["kind"] == "Pod");
        for (index, pod) in pods.enumerate() {
            let labels = &mut pod["metadata"]["labels"];
            labels["topology.istio.io/network"] = json!(network);
            labels["security.istio.io/tlsMode"] = json!("istio");
            if labels["app"] == "helloworld" {
                labels["version"] = json!(format!("v{number}"));
            }
            pod["status"]["podIP"] = json!(format!("10.{}.0.{}", 4 * number, index + 10));
        }
        for item in items.iter_mut() {
            if item["kind"] == "Deployment" && item["metadata"]["name"] == "istiod" {
                let container = &mut item["spec"]["template"]["spec"]["containers"][0];
                container["image"] = json!("docker.io/istio/pilot:1.31.0");
            }
            if item["kind"] == "Node" {
                let zone = format!(
                    "{}-a",
                    item["metadata"]["labels"]["topology.kubernetes.io/region"]
                        .as_str()
                        .expect("a region")
                );
                item["metadata"]["labels"]["topology.kubernetes.io/zone"] = json!(zone);
            }
        }
    }
    mesh
}

/// An object of Istio in namespace sample.
pub fn istio(group: &str, kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": format!("{group}.istio.io/v1"), "kind": kind,
        "metadata": {"name": name, "namespace": "sample"}, "spec": spec,
    })
}
