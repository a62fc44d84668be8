//! The clusters that are to get a CA.

use meshcore::cluster::{Cluster, Names};
use meshcore::{Error, Result, is_treacherous};
use std::collections::BTreeMap;

/// A cluster that gets an intermediate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// By what mesh-apply finds it: its record's name or ID, or what --cluster says.
    pub name: String,
    /// Its CLUSTER_ID where that is known, or else its name: the folder of its files, and the
    /// place (`L`) in its certificate's subject, as with Istio's tools/certs.
    pub id: String,
}

/// The longest locality that a subject can have (X.520, ub-locality-name).
const LONGEST: usize = 128;

/// Clusters that --cluster names.
pub fn of_names(names: &[String]) -> Result<Vec<Member>> {
    let member = |name: &String| Member { name: name.clone(), id: name.clone() };
    checked(names.iter().map(member).collect())
}

/// Clusters that have records.
pub fn of_records(records: &[Cluster]) -> Result<Vec<Member>> {
    if records.is_empty() {
        return Err(Error::data("the input describes no cluster"));
    }
    let names = Names::of(records);
    let member = |record: &Cluster| {
        let name = names.unique(record).ok_or_else(|| {
            Error::data("another cluster has its name, and its ID is not known")
                .at(format!("cluster {}", record.label()))
                .hint("mesh-id fills in the IDs of clusters")
        })?;
        let id = record.id.clone().unwrap_or_else(|| name.to_owned());
        Ok(Member { name: name.to_owned(), id })
    };
    checked(records.iter().map(member).collect::<Result<_>>()?)
}

fn checked(mut members: Vec<Member>) -> Result<Vec<Member>> {
    members.sort_by(|a, b| a.name.cmp(&b.name));
    let mut known: BTreeMap<&str, &str> = BTreeMap::new();
    for Member { name, id } in &members {
        let at = format!("cluster {name}");
        if let Some(fault) = fault(id) {
            return Err(Error::data(format!("its name in the certificate, {id:?}, {fault}")).at(at));
        }
        if let Some(other) = known.insert(id, name) {
            return Err(Error::data(format!("has the ID {id} of cluster {other}"))
                .at(at)
                .hint("each cluster needs an intermediate, and so an ID, of its own"));
        }
    }
    Ok(members)
}

/// Why an ID can be no folder's name or no locality; the text goes on after the ID.
fn fault(id: &str) -> Option<&'static str> {
    if id.is_empty() {
        Some("is empty")
    } else if id.len() > LONGEST {
        Some("has more than 128 bytes")
    } else if id.contains('/') {
        Some("has a slash: rename the context, or give the record an id")
    } else if id.starts_with('.') {
        Some("begins with a dot: a hidden folder")
    } else if id.contains(is_treacherous) {
        Some("has a control character, or one that changes or hides what is beside it")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(name: &str, id: Option<&str>) -> Cluster {
        Cluster { name: name.into(), id: id.map(str::to_owned), ..Cluster::default() }
    }

    #[test]
    fn an_id_that_hides_something_is_refused() {
        for id in ["\u{202e}x", "a\u{1b}", "a\u{200b}"] {
            assert!(of_names(&[id.to_owned()]).is_err(), "{id:?}");
        }
    }

    #[test]
    fn a_record_gives_the_id_where_it_is_known() {
        let members = of_records(&[record("b", None), record("a", Some("cn-a"))]).unwrap();
        let member = |name: &str, id: &str| Member { name: name.into(), id: id.into() };
        assert_eq!(members, [member("a", "cn-a"), member("b", "b")]);
    }

    #[test]
    fn of_two_clusters_with_one_name_the_ids_count() {
        let members = of_records(&[record("a", Some("x")), record("a", Some("y"))]).unwrap();
        assert_eq!(members.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["x", "y"]);
        let text =
            |records: &[Cluster]| of_records(records).unwrap_err().message().text().to_owned();
        assert!(text(&[record("a", None), record("a", Some("y"))]).contains("its ID is not known"));
        assert!(
            text(&[record("a", Some("x")), record("b", Some("x"))]).contains("ID x of cluster")
        );
        assert!(text(&[]).contains("describes no cluster"));
    }

    #[test]
    fn names_that_are_no_folders_are_refused() {
        let long = "a".repeat(129);
        for (name, reason) in [
            ("", "empty"),
            ("a/b", "slash"),
            ("..", "dot"),
            ("a\n", "control"),
            (long.as_str(), "128"),
        ] {
            let error = of_names(&[name.to_owned()]).unwrap_err();
            assert!(error.message().text().contains(reason), "{error:?}");
        }
        assert!(of_names(&["a".into(), "a".into()]).is_err());
    }

    proptest! {
        #[test]
        fn what_is_taken_is_one_part_of_a_path(name in "\\PC{0,140}") {
            if let Ok(members) = of_names(&[name]) {
                let path = std::path::Path::new("dir").join(&members[0].id);
                prop_assert_eq!(path.components().count(), 2);
                prop_assert_eq!(path.parent(), Some(std::path::Path::new("dir")));
            }
        }
    }
}
