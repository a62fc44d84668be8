//! The file that says what the mesh is to be (`kind: Mesh`).

mod check;

use meshcore::input::Source;
use meshcore::{DnsLabel, Error, IstioVersion, Network, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The mesh that is wanted, as far as the file says. What it leaves out, records and the clusters
/// themselves tell.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MeshFile {
    /// `meshId`.
    pub mesh_id: Option<String>,
    /// `trustDomain`.
    pub trust_domain: Option<String>,
    /// `namespace`: where istiod is in every cluster.
    pub namespace: Option<DnsLabel>,
    /// `revision`: the control plane of clusters that name none.
    pub revision: Option<DnsLabel>,
    /// `istioVersion`: of what is installed anew.
    pub istio_version: Option<IstioVersion>,
    /// `rootDir`: the folder with the root's certificate and key.
    pub root_dir: Option<PathBuf>,
    /// `clusters`.
    pub clusters: Vec<FileCluster>,
    /// `namespaces`: to be injected in every cluster.
    pub namespaces: Vec<DnsLabel>,
    /// `expose`: what each gateway gives access to.
    pub expose: Option<Vec<Exposure>>,
    /// `networks`: how to get into them.
    pub networks: BTreeMap<Network, FileNetwork>,
    /// `firewall`.
    pub firewall: Option<Firewall>,
}

/// A cluster of the mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileCluster {
    /// As captures call it.
    pub name: String,
    /// Its context in the kubeconfig.
    pub context: Option<String>,
    /// The file with that context.
    pub kubeconfig: Option<String>,
    /// istiod's `CLUSTER_ID`.
    pub id: Option<String>,
    /// Its network.
    pub network: Option<Network>,
    /// Its control plane.
    pub revision: Option<DnsLabel>,
    /// Where the others' istiod find its API server.
    pub server: Option<String>,
}

/// What a gateway gives access to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Exposure {
    /// The services, to clusters of other networks.
    Services,
    /// The control plane, to machines.
    Istiod,
}

/// How to get into a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileNetwork {
    /// Clusters with a gateway, by name; all of the network's when left out.
    #[serde(default)]
    pub gateways: Vec<String>,
    /// Who can reach the gateways.
    #[serde(default)]
    pub load_balancer: Option<LoadBalancer>,
    /// What its clusters run on, where no record tells.
    #[serde(default)]
    pub platform: Option<Platform>,
}

/// Who can reach a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoadBalancer {
    /// The internet.
    External,
    /// The VPC network.
    Internal,
}

/// What a cluster runs on, in mesh-gateway-gen's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // they say it themselves
pub enum Platform {
    Gke,
    Onprem,
    Eks,
    Aks,
    Attached,
}

/// A firewall between the clusters' pods, on Google Cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firewall {
    /// The VPC network, with its project where known.
    pub network: mesh_firewall::Network,
    /// Network tags of the clusters' nodes; at least one.
    pub tags: Vec<mesh_firewall::ResourceName>,
}

impl MeshFile {
    /// Reads the file: one document of `kind: Mesh`.
    pub fn read(source: &Source) -> Result<Self> {
        let documents = source.documents()?;
        let [document] = &documents[..] else {
            return Err(Error::data(format!("holds {} documents, not one Mesh", documents.len()))
                .at(&source.name)
                .hint("captures and records of clusters are given with -f"));
        };
        let meta = document.type_meta();
        let is = |found: Option<&str>, wanted| found == Some(wanted);
        if !is(meta.kind.as_deref(), "Mesh")
            || !is(meta.api_version.as_deref(), "meshutils/v1alpha1")
        {
            return Err(Error::data(
                "is no Mesh: it begins with `apiVersion: meshutils/v1alpha1` and `kind: Mesh`",
            )
            .at(document.place())
            .hint("captures and records of clusters are given with -f"));
        }
        check::check(document.decode()?, document)
    }
}

impl LoadBalancer {
    /// As mesh-gateway-gen has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::External => "external",
            Self::Internal => "internal",
        }
    }
}

impl Platform {
    /// As mesh-gateway-gen has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gke => "gke",
            Self::Onprem => "onprem",
            Self::Eks => "eks",
            Self::Aks => "aks",
            Self::Attached => "attached",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<MeshFile> {
        let text = format!("apiVersion: meshutils/v1alpha1\nkind: Mesh\n{text}");
        MeshFile::read(&Source::new("mesh.yaml".into(), text.into_bytes()).unwrap())
    }

    #[test]
    fn three_clusters_take_few_lines() {
        let file = read(
            "meshId: mesh1\nclusters:\n- {name: a, network: n1}\n- {name: b, network: n2}\n\
             - {name: c, network: n2, context: ctx, id: cn-c, revision: asm-managed}\n\
             networks:\n  n2: {gateways: [c], loadBalancer: internal, platform: gke}\n\
             namespaces: [sample]\nexpose: [services, istiod]\n\
             firewall: {network: projects/p/global/networks/default, tags: [a-node]}\n",
        )
        .unwrap();
        assert_eq!(file.clusters.len(), 3);
        assert_eq!(file.clusters[2].id.as_deref(), Some("cn-c"));
        assert_eq!(file.networks.len(), 1);
        assert_eq!(file.expose, Some(vec![Exposure::Services, Exposure::Istiod]));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_field() {
        let one = "clusters: [{name: a, network: n1}]\n";
        for (text, place, reason) in [
            ("clusters: [{name: a}, {name: a}]", ".clusters[1].name", "second"),
            ("clusters: [{name: a, id: x}, {name: b, id: x}]", ".clusters[1].id", "second"),
            ("clusters: [{name: a, id: b}, {name: b}]", ".clusters[1].name", "second"),
            (
                "clusters: [{name: a, context: x}, {name: b, context: x}]",
                ".clusters[1].context",
                "second",
            ),
            ("clusters: [{name: \"\"}]", ".clusters[0].name", "empty"),
            ("clusters: [{name: a, id: a/b}]", ".clusters[0].id", "key"),
            ("clusters: [{name: a, network: a/b}]", ".clusters[0].network", "label"),
            ("clusters: [{name: a, revision: A}]", ".clusters[0].revision", "lower-case"),
            ("clusters: [{name: a, server: nowhere}]", ".clusters[0].server", "https://"),
            ("clusters: [{name: a, colour: b}]", ".clusters[0]", "colour"),
            ("clusters: [{context: a}]", ".clusters[0]", "name"),
            ("clusters: []", ".clusters", "no cluster"),
            (&format!("{one}namespaces: [A]"), ".namespaces[0]", "lower-case"),
            (&format!("{one}namespaces: [x, x]"), ".namespaces[1]", "second"),
            (&format!("{one}namespaces: [istio-system]"), ".namespaces[0]", "istiod"),
            (&format!("{one}trustDomain: A"), ".trustDomain", "upper-case"),
            (&format!("{one}meshId: \"\""), ".meshId", "label"),
            (&format!("{one}istioVersion: \"2\""), ".istioVersion", "form"),
            (&format!("{one}expose: [pods]"), ".expose[0]", "pods"),
            (&format!("{one}networks: {{n2: {{}}}}"), ".networks.n2", "no cluster"),
            (
                &format!("{one}networks: {{n1: {{gateways: [b]}}}}"),
                ".networks.n1.gateways[0]",
                "no cluster",
            ),
            (
                &format!("{one}networks: {{n1: {{loadBalancer: inner}}}}"),
                ".networks.n1.loadBalancer",
                "inner",
            ),
            (&format!("{one}firewall: {{network: default, tags: []}}"), ".firewall.tags", "no tag"),
            (
                &format!("{one}firewall: {{network: Default, tags: [a]}}"),
                ".firewall.network",
                "lower-case",
            ),
            (
                &format!("{one}firewall: {{network: default, tags: [A]}}"),
                ".firewall.tags[0]",
                "lower-case",
            ),
            (&format!("{one}rootDir: \"\""), ".rootDir", "empty"),
            (one.replace("a,", "a, kubeconfig: '',").as_str(), ".clusters[0].kubeconfig", "empty"),
        ] {
            let error = read(text).unwrap_err();
            let told = error.message().text();
            assert!(told.starts_with("mesh.yaml: document 1: "), "{told}");
            assert!(told.contains(place) && told.contains(reason), "{text}: {told}");
        }
    }

    #[test]
    fn other_documents_are_refused() {
        let source = |text: &str| Source::new("m".into(), text.as_bytes().to_vec()).unwrap();
        for text in ["kind: Mesh", "apiVersion: v1\nkind: Mesh", "a: 1\n---\nb: 2"] {
            let error = MeshFile::read(&source(text)).unwrap_err();
            assert!(error.message().text().contains("Mesh"), "{error:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}", name in "\\PC{0,8}", id in "\\PC{0,8}") {
            let _ = read(&text);
            let _ = read(&format!("clusters: [{{name: {name:?}, id: {id:?}, network: {name:?}}}]"));
        }

        #[test]
        fn clusters_are_kept_apart(
            names in prop::collection::vec(("[ab]", prop::option::of("[ab]")), 1..4)
        ) {
            let cluster = |(name, id): &(String, Option<String>)| {
                let id = id.as_ref().map_or_else(String::new, |id| format!(", id: {id}"));
                format!("{{name: {name}{id}}}")
            };
            let list: Vec<String> = names.iter().map(cluster).collect();
            if let Ok(file) = read(&format!("clusters: [{}]", list.join(", "))) {
                let ids: Vec<&String> =
                    file.clusters.iter().map(|one| one.id.as_ref().unwrap_or(&one.name)).collect();
                let unique: std::collections::BTreeSet<&String> = ids.iter().copied().collect();
                prop_assert_eq!(unique.len(), ids.len());
            }
        }
    }
}
