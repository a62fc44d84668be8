//! The name under which the others know a cluster.

use crate::name::ClusterId;
use meshcore::{Error, Result};
use std::collections::BTreeSet;

/// What the sources say the cluster is called.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// The user's word, or the record's ID.
    pub given: Option<&'a ClusterId>,
    /// `CLUSTER_ID` of its istiod; none where it need not be the same.
    pub of_istiod: &'a BTreeSet<String>,
    /// What the record calls it.
    pub name: Option<&'a str>,
}

/// The name, which must be that of the cluster's own istiod where this is known: proxies there
/// say that they are of cluster `CLUSTER_ID`, and istiod turns away who is of an unknown one.
/// `None` when nothing is known.
pub fn choose(sources: Sources<'_>) -> Result<Option<ClusterId>> {
    let ids: Vec<&str> = sources.of_istiod.iter().map(String::as_str).collect();
    let parse = |what: &str, id: &str, hint: &str| {
        ClusterId::parse(id)
            .map(Some)
            .map_err(|text| Error::data(format!("{what} {id} {text}")).hint(hint))
    };
    match (sources.given, ids.as_slice()) {
        (Some(id), ids) if ids.is_empty() || ids.contains(&id.as_str()) => Ok(Some(id.clone())),
        (Some(id), ids) => {
            let own = ids.join(" or ");
            Err(Error::data(format!("it cannot be named {id}: its istiod's CLUSTER_ID is {own}"))
                .hint(format!("name it {own}, or install its istiod with clusterName {id}"))
                .hint("--allow-other-id takes the name all the same"))
        }
        (None, [id]) => parse(
            "its istiod's CLUSTER_ID",
            id,
            "install its istiod with a clusterName of its own, as every cluster needs",
        ),
        (None, [_, _, ..]) => {
            Err(Error::data(format!("its istiods have several CLUSTER_IDs: {}", ids.join(", ")))
                .hint("choose one with --name"))
        }
        (None, []) => match sources.name {
            Some(name) => parse("its name", name, "set the record's id to istiod's CLUSTER_ID"),
            None => Ok(None),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(given: Option<&str>, of_istiod: &[&str], name: Option<&str>) -> Result<String> {
        let given = given.map(|id| ClusterId::parse(id).unwrap());
        let ids = of_istiod.iter().map(|&id| id.to_owned()).collect();
        let sources = Sources { given: given.as_ref(), of_istiod: &ids, name };
        choose(sources).map(|id| id.map_or_else(String::new, |id| id.to_string()))
    }

    #[test]
    fn istiods_own_id_decides() {
        let text = |id: Result<String>| id.unwrap();
        assert_eq!(text(chosen(Some("a"), &[], Some("b"))), "a");
        assert_eq!(text(chosen(Some("a"), &["a", "b"], None)), "a");
        assert_eq!(text(chosen(None, &["cn-p-l-a"], Some("a"))), "cn-p-l-a");
        assert_eq!(text(chosen(None, &[], Some("a"))), "a");
        assert_eq!(text(chosen(None, &[], None)), "");
    }

    #[test]
    fn another_name_is_refused() {
        let error = |result: Result<String>| result.unwrap_err().message().clone();
        let told = error(chosen(Some("asm-a"), &["cn-p-l-a"], None));
        assert_eq!(told.text(), "it cannot be named asm-a: its istiod's CLUSTER_ID is cn-p-l-a");
        assert!(told.hints()[1].contains("--allow-other-id"));
        // Two clusters that are installed without a name collide.
        let told = error(chosen(None, &["Kubernetes"], Some("a")));
        assert!(told.text().starts_with("its istiod's CLUSTER_ID Kubernetes may have lower-case"));
        let told = error(chosen(None, &["a", "b"], None));
        assert_eq!(told.text(), "its istiods have several CLUSTER_IDs: a, b");
        let told = error(chosen(None, &[], Some("A")));
        assert_eq!(told.hints(), ["set the record's id to istiod's CLUSTER_ID"]);
    }
}
