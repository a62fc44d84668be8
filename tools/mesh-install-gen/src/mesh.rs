//! The clusters of one mesh, checked against each other.

use crate::{Member, MeshId, Seat, agreement};
use meshcore::cluster::Cluster;
use meshcore::{Error, Message, Network, Result, route, shell};

/// What the user says beside the records.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// The mesh's ID, where records have none.
    pub mesh_id: Option<MeshId>,
    /// Clusters without a control plane, each with its primary; by name.
    pub remotes: Vec<(String, String)>,
    /// Networks whose clusters reach each other's pods, whatever it looks like.
    pub routed: Vec<Network>,
}

/// Clusters that can be one mesh: one mesh ID, no two of one ID, networks that are what they are
/// called, roots in common.
#[derive(Debug, Clone)]
pub struct Mesh<'a> {
    /// The ID of all.
    pub id: MeshId,
    /// In the order of the records.
    pub members: Vec<Member<'a>>,
    /// Warnings: what the records leave open.
    pub doubts: Vec<Message>,
}

impl<'a> Mesh<'a> {
    /// Checks the records.
    pub fn of(clusters: &'a [Cluster], said: &Said) -> Result<Self> {
        let members = clusters.iter().map(Member::of).collect::<Result<Vec<_>>>()?;
        let id = agreement::mesh_id(&members, said.mesh_id.as_ref())?;
        agreement::refuse_one_id_twice(&members)?;
        let doubts = route::check(clusters, &said.routed)?;
        agreement::refuse_strange_roots(&members)?;
        let mut mesh = Self { id, members, doubts };
        mesh.seat(&said.remotes)?;
        Ok(mesh)
    }

    /// The member of that name, `PROJECT/LOCATION/NAME` or ID.
    pub fn find(&self, name: &str) -> Result<&Member<'a>> {
        self.position(name).map(|at| &self.members[at])
    }

    fn position(&self, name: &str) -> Result<usize> {
        let found = |is: &dyn Fn(&Member<'_>) -> bool| -> Vec<usize> {
            let all = self.members.iter().enumerate();
            all.filter(|(_, member)| is(member)).map(|(at, _)| at).collect()
        };
        // Of IDs there are no two.
        let mut found_at = found(&|member| member.id.as_str() == name);
        if found_at.is_empty() {
            found_at =
                found(&|Member { cluster, .. }| cluster.name == name || cluster.label() == name);
        }
        let known = || shell::names(self.members.iter().map(|m| m.id.as_str()));
        match found_at[..] {
            [one] => Ok(one),
            [] => Err(Error::usage(format!("the input has no cluster {name:?}"))
                .hint(format!("it has: {}", known()))),
            _ => Err(Error::usage(format!("the input has several clusters {name:?}"))
                .hint(format!("name it by its ID: {}", known()))),
        }
    }

    fn seat(&mut self, remotes: &[(String, String)]) -> Result<()> {
        for (remote, primary) in remotes {
            let (remote, primary) = (self.position(remote)?, self.position(primary)?);
            let seat = Seat::Remote { primary: self.members[primary].id.clone() };
            let member = &self.members[remote];
            let wrong = |reason: &str| {
                Error::usage(format!("--remote: cluster {} {reason}", member.cluster.label()))
                    .hint("each remote has one primary, and a primary has its own control plane")
            };
            if remote == primary {
                return Err(wrong("would be its own primary"));
            }
            if matches!(member.seat, Seat::Remote { .. }) && member.seat != seat {
                return Err(wrong("would have two primaries"));
            }
            if member.seat == (Seat::Primary { has_remotes: true })
                || matches!(self.members[primary].seat, Seat::Remote { .. })
            {
                return Err(wrong("would be in a chain of primaries"));
            }
            self.members[remote].seat = seat;
            self.members[primary].seat = Seat::Primary { has_remotes: true };
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use meshcore::Exit;
    use serde_json::{Value, json};

    /// A record of a cluster that is its own network in mesh `m`.
    pub(crate) fn record(name: &str, fields: Value) -> Cluster {
        let mut value = json!({"apiVersion": "meshutils/v1alpha1", "kind": "Cluster",
            "name": name, "id": name, "network": format!("net-{name}"), "meshId": "m"});
        for (key, field) in fields.as_object().unwrap() {
            value[key] = field.clone();
        }
        serde_json::from_value(value).unwrap()
    }

    fn remotes(pairs: &[(&str, &str)]) -> Said {
        let pair = |&(a, b): &(&str, &str)| (a.to_owned(), b.to_owned());
        Said { remotes: pairs.iter().map(pair).collect(), ..Said::default() }
    }

    #[test]
    fn clusters_that_agree_are_a_mesh() {
        let clusters = [record("a", json!({})), record("b", json!({}))];
        let mesh = Mesh::of(&clusters, &Said::default()).unwrap();
        assert_eq!(mesh.id.as_str(), "m");
        assert_eq!(mesh.members[1].network.as_str(), "net-b");
        assert_eq!(mesh.find("b").unwrap().seat, Seat::Primary { has_remotes: false });
    }

    #[test]
    fn remotes_have_one_primary() {
        let clusters = ["a", "b", "c"].map(|name| record(name, json!({})));
        let mesh = Mesh::of(&clusters, &remotes(&[("b", "a"), ("c", "a"), ("b", "a")])).unwrap();
        assert_eq!(mesh.members[0].seat, Seat::Primary { has_remotes: true });
        assert_eq!(mesh.members[2].seat, Seat::Remote { primary: "a".parse().unwrap() });
        for (pairs, text) in [
            (vec![("b", "b")], "cluster b would be its own primary"),
            (vec![("b", "a"), ("b", "c")], "cluster b would have two primaries"),
            (vec![("b", "a"), ("c", "b")], "cluster c would be in a chain"),
            (vec![("b", "a"), ("a", "c")], "cluster a would be in a chain"),
            (vec![("b", "d")], "the input has no cluster \"d\""),
        ] {
            let error = Mesh::of(&clusters, &remotes(&pairs)).unwrap_err();
            let (exit, message) = (error.exit(), error.message().text());
            assert!(exit == Exit::Usage && message.contains(text), "{pairs:?}: {message}");
        }
    }

    #[test]
    fn clusters_of_one_name_are_found_by_their_ids() {
        let at = |id: &str, location: &str| {
            record("a", json!({"id": id, "project": "p", "location": location}))
        };
        let clusters = [at("one", "x"), at("two", "y")];
        let mesh = Mesh::of(&clusters, &Said::default()).unwrap();
        assert_eq!(mesh.find("two").unwrap().id.as_str(), "two");
        assert_eq!(mesh.find("p/x/a").unwrap().id.as_str(), "one");
        let error = mesh.find("a").unwrap_err();
        assert!(error.message().hints()[0].contains("one, two"), "{error:?}");
    }
}
