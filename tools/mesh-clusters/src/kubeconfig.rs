//! Finds and reads kubeconfig files as kubectl does.

use meshcore::cluster::{Cluster, Kubeconfig};
use meshcore::input::Source;
use meshcore::{Error, Result, file, kubeconfigs, shell};
use std::path::Path;

/// Records of the named contexts, or of all when none is named.
pub fn records(file: Option<&Path>, contexts: &[String]) -> Result<Vec<Cluster>> {
    let config = read(file)?;
    let shown = file.map(|file| file.display().to_string());
    let records = config.clusters(shown.as_deref());
    if contexts.is_empty() {
        return Ok(records);
    }
    let find = |name: &String| {
        records.iter().find(|record| record.context.as_ref() == Some(name)).cloned().ok_or_else(
            || {
                let known: Vec<&str> =
                    records.iter().filter_map(|record| record.context.as_deref()).collect();
                Error::usage(format!("the kubeconfig has no context {name:?}")).hint(
                    if known.is_empty() {
                        "it has no contexts at all: is it the right file?".to_owned()
                    } else {
                        format!("it has: {}", shell::names(known))
                    },
                )
            },
        )
    };
    contexts.iter().map(find).collect()
}

/// The one file, or else the files of `$KUBECONFIG` (those that are missing are passed over),
/// or else `~/.kube/config`.
fn read(file: Option<&Path>) -> Result<Kubeconfig> {
    let mut files = file.map_or_else(kubeconfigs::usual, |file| vec![file.to_owned()]);
    if files.len() > 1 {
        files.retain(|path| path.exists());
    }
    let mut config = Kubeconfig::default();
    for path in files {
        let name = path.display().to_string();
        let bytes = file::read(&path)
            .map_err(|error| error.hint("name the kubeconfig with --kubeconfig"))?;
        let source = Source::new(name, bytes)?;
        for document in source.documents()? {
            config.merge(document.decode()?);
        }
    }
    Ok(config)
}
