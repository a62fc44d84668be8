//! The clusters to capture.

use meshcore::cluster::{self, Cluster, Names};
use meshcore::input::Source;
use meshcore::{Console, Error, Result};
use std::collections::BTreeSet;

/// A cluster to capture.
#[derive(Debug)]
pub struct Target {
    /// What the capture calls it.
    pub name: String,
    /// The context that reaches it.
    pub context: String,
    /// The file that holds the context, if the record names one.
    pub kubeconfig: Option<String>,
    /// Its record, if it comes from one.
    pub record: Option<Cluster>,
}

/// The clusters of contexts, named like them.
pub fn of_contexts(contexts: &[String]) -> Result<Vec<Target>> {
    let mut known = BTreeSet::new();
    if let Some(twice) = contexts.iter().find(|context| !known.insert(context.as_str())) {
        return Err(Error::usage(format!("--context names {twice} twice")));
    }
    let target = |context: &String| Target {
        name: context.clone(),
        context: context.clone(),
        kubeconfig: None,
        record: None,
    };
    Ok(contexts.iter().map(target).collect())
}

/// The clusters of records, each by its name, or its ID or full name where another has the same.
pub fn of_records(sources: &[Source], console: &Console) -> Result<Vec<Target>> {
    let merged = cluster::merge(cluster::read(sources)?.clusters);
    for contradiction in &merged.contradictions {
        console.warn(contradiction);
    }
    let records = merged.clusters;
    let names = Names::of(&records);
    let target = |record: &Cluster| {
        let context = record.context.clone().ok_or_else(|| {
            Error::data("the record has no context, so there is no way to reach the cluster")
                .at(format!("cluster {}", record.label()))
                .hint("mesh-clusters adds it with --contexts or --kubeconfig")
        })?;
        let name = names.unique(record).map_or_else(|| record.label(), str::to_owned);
        let kubeconfig = record.kubeconfig.clone();
        Ok(Target { name, context, kubeconfig, record: Some(record.clone()) })
    };
    records.iter().map(target).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_named_once() {
        let contexts = |names: &[&str]| {
            of_contexts(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
        };
        let names: Vec<String> =
            contexts(&["b", "a"]).unwrap().into_iter().map(|target| target.name).collect();
        assert_eq!(names, ["b", "a"]);
        let error = contexts(&["a", "b", "a"]).unwrap_err();
        assert_eq!(error.message().text(), "--context names a twice");
    }
}
