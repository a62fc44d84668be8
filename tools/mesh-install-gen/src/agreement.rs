//! What the clusters of a mesh must agree in, and what each must have for itself.

use crate::{ClusterId, Member, MeshId};
use meshcore::{Error, Result, cluster};
use std::collections::BTreeMap;

/// The ID of the mesh: all records', or `said` for those that have none.
pub(crate) fn mesh_id(members: &[Member<'_>], said: Option<&MeshId>) -> Result<MeshId> {
    let mut known = said.cloned().map(|id| (id, "--mesh-id".to_owned()));
    for member in members {
        let Some(text) = &member.cluster.mesh_id else {
            if said.is_some() {
                continue;
            }
            return Err(Error::data("has no meshId")
                .at(member.place())
                .hint("name the mesh with --mesh-id, or pipe the records through mesh-id"));
        };
        let id: MeshId = text.parse().map_err(|reason| {
            Error::data(format!("{text:?}: {reason}")).at(format!("{}: .meshId", member.place()))
        })?;
        match &known {
            Some((first, source)) if *first != id => {
                return Err(Error::data(format!(
                    "its mesh is {id}, and that of {source} is {first}: these are two meshes"
                ))
                .at(member.place())
                .hint("pass the clusters of one mesh only"));
            }
            Some(_) => {}
            None => known = Some((id, member.place())),
        }
    }
    known
        .filter(|_| !members.is_empty())
        .map(|(id, _)| id)
        .ok_or_else(|| Error::data("the input describes no cluster"))
}

/// istiod ignores the second Secret of one key (istio/istio issue 36990).
pub(crate) fn refuse_one_id_twice(members: &[Member<'_>]) -> Result<()> {
    let mut known: BTreeMap<&ClusterId, &Member<'_>> = BTreeMap::new();
    for member in members {
        if let Some(first) = known.insert(&member.id, member) {
            return Err(Error::data(format!(
                "has the ID {} of cluster {}: the others would read one of them only",
                member.id,
                first.cluster.label()
            ))
            .at(member.place())
            .hint("install each with a clusterName of its own; mesh-id tells collisions"));
        }
    }
    Ok(())
}

/// Certificates of one are refused by the other when no root is common to both.
pub(crate) fn refuse_strange_roots(members: &[Member<'_>]) -> Result<()> {
    let known: Vec<&Member<'_>> =
        members.iter().filter(|member| !member.facts.roots.is_empty()).collect();
    let mut common = known.first().map(|member| member.facts.roots.clone()).unwrap_or_default();
    for member in &known {
        common.retain(|root| member.facts.roots.contains(root));
    }
    if !common.is_empty() {
        return Ok(());
    }
    cluster::refuse_too_many(known.len())?;
    for (i, member) in known.iter().enumerate() {
        let strange = |peer: &&&Member<'_>| peer.facts.roots.is_disjoint(&member.facts.roots);
        if let Some(peer) = known[..i].iter().find(strange) {
            return Err(Error::data(format!(
                "it and cluster {} have no root certificate in common, so neither trusts the \
                 other's workloads",
                peer.cluster.label()
            ))
            .at(format!("{}: .rootFingerprints", member.place()))
            .hint("mesh-cacerts makes an intermediate of one root for each"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::mesh::tests::record;
    use crate::{Mesh, Said};
    use meshcore::Exit;
    use meshcore::cluster::Cluster;
    use proptest::prelude::*;
    use serde_json::json;
    use std::collections::BTreeSet;

    fn refused(clusters: &[Cluster], said: &Said) -> (Exit, String, String) {
        let error = Mesh::of(clusters, said).unwrap_err();
        let message = error.message();
        (error.exit(), message.text().to_owned(), message.hints().join("; "))
    }

    #[test]
    fn what_is_missing_is_told_with_who_fills_it_in() {
        for (fields, text) in [
            (json!({"id": null}), "cluster b: has no id, the CLUSTER_ID"),
            (json!({"network": null}), "cluster b: has no network, "),
            (json!({"meshId": null}), "cluster b: has no meshId"),
        ] {
            let clusters = [record("a", json!({})), record("b", fields)];
            let (exit, message, hints) = refused(&clusters, &Said::default());
            assert!(exit == Exit::Data && message.starts_with(text), "{message}");
            assert!(hints.contains("mesh-id"), "{hints}");
        }
    }

    #[test]
    fn names_that_cannot_stay_are_refused() {
        for (fields, text) in [
            (
                json!({"id": "Kubernetes"}),
                "its ID \"Kubernetes\" is what istiod calls every cluster",
            ),
            (json!({"id": "arn:aws:eks"}), "its ID \"arn:aws:eks\" cannot be the key of a Secret"),
            (json!({"id": "a"}), "has the ID a of cluster a: "),
            (json!({"network": "-n"}), "its network \"-n\": a network is a label value"),
            (json!({"meshId": "m n"}), ".meshId: \"m n\": a mesh ID has"),
            (json!({"meshId": "m2"}), "its mesh is m2, and that of cluster a is m: "),
        ] {
            let clusters = [record("a", json!({})), record("b", fields)];
            let (_, message, _) = refused(&clusters, &Said::default());
            assert!(message.starts_with(&format!("cluster b: {text}")), "{message}");
        }
    }

    #[test]
    fn no_cluster_is_no_mesh() {
        let said = Said { mesh_id: Some("m".parse().unwrap()), ..Said::default() };
        for said in [said, Said::default()] {
            assert_eq!(refused(&[], &said).1, "the input describes no cluster");
        }
    }

    #[test]
    fn a_flag_names_the_mesh_of_records_without_one_only() {
        let said = Said { mesh_id: Some("m".parse().unwrap()), ..Said::default() };
        let clusters = [record("a", json!({"meshId": null})), record("b", json!({}))];
        assert_eq!(Mesh::of(&clusters, &said).unwrap().id.as_str(), "m");
        let said = Said { mesh_id: Some("m2".parse().unwrap()), ..Said::default() };
        let (_, message, _) = refused(&clusters, &said);
        assert!(message.contains("its mesh is m, and that of --mesh-id is m2"), "{message}");
    }

    #[test]
    fn one_network_for_clusters_apart_is_refused() {
        let on = |vpc: &str| json!({"network": "n", "provider": "gke", "vpc": vpc, "project": "p"});
        let clusters = [record("a", on("v1")), record("b", on("v2"))];
        let (_, message, hints) = refused(&clusters, &Said::default());
        assert!(message.starts_with("clusters a and b share network n, "), "{message}");
        assert!(hints.contains("--routed n"), "{hints}");
        let said = Said { routed: vec!["n".parse().unwrap()], ..Said::default() };
        assert_eq!(Mesh::of(&clusters, &said).unwrap().doubts, []);
        let unknown = ["a", "b"].map(|name| record(name, json!({"network": "n"})));
        assert_eq!(Mesh::of(&unknown, &Said::default()).unwrap().doubts.len(), 1);
    }

    #[test]
    fn roots_without_one_in_common_are_refused() {
        let roots = |list: &[&str]| json!({"rootFingerprints": list});
        let clusters = [
            record("a", roots(&["AA", "bb"])),
            record("b", json!({})),
            record("c", roots(&["b:b"])),
        ];
        assert!(Mesh::of(&clusters, &Said::default()).is_ok());
        let clusters = [record("a", roots(&["aa"])), record("b", roots(&["bb"]))];
        let (_, message, hints) = refused(&clusters, &Said::default());
        assert!(message.contains("cluster b: .rootFingerprints: it and cluster a have no root"));
        assert!(hints.contains("mesh-cacerts"), "{hints}");
    }

    proptest! {
        /// Whatever the records say: in a mesh, no two clusters have one ID and all have one mesh.
        #[test]
        fn a_mesh_is_consistent(fields in prop::collection::vec(("[ab]|Kubernetes|", "[mn]?"), 1..5)) {
            let cluster = |(i, (id, mesh)): (usize, &(String, String))| {
                record(&format!("c{i}"), json!({"id": id, "meshId": mesh}))
            };
            let clusters: Vec<Cluster> = fields.iter().enumerate().map(cluster).collect();
            if let Ok(mesh) = Mesh::of(&clusters, &Said::default()) {
                let ids: BTreeSet<_> = mesh.members.iter().map(|member| &member.id).collect();
                prop_assert_eq!(ids.len(), clusters.len());
                prop_assert!(clusters.iter().all(|c| c.mesh_id.as_deref() == Some(mesh.id.as_str())));
            }
        }
    }
}
