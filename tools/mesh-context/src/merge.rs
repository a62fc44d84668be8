//! Several kubeconfigs become one, and nothing in it changes its meaning.

use crate::config::{Kubeconfig, Named};
use meshcore::Message;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// A kubeconfig and where it was read.
pub struct Origin {
    /// File and document.
    pub place: String,
    /// What it says.
    pub config: Kubeconfig,
}

/// All entries of all kubeconfigs. Equal entries of one name become one. Of different entries
/// of one name the first keeps it, a later one becomes `NAME-2`, `NAME-3`…, and the contexts of
/// its kubeconfig follow; a context that changes its name is told in a warning.
///
/// The first `current-context` counts, as it does for kubectl.
#[must_use]
pub fn merge(origins: Vec<Origin>) -> (Kubeconfig, Vec<Message>) {
    let mut merged = Kubeconfig::default();
    let mut warnings = Vec::new();
    let all = |names: fn(&Kubeconfig) -> Vec<String>| -> BTreeSet<String> {
        origins.iter().flat_map(|origin| names(&origin.config)).collect()
    };
    let mut clusters = Known::new(all(|config| names(&config.clusters)));
    let mut users = Known::new(all(|config| names(&config.users)));
    let mut contexts = Known::new(all(|config| names(&config.contexts)));
    let mut first_at: BTreeMap<String, String> = BTreeMap::new();
    for Origin { place, config } in origins {
        let new_clusters = clusters.add_all(&mut merged.clusters, config.clusters);
        let new_users = users.add_all(&mut merged.users, config.users);
        let follow = |name: &mut String, new: &BTreeMap<String, String>| {
            // A name that its own kubeconfig does not explain may be another's.
            if let Some(new) = new.get(name) {
                name.clone_from(new);
            }
        };
        let mut own = config.contexts;
        for context in &mut own {
            follow(&mut context.entry.context.cluster, &new_clusters);
            follow(&mut context.entry.context.user, &new_users);
        }
        let new_contexts = contexts.add_all(&mut merged.contexts, own);
        for (old, new) in &new_contexts {
            let first = first_at.entry(old.clone()).or_insert_with(|| place.clone());
            if old != new {
                let text = format!("context {old:?} is not the {old:?} of {first}: now {new:?}");
                warnings.push(
                    Message::new(text)
                        .at(&place)
                        .hint(format!("another name: --rename NAME={new}")),
                );
            }
        }
        if merged.current.is_empty() {
            merged.current = new_contexts.get(&config.current).unwrap_or(&config.current).clone();
        }
        for (key, value) in config.other {
            merged.other.entry(key).or_insert(value);
        }
    }
    (merged, warnings)
}

fn names<T>(entries: &[Named<T>]) -> Vec<String> {
    entries.iter().map(|entry| entry.name.clone()).collect()
}

/// What is known of one list of entries, so that a name is found without a search.
struct Known {
    /// Names that the kubeconfigs have; invented ones are not among them.
    given: BTreeSet<String>,
    names: HashSet<String>,
    /// The number of each entry by the name without it, and by its content.
    numbers: HashMap<(String, String), usize>,
    /// The first number of each name that may be free.
    free: HashMap<String, usize>,
}

impl Known {
    fn new(given: BTreeSet<String>) -> Self {
        let (names, numbers, free) = (HashSet::new(), HashMap::new(), HashMap::new());
        Self { given, names, numbers, free }
    }

    /// Adds entries and gives the new name of each.
    fn add_all<T: Serialize>(
        &mut self,
        into: &mut Vec<Named<T>>,
        from: Vec<Named<T>>,
    ) -> BTreeMap<String, String> {
        let mut new_names = BTreeMap::new();
        for mut new in from {
            let old_name = new.name.clone();
            let content = serde_json::to_string(&new.entry).expect("it was read from JSON");
            let free = self.first_free(&old_name);
            let key = (old_name, content);
            let known = self.numbers.get(&key).copied().filter(|&number| number < free);
            let (old_name, content) = key;
            new.name = numbered(&old_name, known.unwrap_or(free));
            new_names.insert(old_name, new.name.clone());
            if known.is_none() {
                self.add(&new.name, content);
                into.push(new);
            }
        }
        new_names
    }

    fn first_free(&mut self, name: &str) -> usize {
        let mut number = self.free.get(name).copied().unwrap_or(1);
        loop {
            let new = numbered(name, number);
            if !self.names.contains(&new) && (number == 1 || !self.given.contains(&new)) {
                break;
            }
            number += 1;
        }
        self.free.insert(name.to_owned(), number);
        number
    }

    fn add(&mut self, name: &str, content: String) {
        self.names.insert(name.to_owned());
        let parts = name.rsplit_once('-').and_then(|(base, end)| Some((base, end.parse().ok()?)));
        if let Some((base, number)) = parts.filter(|&(base, n)| n > 1 && numbered(base, n) == name)
        {
            let known = self.numbers.entry((base.to_owned(), content.clone())).or_insert(number);
            *known = number.min(*known);
        }
        self.numbers.insert((name.to_owned(), content), 1);
    }
}

/// The name that an entry gets which is the so-many-th of one name.
fn numbered(name: &str, number: usize) -> String {
    if number == 1 { name.to_owned() } else { format!("{name}-{number}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ClusterEntry, UserEntry};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn origin(place: &str, value: Value) -> Origin {
        Origin { place: place.to_owned(), config: serde_json::from_value(value).unwrap() }
    }

    fn kubeadm(server: &str, token: &str) -> Value {
        json!({
            "clusters": [{"name": "kubernetes", "cluster": {"server": server}}],
            "users": [{"name": "kubernetes-admin", "user": {"token": token}}],
            "contexts": [{"name": "kubernetes-admin@kubernetes",
                "context": {"cluster": "kubernetes", "user": "kubernetes-admin"}}],
            "current-context": "kubernetes-admin@kubernetes",
        })
    }

    #[test]
    fn two_clusters_of_kubeadm_are_not_mixed() {
        let (merged, warnings) = merge(vec![
            origin("a", kubeadm("https://1", "t1")),
            origin("b", kubeadm("https://2", "t2")),
            origin("c", kubeadm("https://1", "t1")),
        ]);
        assert_eq!(names(&merged.clusters), ["kubernetes", "kubernetes-2"]);
        assert_eq!(names(&merged.users), ["kubernetes-admin", "kubernetes-admin-2"]);
        assert_eq!(
            names(&merged.contexts),
            ["kubernetes-admin@kubernetes", "kubernetes-admin@kubernetes-2"]
        );
        assert_eq!(merged.contexts[1].entry.context.cluster, "kubernetes-2");
        assert_eq!(merged.contexts[1].entry.context.user, "kubernetes-admin-2");
        assert_eq!(merged.current, "kubernetes-admin@kubernetes");
        let texts: Vec<&str> = warnings.iter().map(Message::text).collect();
        assert_eq!(
            texts,
            ["b: context \"kubernetes-admin@kubernetes\" is not the \
              \"kubernetes-admin@kubernetes\" of a: now \"kubernetes-admin@kubernetes-2\""]
        );
    }

    #[test]
    fn many_contexts_cost_no_more_than_their_number() {
        let entries = || -> Vec<Named<u32>> {
            (0..40_000).map(|i| Named { name: format!("c{i}"), entry: 0 }).collect()
        };
        let mut into = Vec::new();
        let mut known = Known::new(BTreeSet::new());
        for _ in 0..2 {
            known.add_all(&mut into, entries());
        }
        assert_eq!(into.len(), 40_000);
        // Documents that share a name, each of which was compared with all before it.
        let mut known = Known::new(BTreeSet::from(["k".to_owned()]));
        for entry in (0..5_000).chain(0..5_000) {
            known.add_all(&mut into, vec![Named { name: "k".to_owned(), entry }]);
        }
        assert_eq!(into.len(), 45_000);
        assert_eq!(into[44_999].name, "k-5000");
    }

    #[test]
    fn what_was_merged_is_known_the_next_time() {
        let other = || origin("b", kubeadm("https://2", "t2"));
        let (config, _) = merge(vec![origin("a", kubeadm("https://1", "t1")), other()]);
        let value = config.clone().to_value();
        let (again, _) = merge(vec![Origin { place: "m".to_owned(), config }, other()]);
        assert_eq!(again.to_value(), value);
    }

    #[test]
    fn invented_names_avoid_given_ones() {
        let clusters = |list: &[(&str, &str)]| {
            let clusters: Vec<Value> = list
                .iter()
                .map(|(name, server)| json!({"name": name, "cluster": {"server": server}}))
                .collect();
            json!({"clusters": clusters})
        };
        let (merged, _) = merge(vec![
            origin("a", clusters(&[("k", "1")])),
            origin("b", clusters(&[("k", "2"), ("k-2", "3")])),
        ]);
        assert_eq!(names(&merged.clusters), ["k", "k-3", "k-2"]);
    }

    #[test]
    fn a_context_may_refer_to_another_file() {
        let contexts =
            json!({"contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}]});
        let (merged, _) =
            merge(vec![origin("a", contexts), origin("b", json!({"clusters": [{"name": "k"}]}))]);
        assert_eq!(merged.contexts[0].entry.context.cluster, "k");
        assert_eq!(names(&merged.clusters), ["k"]);
    }

    /// A kubeconfig with few names, so that several of them clash.
    fn kubeconfig() -> impl Strategy<Value = Value> {
        let names = || prop::sample::subsequence(vec!["k", "k-2", "k-3"], 1..=3);
        (names(), names(), names(), prop::collection::vec(0..3u8, 12)).prop_map(
            |(clusters, users, contexts, dice)| {
                let pick = |list: &Vec<&str>, i: usize| list[usize::from(dice[i]) % list.len()].to_owned();
                let entry = |kind: &str, i: usize, name: &str| {
                    json!({"name": name, kind: {"value": dice[i]}})
                };
                json!({
                    "clusters": clusters.iter().enumerate()
                        .map(|(i, name)| entry("cluster", i, name)).collect::<Vec<_>>(),
                    "users": users.iter().enumerate()
                        .map(|(i, name)| entry("user", i + 3, name)).collect::<Vec<_>>(),
                    "contexts": contexts.iter().enumerate().map(|(i, name)| json!({
                        "name": name,
                        "context": {"cluster": pick(&clusters, i + 6), "user": pick(&users, i + 9)},
                    })).collect::<Vec<_>>(),
                })
            },
        )
    }

    /// What contexts stand for: their own name, up to a number, and all they refer to.
    fn meanings(config: &Kubeconfig) -> Vec<(String, &ClusterEntry, &UserEntry)> {
        let meaning = |context: &'_ Named<crate::config::ContextEntry>| {
            let context = &context.entry.context;
            let cluster = config.clusters.iter().find(|c| c.name == context.cluster).unwrap();
            let user = config.users.iter().find(|u| u.name == context.user).unwrap();
            (&cluster.entry, &user.entry)
        };
        config.contexts.iter().map(|c| (c.name.clone(), meaning(c).0, meaning(c).1)).collect()
    }

    proptest! {
        #[test]
        fn every_context_still_stands_for_the_same(files in prop::collection::vec(kubeconfig(), 1..5)) {
            let origins = || files.iter().map(|file| origin("f", file.clone())).collect::<Vec<_>>();
            let (merged, _) = merge(origins());
            let after = meanings(&merged);
            for origin in origins() {
                for (name, cluster, user) in meanings(&origin.config) {
                    let stands_for = |(new, c, u): &(String, &ClusterEntry, &UserEntry)| {
                        new.starts_with(&name) && *c == cluster && *u == user
                    };
                    prop_assert!(after.iter().any(stands_for));
                }
            }
            for list in [names(&merged.clusters), names(&merged.users), names(&merged.contexts)] {
                prop_assert_eq!(list.iter().collect::<BTreeSet<_>>().len(), list.len());
            }
            let value = merged.clone().to_value();
            let itself = || Origin { place: "m".into(), config: merged.clone() };
            let (again, _) = merge(vec![itself(), itself()]);
            prop_assert_eq!(again.to_value(), value);
        }
    }
}
