//! A control plane as an IstioOperator or as Helm values, as Istio's guides "Install Multicluster"
//! write them (multi-primary and primary-remote, on one network and on several).

use crate::{ControlPlane, Role};
use clap::ValueEnum;
use serde_json::{Value, json};

/// A chart of Istio's repository that takes values of the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Chart {
    /// Roles and webhooks of the whole cluster
    Base,
    /// The control plane
    Istiod,
}

impl ControlPlane {
    /// The object for `istioctl install -f`. Without a name, as in the guides: istioctl would
    /// take another name for another installation.
    #[must_use]
    pub fn operator(&self) -> Value {
        let mut spec = json!({"values": {"global": self.global()}});
        match &self.role {
            Role::Primary { .. } => spec["meshConfig"] = self.mesh_config(),
            Role::Remote { .. } => {
                spec["profile"] = json!("remote");
                spec["values"]["istiodRemote"] = self.istiod_remote();
            }
        }
        if let Some(revision) = &self.revision {
            spec["revision"] = json!(revision.as_str());
        }
        json!({
            "apiVersion": "install.istio.io/v1alpha1",
            "kind": "IstioOperator",
            "metadata": {"namespace": self.namespace.as_str()},
            "spec": spec,
        })
    }

    /// The values of one chart. The charts have the profile `remote` from Istio 1.24 on.
    #[must_use]
    pub fn helm(&self, chart: Chart) -> Value {
        match chart {
            Chart::Base => self.base(),
            Chart::Istiod => self.istiod(),
        }
    }

    fn base(&self) -> Value {
        let mut values = json!({});
        if matches!(self.role, Role::Remote { .. }) {
            values["profile"] = json!("remote");
        }
        // The validating webhook asks the istiod of this revision.
        if let Some(revision) = &self.revision {
            values["defaultRevision"] = json!(revision.as_str());
        }
        if let Some(namespace) = self.other_namespace() {
            values["global"]["istioNamespace"] = json!(namespace);
        }
        values
    }

    fn istiod(&self) -> Value {
        let mut values = json!({"global": self.global()});
        match &self.role {
            Role::Primary { .. } => values["meshConfig"] = self.mesh_config(),
            Role::Remote { .. } => {
                values["profile"] = json!("remote");
                values["istiodRemote"] = self.istiod_remote();
                values["global"]["configCluster"] = json!(true);
            }
        }
        if let Some(revision) = &self.revision {
            values["revision"] = json!(revision.as_str());
        }
        values
    }

    fn global(&self) -> Value {
        let mut global = json!({
            "meshID": self.mesh.as_str(),
            "multiCluster": {"clusterName": self.cluster.as_str()},
            "network": self.network.as_str(),
        });
        match &self.role {
            Role::Primary { has_remotes: true, .. } => global["externalIstiod"] = json!(true),
            Role::Primary { .. } => {}
            Role::Remote { istiod } => global["remotePilotAddress"] = json!(istiod.to_string()),
        }
        if let Some(namespace) = self.other_namespace() {
            global["istioNamespace"] = json!(namespace);
        }
        global
    }

    /// Null for a remote: its proxies are injected with the primary's.
    fn mesh_config(&self) -> Value {
        let Role::Primary { trust_domain, aliases, .. } = &self.role else { return Value::Null };
        let mut config = json!({"trustDomain": trust_domain.as_str()});
        if !aliases.is_empty() {
            config["trustDomainAliases"] = aliases.iter().map(crate::TrustDomain::as_str).collect();
        }
        config
    }

    /// The primary's webhook is told by its path whose pods it injects.
    fn istiod_remote(&self) -> Value {
        let path = format!("/inject/cluster/{}/net/{}", self.cluster, self.network);
        json!({"injectionPath": path})
    }

    fn other_namespace(&self) -> Option<&str> {
        Some(self.namespace.as_str()).filter(|&namespace| namespace != "istio-system")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TrustDomain;
    use meshcore::DnsLabel;
    use std::collections::BTreeSet;

    fn primary(has_remotes: bool) -> ControlPlane {
        ControlPlane {
            mesh: "mesh1".parse().unwrap(),
            cluster: "cluster1".parse().unwrap(),
            network: "network1".parse().unwrap(),
            namespace: DnsLabel::parse("istio-system").unwrap(),
            revision: None,
            role: Role::Primary {
                trust_domain: TrustDomain::cluster_local(),
                aliases: BTreeSet::new(),
                has_remotes,
            },
        }
    }

    fn remote() -> ControlPlane {
        ControlPlane {
            cluster: "cluster2".parse().unwrap(),
            network: "network2".parse().unwrap(),
            role: Role::Remote { istiod: "34.75.71.237".parse().unwrap() },
            ..primary(false)
        }
    }

    fn elsewhere(plane: ControlPlane) -> ControlPlane {
        let label = |name| DnsLabel::parse(name).unwrap();
        ControlPlane { namespace: label("mesh"), revision: Some(label("1-30")), ..plane }
    }

    #[test]
    fn a_primary_as_istio_documents_it() {
        let expected = json!({
            "apiVersion": "install.istio.io/v1alpha1",
            "kind": "IstioOperator",
            "metadata": {"namespace": "istio-system"},
            "spec": {
                "meshConfig": {"trustDomain": "cluster.local"},
                "values": {"global": {
                    "meshID": "mesh1",
                    "multiCluster": {"clusterName": "cluster1"},
                    "network": "network1",
                }},
            },
        });
        assert_eq!(primary(false).operator(), expected);
        let mut external = expected;
        external["spec"]["values"]["global"]["externalIstiod"] = json!(true);
        assert_eq!(primary(true).operator(), external);
    }

    #[test]
    fn a_remote_as_istio_documents_it() {
        let expected = json!({
            "apiVersion": "install.istio.io/v1alpha1",
            "kind": "IstioOperator",
            "metadata": {"namespace": "istio-system"},
            "spec": {
                "profile": "remote",
                "values": {
                    "istiodRemote": {"injectionPath": "/inject/cluster/cluster2/net/network2"},
                    "global": {
                        "meshID": "mesh1",
                        "multiCluster": {"clusterName": "cluster2"},
                        "network": "network2",
                        "remotePilotAddress": "34.75.71.237",
                    },
                },
            },
        });
        assert_eq!(remote().operator(), expected);
    }

    #[test]
    fn charts_as_istio_documents_them() {
        assert_eq!(primary(false).helm(Chart::Base), json!({}));
        assert_eq!(remote().helm(Chart::Base), json!({"profile": "remote"}));
        assert_eq!(
            primary(true).helm(Chart::Istiod),
            json!({
                "global": {
                    "meshID": "mesh1",
                    "multiCluster": {"clusterName": "cluster1"},
                    "network": "network1",
                    "externalIstiod": true,
                },
                "meshConfig": {"trustDomain": "cluster.local"},
            })
        );
        assert_eq!(
            remote().helm(Chart::Istiod),
            json!({
                "profile": "remote",
                "istiodRemote": {"injectionPath": "/inject/cluster/cluster2/net/network2"},
                "global": {
                    "configCluster": true,
                    "meshID": "mesh1",
                    "multiCluster": {"clusterName": "cluster2"},
                    "network": "network2",
                    "remotePilotAddress": "34.75.71.237",
                },
            })
        );
    }

    #[test]
    fn another_revision_and_namespace_are_told_to_all() {
        let operator = elsewhere(primary(false)).operator();
        assert_eq!(operator["metadata"], json!({"namespace": "mesh"}));
        assert_eq!(operator["spec"]["revision"], "1-30");
        assert_eq!(operator["spec"]["values"]["global"]["istioNamespace"], "mesh");
        assert_eq!(
            elsewhere(remote()).helm(Chart::Base),
            json!({"profile": "remote", "defaultRevision": "1-30",
                "global": {"istioNamespace": "mesh"}})
        );
        let values = elsewhere(remote()).helm(Chart::Istiod);
        assert_eq!(values["revision"], "1-30");
        assert_eq!(values["global"]["istioNamespace"], "mesh");
    }

    #[test]
    fn aliases_are_sorted_and_absent_when_there_are_none() {
        let mut plane = primary(false);
        plane.role = Role::Primary {
            trust_domain: "td2".parse().unwrap(),
            aliases: ["td3", "td1"].map(|domain| domain.parse().unwrap()).into(),
            has_remotes: false,
        };
        let config = json!({"trustDomain": "td2", "trustDomainAliases": ["td1", "td3"]});
        assert_eq!(plane.operator()["spec"]["meshConfig"], config);
        assert_eq!(plane.helm(Chart::Istiod)["meshConfig"], config);
        assert!(!primary(true).operator().to_string().contains("null"));
        assert!(!remote().helm(Chart::Istiod).to_string().contains("null"));
    }
}
