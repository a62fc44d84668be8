//! Records, put to the clusters that they are of.

use crate::{ClusterState, Mesh};
use meshcore::cluster::{self, Cluster};
use meshcore::{Error, Result};

/// Gives each record to its cluster, and makes a cluster of a record that there is nothing else
/// of.
pub(crate) fn attach(mut clusters: Vec<ClusterState>, records: Vec<Cluster>) -> Result<Mesh> {
    cluster::refuse_too_many(clusters.len())?;
    for state in &mut clusters {
        state.record = state.header.as_mut().and_then(|header| header.record.take()).map(|r| *r);
    }
    let merged = cluster::merge(records);
    cluster::refuse_too_many(merged.clusters.len())?;
    let mut warnings = merged.contradictions;
    let mut alone = Vec::new();
    for record in merged.clusters {
        let Some(index) = find(&clusters, &record)? else {
            alone.push(ClusterState::of_record(record));
            continue;
        };
        let state = &mut clusters[index];
        let Some(known) = state.record.take() else {
            state.record = Some(record);
            continue;
        };
        if known.identity() != record.identity() {
            let text = format!("has two records: {} and {}", known.label(), record.label());
            return Err(Error::data(text).at(format!("cluster {}", state.name)));
        }
        let both = cluster::merge(vec![known, record]);
        warnings.extend(both.contradictions);
        state.record = both.clusters.into_iter().next();
    }
    clusters.extend(alone);
    cluster::refuse_too_many(clusters.len())?;
    Ok(Mesh { clusters, warnings })
}

/// The cluster that a record is of: the only one with its context, or else its name, or its ID.
/// IDs come last, since two clusters with one ID are what a check may be after.
fn find(clusters: &[ClusterState], record: &Cluster) -> Result<Option<usize>> {
    let by_context = |state: &ClusterState| {
        let context = state.header.as_ref().and_then(|header| header.context.as_deref());
        context.is_some() && context == record.context.as_deref()
    };
    let by_name = |state: &ClusterState| state.name == record.name;
    let by_id =
        |state: &ClusterState| record.id.as_deref().is_some_and(|id| state.ids().contains(id));
    let ways: [&dyn Fn(&ClusterState) -> bool; 3] = [&by_context, &by_name, &by_id];
    let mut ambiguous = None;
    for is_its in ways {
        let found: Vec<usize> =
            (0..clusters.len()).filter(|&index| is_its(&clusters[index])).collect();
        match found[..] {
            [] => {}
            [index] => return Ok(Some(index)),
            [a, b, ..] => ambiguous = ambiguous.or(Some((a, b))),
        }
    }
    let Some((a, b)) = ambiguous else { return Ok(None) };
    let (a, b) = (&clusters[a].name, &clusters[b].name);
    let text = format!("the record {} could be of cluster {a} or {b}", record.label());
    Err(Error::data(text).hint("name the clusters as their records do: -f NAME=FILE"))
}
