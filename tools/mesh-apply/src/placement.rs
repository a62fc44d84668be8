//! Which object goes to which cluster.

use crate::manifest::{Access, Manifest};
use meshcore::{Error, Message, Result};
use std::collections::HashMap;

/// A cluster that can be written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What results call it: the record's name, or else the context.
    pub name: String,
    /// istiod's `CLUSTER_ID`, where the record has it.
    pub id: Option<String>,
    /// The kubeconfig's context.
    pub context: String,
    /// The kubeconfig of the record; none for the flag's or the default one.
    pub kubeconfig: Option<String>,
    /// The API server's address in the kubeconfig.
    pub server: String,
}

/// The clusters that one object goes to, by their place in the list of targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// All but these.
    AllBut(Vec<usize>),
    /// This one.
    Only(usize),
}

impl Reach {
    /// Whether the object goes to that target.
    #[must_use]
    pub fn has(&self, target: usize) -> bool {
        match self {
            Self::AllBut(others) => !others.contains(&target),
            Self::Only(only) => *only == target,
        }
    }
}

/// Targets by the ways in which a manifest may name them.
pub struct Targets<'a> {
    all: &'a [Target],
    by_name: HashMap<&'a str, usize>,
    by_server: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Targets<'a> {
    /// Indexes them. A name that could mean two of them is refused.
    pub fn new(all: &'a [Target]) -> Result<Self> {
        let mut by_name = HashMap::new();
        let mut by_server: HashMap<&str, Vec<usize>> = HashMap::new();
        for (i, target) in all.iter().enumerate() {
            // An ID counts most: a cluster may have the name that is another one's ID.
            for name in [Some(&target.name), Some(&target.context)].into_iter().flatten() {
                by_name.entry(name.as_str()).or_insert(i);
            }
            by_server.entry(&target.server).or_default().push(i);
        }
        for (i, target) in all.iter().enumerate() {
            let Some(id) = &target.id else { continue };
            if let Some(other) = by_name.insert(id, i)
                && other != i
                && all[other].id == target.id
            {
                let text =
                    format!("clusters {} and {} have one id, {id}", all[other].name, target.name);
                return Err(Error::data(text).hint("each istiod needs a CLUSTER_ID of its own"));
            }
        }
        Ok(Self { all, by_name, by_server })
    }

    /// The target that a name means: an ID, a record's name or a context.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The targets that a remote Secret gives access to: those of its name, or else those with
    /// the API server in it.
    #[must_use]
    pub fn of(&self, access: &Access) -> Vec<usize> {
        match self.find(&access.cluster) {
            Some(target) => vec![target],
            None => self.by_server.get(access.server.as_str()).cloned().unwrap_or_default(),
        }
    }

    /// Where an object goes. No cluster ever gets a Secret with access to itself.
    pub fn reach(&self, manifest: &Manifest) -> Result<Reach> {
        if let Some(name) = &manifest.for_cluster {
            let own = self.find(name);
            if manifest
                .gives_access
                .iter()
                .any(|access| own.is_some_and(|own| self.of(access).contains(&own)))
            {
                return Err(Error::data(format!(
                    "{} gives access to cluster {name}, and is for that cluster itself",
                    manifest.id
                ))
                .hint("a cluster needs no Secret for itself: leave out the annotation meshutils/cluster"));
            }
            let known = || self.all.iter().map(|t| t.name.as_str()).collect::<Vec<_>>().join(", ");
            return own.map(Reach::Only).ok_or_else(|| {
                Error::data(format!(
                    "{} is for cluster {name}, which is none of these: {}",
                    manifest.id,
                    known()
                ))
                .hint("name its context with --context, or its record with --to")
            });
        }
        Ok(Reach::AllBut(manifest.gives_access.iter().flat_map(|a| self.of(a)).collect()))
    }
}

/// The peers of a full mesh, out of all contexts of the kubeconfig: the clusters that the remote
/// Secrets give access to, in their order.
pub fn peers(contexts: &[Target], manifests: &[Manifest]) -> Result<Vec<Target>> {
    let known = Targets::new(contexts)?;
    let mut peers: Vec<usize> = Vec::new();
    for access in manifests.iter().flat_map(|manifest| &manifest.gives_access) {
        match known.of(access).as_slice() {
            [one] if peers.contains(one) => {
                let (name, context) = (&access.cluster, &contexts[*one].context);
                return Err(Error::data(format!(
                    "cluster {name} and another one are both context {context}"
                ))
                .hint("say which context is which cluster's: --to FILE of cluster records"));
            }
            [one] => peers.push(*one),
            none_or_many => {
                let found = match none_or_many.len() {
                    0 => "no context".to_owned(),
                    n => format!("{n} contexts"),
                };
                return Err(Error::usage(format!(
                    "the kubeconfig has {found} for cluster {}: of its name, or with its server {}",
                    access.cluster, access.server
                ))
                .hint("say which context is which cluster's: --to FILE of cluster records"));
            }
        }
    }
    if peers.is_empty() {
        return Err(Error::data("there is no remote Secret, and so no peers")
            .hint("pipe mesh-remote-secret into it, or name the clusters with --context or --to"));
    }
    Ok(peers.into_iter().map(|i| contexts[i].clone()).collect())
}

/// What is worth knowing of a placement: remote Secrets of clusters that are no targets.
#[must_use]
pub fn strangers(targets: &Targets<'_>, manifests: &[Manifest]) -> Vec<Message> {
    let accesses = manifests.iter().flat_map(|manifest| &manifest.gives_access);
    accesses
        .filter(|access| targets.of(access).is_empty())
        .map(|access| {
            Message::new(format!(
                "cluster {} is none of the given ones: all of them get its Secret",
                access.cluster
            ))
            .hint("if it is one of them, say so with its record's id: --to FILE")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshcore::input::Source;
    use serde_json::json;

    fn target(name: &str, id: Option<&str>, server: &str) -> Target {
        Target {
            name: name.into(),
            id: id.map(str::to_owned),
            context: format!("ctx-{name}"),
            kubeconfig: None,
            server: server.into(),
        }
    }

    fn three() -> [Target; 3] {
        [
            target("a", Some("cn-a"), "https://a"),
            target("b", None, "https://b"),
            target("c", None, "https://b"),
        ]
    }

    fn secret(cluster: &str, server: &str) -> Manifest {
        let kubeconfig = json!({"clusters": [{"cluster": {"server": server}}]}).to_string();
        let secret = json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": cluster, "namespace": "n", "labels": {"istio/multiCluster": "true"}},
            "stringData": {cluster: kubeconfig}});
        let source = Source::new("stdin".into(), secret.to_string().into_bytes()).unwrap();
        crate::manifest::read(&[source], None).unwrap().remove(0)
    }

    #[test]
    fn no_cluster_gets_its_own_secret() {
        let all = three();
        let targets = Targets::new(&all).unwrap();
        for (cluster, server, expected) in [
            ("cn-a", "https://x", vec![0]),
            ("ctx-b", "https://a", vec![1]),
            ("c", "", vec![2]),
            ("x", "https://a", vec![0]),
            // Two contexts of one server: neither may get it.
            ("x", "https://b", vec![1, 2]),
            ("x", "https://x", vec![]),
        ] {
            let reach = targets.reach(&secret(cluster, server)).unwrap();
            assert_eq!(reach, Reach::AllBut(expected), "{cluster} {server}");
        }
        assert_eq!(strangers(&targets, &[secret("x", "https://x"), secret("c", "")]).len(), 1);
    }

    #[test]
    fn an_object_for_one_cluster_goes_there_alone() {
        let all = three();
        let targets = Targets::new(&all).unwrap();
        let mut manifest = secret("x", "");
        manifest.for_cluster = Some("b".into());
        let reach = targets.reach(&manifest).unwrap();
        assert!(!reach.has(0) && reach.has(1) && !reach.has(2));
        manifest.for_cluster = Some("d".into());
        let error = targets.reach(&manifest).unwrap_err();
        assert!(error.message().text().ends_with("none of these: a, b, c"));
        let mut own = secret("b", "");
        own.for_cluster = Some("b".into());
        let error = targets.reach(&own).unwrap_err();
        assert!(error.message().text().contains("is for that cluster itself"));
    }

    #[test]
    fn one_id_twice_is_refused() {
        let all = [target("a", Some("x"), ""), target("b", Some("x"), "")];
        assert!(Targets::new(&all).is_err());
        // A context that is called as another cluster's ID is no clash.
        let all = [target("a", Some("x"), ""), target("x", Some("y"), "")];
        assert_eq!(Targets::new(&all).unwrap().find("x"), Some(0));
    }

    #[test]
    fn peers_are_found_by_name_or_server() {
        let all = three();
        let found = peers(&all, &[secret("c", ""), secret("x", "https://a")]).unwrap();
        assert_eq!(found, [all[2].clone(), all[0].clone()]);
        for (secrets, reason) in [
            (vec![secret("x", "https://b")], "2 contexts"),
            (vec![secret("x", "https://x")], "no context"),
            (vec![secret("a", ""), secret("x", "https://a")], "both"),
            (vec![], "no remote Secret"),
        ] {
            let error = peers(&all, &secrets).unwrap_err();
            assert!(error.message().text().contains(reason), "{error:?}");
        }
    }
}
