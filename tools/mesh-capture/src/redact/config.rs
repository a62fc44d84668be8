//! Config maps: Istio's configuration, the root certificate, and kubeadm's networks. Whole texts
//! are read and written again, for they may hold tokens of tracing systems.

use super::shape::Shape::{self, All, Each, Fields, With};
use super::{ADDRESS, metadata};
use meshcore::credentials::certificates_only;
use meshcore::{without_credentials, yaml};
use serde_json::{Map, Value, json};

/// `istio.mesh.v1alpha1.ProxyConfig`.
const PROXY: Shape = Fields(&[
    ("discoveryAddress", ADDRESS),
    ("meshId", All),
    (
        "proxyMetadata",
        Fields(&[
            ("ISTIO_META_DNS_AUTO_ALLOCATE", All),
            ("ISTIO_META_DNS_CAPTURE", All),
            ("ISTIO_META_ENABLE_HBONE", All),
            ("ISTIO_META_MESH_ID", All),
            ("ISTIO_META_NETWORK", All),
        ]),
    ),
]);

/// `istio.mesh.v1alpha1.MeshConfig`.
const MESH: Shape = Fields(&[
    ("defaultConfig", PROXY),
    ("defaultDestinationRuleExportTo", All),
    ("defaultServiceExportTo", All),
    ("defaultVirtualServiceExportTo", All),
    ("discoverySelectors", All),
    ("enableAutoMtls", All),
    ("localityLbSetting", All),
    ("meshMTLS", Fields(&[("minProtocolVersion", All)])),
    ("outboundTrafficPolicy", Fields(&[("mode", All)])),
    ("rootNamespace", All),
    ("serviceScopeConfigs", All),
    ("serviceSettings", Each(&Fields(&[("hosts", All), ("settings", All)]))),
    ("trustDomain", All),
    ("trustDomainAliases", All),
]);

/// Helm's values as the injector has them.
const VALUES: Shape = Fields(&[
    (
        "global",
        Fields(&[
            ("caAddress", ADDRESS),
            ("caName", All),
            ("configCluster", All),
            ("externalIstiod", All),
            ("hub", ADDRESS),
            ("istioNamespace", All),
            ("jwtPolicy", All),
            ("meshID", All),
            ("multiCluster", Fields(&[("clusterName", All), ("enabled", All)])),
            ("network", All),
            ("pilotCertProvider", All),
            ("platform", All),
            ("remotePilotAddress", ADDRESS),
            ("tag", All),
            ("trustDomain", All),
            ("variant", All),
        ]),
    ),
    ("revision", All),
    ("sidecarInjectorWebhook", Fields(&[("enableNamespacesByDefault", All)])),
]);

/// `kubeadm.k8s.io ClusterConfiguration`.
const KUBEADM: Shape = Fields(&[
    ("apiVersion", All),
    ("clusterName", All),
    ("controlPlaneEndpoint", ADDRESS),
    ("kind", All),
    ("kubernetesVersion", All),
    ("networking", All),
]);

const MESH_NETWORKS: Shape = Fields(&[("networks", With(networks))]);

/// Of each network, by any name, where its gateways and endpoints are.
fn networks(networks: Value) -> Option<Value> {
    const NETWORK: Shape = Fields(&[
        ("endpoints", Each(&Fields(&[("fromCidr", All), ("fromRegistry", All)]))),
        (
            "gateways",
            Each(&Fields(&[
                ("address", ADDRESS),
                ("locality", All),
                ("port", All),
                ("registryServiceName", All),
            ])),
        ),
    ]);
    let Value::Object(networks) = networks else { return None };
    let keep = |(name, one): (String, Value)| {
        Some((without_credentials(&name).into_owned(), NETWORK.keep(one)?))
    };
    Some(networks.into_iter().filter_map(keep).collect())
}

const KEPT: Shape = Fields(&[
    ("metadata", With(metadata::keep)),
    (
        "data",
        Fields(&[
            ("ClusterConfiguration", With(|text| text_of(text, KUBEADM))),
            ("ca.crt", With(certificates)),
            ("mesh", With(|text| text_of(text, MESH))),
            ("meshNetworks", With(|text| text_of(text, MESH_NETWORKS))),
            ("root-cert.pem", With(certificates)),
            ("values", With(|text| text_of(text, VALUES))),
        ]),
    ),
]);

/// What is kept of a config map; `None` for one that tells nothing of the mesh.
pub fn keep(map: Value) -> Option<Value> {
    let name = map["metadata"]["name"].as_str()?;
    let tells = match name {
        "istio-ca-root-cert" | "kube-root-ca.crt" => true,
        "kubeadm-config" => map["metadata"]["namespace"] == "kube-system",
        _ => {
            let key = if name.starts_with("istio-sidecar-injector") { "values" } else { "mesh" };
            name.starts_with("istio") && map["data"][key].is_string()
        }
    };
    if tells { KEPT.keep(map) } else { None }
}

/// The annotation of a pod with settings of its proxy.
pub fn of_proxy(text: Value) -> Option<Value> {
    text_of(text, PROXY)
}

/// A text in YAML or JSON with what a shape keeps of it. What cannot be read is not shown.
fn text_of(text: Value, shape: Shape) -> Option<Value> {
    let value: Value = serde_yaml::from_str(text.as_str()?).ok()?;
    let kept = shape.keep(value).unwrap_or_else(|| Value::Object(Map::new()));
    Some(json!(yaml::document_text(&kept)))
}

fn certificates(pem: Value) -> Option<Value> {
    Some(json!(certificates_only(pem.as_str()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(name: &str, data: Value) -> Option<Value> {
        let namespace = if name == "kubeadm-config" { "kube-system" } else { "istio-system" };
        let metadata = json!({"name": name, "namespace": namespace});
        keep(json!({"metadata": metadata, "data": data})).map(|kept| kept["data"].clone())
    }

    #[test]
    fn of_istios_configuration_only_what_decides_about_the_mesh() {
        let mesh = "trustDomain: td\ndefaultConfig:\n  meshId: m\n  proxyMetadata: {X: secret}\n  \
                    tracing: {lightstep: {accessToken: secret}}\nextensionProviders:\n- name: secret\n";
        let networks = "networks: {a: {gateways: [{address: 192.0.2.1, port: 15443}]}}";
        let kept = data("istio-r", json!({"mesh": mesh, "meshNetworks": networks, "x": "secret"}));
        assert_eq!(
            kept,
            Some(json!({
                "mesh": "defaultConfig:\n  meshId: m\ntrustDomain: td\n",
                "meshNetworks": "networks:\n  a:\n    gateways:\n    - address: \"192.0.2.1\"\n      port: 15443\n",
            }))
        );
        let networks = "networks: {'u:secret@a': {gateways: [{address: 'u:secret@h'}]}}";
        let kept = data("istio", json!({"mesh": "", "meshNetworks": networks}));
        let kept = kept.map(|kept| kept["meshNetworks"].clone());
        assert_eq!(kept, Some(json!("networks:\n  a:\n    gateways:\n    - address: h\n")));
        let values =
            json!({"global": {"network": "a", "imagePullSecrets": ["secret"]}, "x": "secret"});
        let kept = data(
            "istio-sidecar-injector",
            json!({"config": "templates: secret", "values": values.to_string()}),
        );
        assert_eq!(kept, Some(json!({"values": "global:\n  network: a\n"})));
    }

    #[test]
    fn an_empty_configuration_is_one() {
        assert_eq!(data("istio", json!({"mesh": ""})), Some(json!({"mesh": "{}\n"})));
        assert_eq!(data("istio", json!({"mesh": "secret: [\n"})), Some(Value::Null));
    }

    #[test]
    fn kubeadm_tells_its_networks() {
        let text = "clusterName: lab\napiServer:\n  extraArgs: {token: secret}\nnetworking:\n  podSubnet: 10.4.0.0/16\n";
        let kept = data("kubeadm-config", json!({"ClusterConfiguration": text}));
        let expected = "clusterName: lab\nnetworking:\n  podSubnet: \"10.4.0.0/16\"\n";
        assert_eq!(kept, Some(json!({"ClusterConfiguration": expected})));
    }

    #[test]
    fn others_tell_nothing() {
        for (name, key) in [
            ("istio-leader", "x"),
            ("app", "mesh"),
            ("istio-sidecar-injector", "mesh"),
            ("env", "x"),
        ] {
            assert_eq!(data(name, json!({key: "secret"})), None, "{name}");
        }
    }
}
