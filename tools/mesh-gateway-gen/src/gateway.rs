//! The object, in each of the forms that gen-eastwest-gateway.sh has given it.

use crate::names::{Identifier, Network};
use clap::ValueEnum;
use meshcore::DnsLabel;
use serde_json::{Value, json};

/// An east-west gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// What the script of the cluster's version knows and prints.
    pub form: Form,
    /// Who signs istiod's certificate, where it is not left to Istio's default. The script does
    /// not print it; Google's guides add it by
    /// `istioctl install --set spec.values.global.pilotCertProvider=PROVIDER`.
    pub cert_provider: Option<CertProvider>,
}

/// What the script prints, by Istio version. Without a [`Member`] or [`Network`] it is the
/// gateway of a single cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Istio 1.8.0: no revision, ports named after what they carry.
    V1_8_0(Option<Member>),
    /// Istio 1.8.1 to 1.10, ASM 1.9 and 1.10: a revision, ports named after TLS.
    V1_8_1(Option<Member>, Option<DnsLabel>),
    /// Istio 1.11: the gateway's pod is injected.
    V1_11(Option<Member>, Option<DnsLabel>),
    /// Istio 1.12 to 1.30, ASM 1.19 and newer: cluster and mesh are not named any more.
    V1_12(Option<Network>, Option<DnsLabel>),
}

/// What gateways before 1.12 say of the cluster they stand in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Network of the cluster's pods.
    pub network: Network,
    /// The cluster, by istiod's `CLUSTER_ID`.
    pub cluster: Identifier,
    /// The mesh.
    pub mesh: Identifier,
}

/// Who signs istiod's serving certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CertProvider {
    /// istiod's own CA.
    Istiod,
    /// The cluster's CSR API; istiod refuses it from Istio 1.23 on (istio/istio PR 51498).
    Kubernetes,
}

impl Gateway {
    /// The IstioOperator for `istioctl install -f`.
    #[must_use]
    pub fn manifest(&self) -> Value {
        let mut spec = json!({
            "profile": "empty",
            "components": {"ingressGateways": [self.component()]},
        });
        if let Some(revision) = self.revision() {
            spec["revision"] = revision.into();
        }
        let values = self.values();
        if !values.is_null() {
            spec["values"] = values;
        }
        json!({
            "apiVersion": "install.istio.io/v1alpha1",
            "kind": "IstioOperator",
            "metadata": {"name": "eastwest"},
            "spec": spec,
        })
    }

    fn component(&self) -> Value {
        let mut label = json!({"app": "istio-eastwestgateway", "istio": "eastwestgateway"});
        let mut env = Vec::new();
        if !matches!(self.form, Form::V1_12(..)) {
            env.push(json!({"name": "ISTIO_META_ROUTER_MODE", "value": "sni-dnat"}));
        }
        if let Some(network) = self.network() {
            label["topology.istio.io/network"] = network.as_str().into();
            let name = "ISTIO_META_REQUESTED_NETWORK_VIEW";
            env.push(json!({"name": name, "value": network.as_str()}));
        }
        let mut k8s = json!({"service": {"ports": self.ports()}});
        if !env.is_empty() {
            k8s["env"] = env.into();
        }
        json!({"name": "istio-eastwestgateway", "enabled": true, "label": label, "k8s": k8s})
    }

    fn ports(&self) -> Value {
        let (tls, istiod, webhook) = match self.form {
            Form::V1_8_0(_) => ("mtls", "tcp-istiod", "tcp-webhook"),
            _ => ("tls", "tls-istiod", "tls-webhook"),
        };
        [("status-port", 15021), (tls, 15443), (istiod, 15012), (webhook, 15017)]
            .map(|(name, port)| json!({"name": name, "port": port, "targetPort": port}))
            .to_vec()
            .into()
    }

    /// The Helm values, or null when there are none.
    fn values(&self) -> Value {
        let mut values = Value::Null;
        if matches!(self.form, Form::V1_11(..) | Form::V1_12(..)) {
            values["gateways"]["istio-ingressgateway"]["injectionTemplate"] = "gateway".into();
        }
        if let Some(network) = self.network() {
            values["global"]["network"] = network.as_str().into();
        }
        if let Some(member) = self.member() {
            values["global"]["meshID"] = member.mesh.as_str().into();
            values["global"]["multiCluster"]["clusterName"] = member.cluster.as_str().into();
        }
        if let Some(provider) = self.cert_provider {
            values["global"]["pilotCertProvider"] = match provider {
                CertProvider::Istiod => "istiod",
                CertProvider::Kubernetes => "kubernetes",
            }
            .into();
        }
        values
    }

    fn member(&self) -> Option<&Member> {
        match &self.form {
            Form::V1_8_0(member) | Form::V1_8_1(member, _) | Form::V1_11(member, _) => {
                member.as_ref()
            }
            Form::V1_12(..) => None,
        }
    }

    fn network(&self) -> Option<&Network> {
        match &self.form {
            Form::V1_12(network, _) => network.as_ref(),
            _ => self.member().map(|member| &member.network),
        }
    }

    /// The revision, empty when the form has the field and none is given.
    fn revision(&self) -> Option<&str> {
        match &self.form {
            Form::V1_8_0(_) => None,
            Form::V1_8_1(_, revision) | Form::V1_11(_, revision) | Form::V1_12(_, revision) => {
                Some(revision.as_ref().map_or("", DnsLabel::as_str))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> Network {
        "network1".parse().unwrap()
    }

    fn member() -> Member {
        let (cluster, mesh) = ("cluster1".parse().unwrap(), "mesh1".parse().unwrap());
        Member { network: network(), cluster, mesh }
    }

    fn revision() -> DnsLabel {
        DnsLabel::parse("asm-198-6").unwrap()
    }

    fn manifest(form: Form) -> Value {
        Gateway { form, cert_provider: None }.manifest()
    }

    fn ports(names: [&str; 4]) -> Value {
        json!([
            {"name": names[0], "port": 15021, "targetPort": 15021},
            {"name": names[1], "port": 15443, "targetPort": 15443},
            {"name": names[2], "port": 15012, "targetPort": 15012},
            {"name": names[3], "port": 15017, "targetPort": 15017},
        ])
    }

    const TLS: [&str; 4] = ["status-port", "tls", "tls-istiod", "tls-webhook"];

    #[test]
    fn istio_1_8_0() {
        let expected = json!({
            "apiVersion": "install.istio.io/v1alpha1",
            "kind": "IstioOperator",
            "metadata": {"name": "eastwest"},
            "spec": {
                "profile": "empty",
                "components": {"ingressGateways": [{
                    "name": "istio-eastwestgateway",
                    "label": {
                        "istio": "eastwestgateway",
                        "app": "istio-eastwestgateway",
                        "topology.istio.io/network": "network1",
                    },
                    "enabled": true,
                    "k8s": {
                        "env": [
                            {"name": "ISTIO_META_ROUTER_MODE", "value": "sni-dnat"},
                            {"name": "ISTIO_META_REQUESTED_NETWORK_VIEW", "value": "network1"},
                        ],
                        "service": {"ports": ports(
                            ["status-port", "mtls", "tcp-istiod", "tcp-webhook"]
                        )},
                    },
                }]},
                "values": {"global": {
                    "meshID": "mesh1",
                    "network": "network1",
                    "multiCluster": {"clusterName": "cluster1"},
                }},
            },
        });
        assert_eq!(manifest(Form::V1_8_0(Some(member()))), expected);
    }

    #[test]
    fn istio_1_8_1_to_1_10() {
        let expected = json!({
            "apiVersion": "install.istio.io/v1alpha1",
            "kind": "IstioOperator",
            "metadata": {"name": "eastwest"},
            "spec": {
                "revision": "asm-198-6",
                "profile": "empty",
                "components": {"ingressGateways": [{
                    "name": "istio-eastwestgateway",
                    "label": {
                        "istio": "eastwestgateway",
                        "app": "istio-eastwestgateway",
                        "topology.istio.io/network": "network1",
                    },
                    "enabled": true,
                    "k8s": {
                        "env": [
                            {"name": "ISTIO_META_ROUTER_MODE", "value": "sni-dnat"},
                            {"name": "ISTIO_META_REQUESTED_NETWORK_VIEW", "value": "network1"},
                        ],
                        "service": {"ports": ports(TLS)},
                    },
                }]},
                "values": {"global": {
                    "meshID": "mesh1",
                    "network": "network1",
                    "multiCluster": {"clusterName": "cluster1"},
                }},
            },
        });
        assert_eq!(manifest(Form::V1_8_1(Some(member()), Some(revision()))), expected);
    }

    #[test]
    fn istio_1_11() {
        let expected = json!({
            "apiVersion": "install.istio.io/v1alpha1",
            "kind": "IstioOperator",
            "metadata": {"name": "eastwest"},
            "spec": {
                "revision": "",
                "profile": "empty",
                "components": {"ingressGateways": [{
                    "name": "istio-eastwestgateway",
                    "label": {
                        "istio": "eastwestgateway",
                        "app": "istio-eastwestgateway",
                        "topology.istio.io/network": "network1",
                    },
                    "enabled": true,
                    "k8s": {
                        "env": [
                            {"name": "ISTIO_META_ROUTER_MODE", "value": "sni-dnat"},
                            {"name": "ISTIO_META_REQUESTED_NETWORK_VIEW", "value": "network1"},
                        ],
                        "service": {"ports": ports(TLS)},
                    },
                }]},
                "values": {
                    "gateways": {"istio-ingressgateway": {"injectionTemplate": "gateway"}},
                    "global": {
                        "meshID": "mesh1",
                        "network": "network1",
                        "multiCluster": {"clusterName": "cluster1"},
                    },
                },
            },
        });
        assert_eq!(manifest(Form::V1_11(Some(member()), None)), expected);
    }

    #[test]
    fn istio_1_12_and_newer() {
        let expected = json!({
            "apiVersion": "install.istio.io/v1alpha1",
            "kind": "IstioOperator",
            "metadata": {"name": "eastwest"},
            "spec": {
                "revision": "asm-198-6",
                "profile": "empty",
                "components": {"ingressGateways": [{
                    "name": "istio-eastwestgateway",
                    "label": {
                        "istio": "eastwestgateway",
                        "app": "istio-eastwestgateway",
                        "topology.istio.io/network": "network1",
                    },
                    "enabled": true,
                    "k8s": {
                        "env": [
                            {"name": "ISTIO_META_REQUESTED_NETWORK_VIEW", "value": "network1"},
                        ],
                        "service": {"ports": ports(TLS)},
                    },
                }]},
                "values": {
                    "gateways": {"istio-ingressgateway": {"injectionTemplate": "gateway"}},
                    "global": {"network": "network1"},
                },
            },
        });
        assert_eq!(manifest(Form::V1_12(Some(network()), Some(revision()))), expected);
    }

    #[test]
    fn a_single_cluster_has_no_network_anywhere() {
        let router_mode = json!([{"name": "ISTIO_META_ROUTER_MODE", "value": "sni-dnat"}]);
        let template = json!({"gateways": {"istio-ingressgateway": {
            "injectionTemplate": "gateway",
        }}});
        for (form, env, values) in [
            (Form::V1_8_0(None), &router_mode, &Value::Null),
            (Form::V1_8_1(None, None), &router_mode, &Value::Null),
            (Form::V1_11(None, None), &router_mode, &template),
            (Form::V1_12(None, None), &Value::Null, &template),
        ] {
            let manifest = manifest(form);
            let gateway = &manifest["spec"]["components"]["ingressGateways"][0];
            assert_eq!(
                gateway["label"],
                json!({"istio": "eastwestgateway", "app": "istio-eastwestgateway"})
            );
            assert_eq!(&gateway["k8s"]["env"], env);
            assert_eq!(&manifest["spec"]["values"], values);
            // Absent, not null: istioctl would take null for "remove the default".
            assert!(!manifest.to_string().contains("null"), "{manifest}");
        }
    }

    #[test]
    fn the_cert_provider_stands_beside_the_other_global_values() {
        let manifest = |form, provider| {
            let gateway = Gateway { form, cert_provider: Some(provider) };
            gateway.manifest()["spec"]["values"]["global"].clone()
        };
        assert_eq!(
            manifest(Form::V1_12(Some(network()), None), CertProvider::Kubernetes),
            json!({"network": "network1", "pilotCertProvider": "kubernetes"})
        );
        assert_eq!(
            manifest(Form::V1_8_0(None), CertProvider::Istiod),
            json!({"pilotCertProvider": "istiod"})
        );
    }
}
