//! Other names for contexts.

use crate::config::Kubeconfig;
use meshcore::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// A new name for a context, written `NEW=OLD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// The name it gets.
    pub new: String,
    /// The name it has.
    pub old: String,
}

impl FromStr for Rename {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((new, old)) if !new.is_empty() && !old.is_empty() => {
                Ok(Self { new: new.to_owned(), old: old.to_owned() })
            }
            _ => Err("a renaming has the form NEW=OLD"),
        }
    }
}

/// Renames contexts, all at once, so that two can swap names. The current context follows.
pub fn rename(config: &mut Kubeconfig, renames: &[Rename]) -> Result<()> {
    let known: BTreeSet<String> = config.contexts.iter().map(|one| one.name.clone()).collect();
    let mut new_names: BTreeMap<&str, &str> = BTreeMap::new();
    for Rename { new, old } in renames {
        if !known.contains(old) {
            return Err(Error::usage(format!("--rename: there is no context {old:?}"))
                .hint(config.known_contexts()));
        }
        if new_names.insert(old, new).is_some() {
            return Err(Error::usage(format!("--rename: context {old:?} gets two names")));
        }
    }
    let mut taken = BTreeSet::new();
    for context in &mut config.contexts {
        if let Some(new) = new_names.get(context.name.as_str()) {
            context.name = (*new).to_owned();
        }
        if !taken.insert(context.name.clone()) {
            return Err(Error::usage(format!(
                "--rename: two contexts would be named {:?}",
                context.name
            ))
            .hint("choose a name that is free"));
        }
    }
    if let Some(new) = new_names.get(config.current.as_str()) {
        config.current = (*new).to_owned();
    }
    Ok(())
}

/// The renamings that give each context its short name.
#[must_use]
pub fn shorten(config: &Kubeconfig) -> Vec<Rename> {
    let names: Vec<&str> = config.contexts.iter().map(|context| context.name.as_str()).collect();
    let renames = names.iter().zip(short_names(&names));
    renames.map(|(old, new)| Rename { new, old: (*old).to_owned() }).collect()
}

/// Short names for different names, still different: of those that a cloud's command line made,
/// the cluster's name alone, then with its location, then with its project or account.
#[must_use]
pub fn short_names(names: &[&str]) -> Vec<String> {
    let choices: Vec<Vec<String>> = names.iter().map(|name| choices(name)).collect();
    let mut chosen = vec![0; names.len()];
    loop {
        let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
        for (choices, &i) in choices.iter().zip(&chosen) {
            *uses.entry(&choices[i]).or_default() += 1;
        }
        // The last choice is the name itself, so that this ends, with different names.
        let mut clash = false;
        for (choices, i) in choices.iter().zip(&mut chosen) {
            if uses[choices[*i].as_str()] > 1 && *i + 1 < choices.len() {
                *i += 1;
                clash = true;
            }
        }
        if !clash {
            let name = |(choices, i): (&Vec<String>, usize)| choices[i].clone();
            return choices.iter().zip(chosen).map(name).collect();
        }
    }
}

/// From the shortest to the name as it is.
fn choices(name: &str) -> Vec<String> {
    let mut choices = Vec::new();
    if let Some((cluster, location, owner)) = gke(name).or_else(|| eks(name)) {
        choices.push(cluster.to_owned());
        choices.push(format!("{cluster}-{location}"));
        choices.push(format!("{cluster}-{location}-{owner}"));
    }
    choices.push(name.to_owned());
    choices
}

/// Cluster, location and project in `gke_PROJECT_LOCATION_CLUSTER`, the name that
/// `gcloud container clusters get-credentials` gives.
fn gke(name: &str) -> Option<(&str, &str, &str)> {
    let parts: Vec<&str> = name.strip_prefix("gke_")?.split('_').collect();
    match parts[..] {
        [project, location, cluster] if parts.iter().all(|part| !part.is_empty()) => {
            Some((cluster, location, project))
        }
        _ => None,
    }
}

/// Cluster, region and account in `arn:aws:eks:REGION:ACCOUNT:cluster/CLUSTER`, the name that
/// `aws eks update-kubeconfig` gives.
fn eks(name: &str) -> Option<(&str, &str, &str)> {
    let parts: Vec<&str> = name.split(':').collect();
    match parts[..] {
        ["arn", _, "eks", region, account, cluster] => {
            let cluster = cluster.strip_prefix("cluster/").filter(|cluster| !cluster.is_empty())?;
            Some((cluster, region, account))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn config(names: &[&str], current: &str) -> Kubeconfig {
        let contexts: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
        serde_json::from_value(json!({"contexts": contexts, "current-context": current})).unwrap()
    }

    fn renames(texts: &[&str]) -> Vec<Rename> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn names(config: &Kubeconfig) -> Vec<&str> {
        config.contexts.iter().map(|context| context.name.as_str()).collect()
    }

    #[test]
    fn short_names_are_as_long_as_they_must_be() {
        for (long, short) in [
            (&["gke_p_us-west2-a_asm-a", "kind-dev"][..], &["asm-a", "kind-dev"][..]),
            (
                &["gke_p_us-west2-a_asm", "gke_p_us-central1-a_asm", "gke_p_l_b"],
                &["asm-us-west2-a", "asm-us-central1-a", "b"],
            ),
            (&["gke_p_l_asm", "gke_q_l_asm"], &["asm-l-p", "asm-l-q"]),
            // A name that stays is not taken away.
            (&["gke_p_l_asm", "asm"], &["asm-l", "asm"]),
            (
                &["gke_p_l_asm", "asm", "asm-l", "asm-l-p"],
                &["gke_p_l_asm", "asm", "asm-l", "asm-l-p"],
            ),
            (
                &["arn:aws:eks:us-east-1:111122223333:cluster/west", "gke_x", "gke___"],
                &["west", "gke_x", "gke___"],
            ),
            (
                &["arn:aws:eks:us-east-1:1:cluster/w", "arn:aws-cn:eks:cn-north-1:1:cluster/w"],
                &["w-us-east-1", "w-cn-north-1"],
            ),
        ] {
            assert_eq!(short_names(long), short);
        }
    }

    #[test]
    fn contexts_may_swap_names_and_the_current_one_follows() {
        let mut swapped = config(&["a", "b"], "a");
        rename(&mut swapped, &renames(&["a=b", "b=a"])).unwrap();
        assert_eq!((names(&swapped), swapped.current.as_str()), (vec!["b", "a"], "b"));
    }

    #[test]
    fn names_that_are_not_there_or_not_free_are_refused() {
        for (texts, message) in [
            (&["x=c"][..], "there is no context \"c\""),
            (&["b=a"], "two contexts would be named \"b\""),
            (&["x=a", "x=b"], "two contexts would be named \"x\""),
            (&["x=a", "y=a"], "context \"a\" gets two names"),
        ] {
            let error = rename(&mut config(&["a", "b"], ""), &renames(texts)).unwrap_err();
            assert!(error.message().text().contains(message), "{}", error.message().text());
        }
        for text in ["a", "=a", "a="] {
            assert!(text.parse::<Rename>().is_err());
        }
        assert_eq!("a=b=c".parse::<Rename>().unwrap().old, "b=c");
    }

    proptest! {
        #[test]
        fn short_names_stay_different(names in prop::collection::btree_set(
            "gke_[pq]_[lm]_[ab]|[ab](-[lm](-[pq])?)?|arn:aws:eks:[lm]:[pq]:cluster/[ab]", 1..20
        )) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let short = short_names(&names);
            prop_assert_eq!(short.iter().collect::<BTreeSet<_>>().len(), names.len());
            prop_assert!(short.iter().zip(&names).all(|(short, name)| short.len() <= name.len()));
        }

        #[test]
        fn there_and_back_is_nothing(
            list in prop::collection::btree_set("[a-e]", 1..5),
            new in prop::collection::btree_set("[f-m]", 5),
            current in 0..5usize,
        ) {
            let list: Vec<&str> = list.iter().map(String::as_str).collect();
            let before = config(&list, list[current % list.len()]);
            let there: Vec<Rename> = list
                .iter()
                .zip(&new)
                .map(|(old, new)| Rename { new: new.clone(), old: (*old).to_owned() })
                .collect();
            let back: Vec<Rename> = there
                .iter()
                .map(|r| Rename { new: r.old.clone(), old: r.new.clone() })
                .collect();
            let mut config = before.clone();
            rename(&mut config, &there).unwrap();
            prop_assert!(config != before);
            rename(&mut config, &back).unwrap();
            prop_assert!(config == before);
        }
    }
}
