//! What would come of a change, shown and not done.

use crate::simulate::{Cluster, Simulated, simulate, table, to_restart};
use meshcore::{Console, Message, Outcome, json_lines, restart};
use std::collections::BTreeSet;

/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Every pod, as JSON lines.
    Lines,
    /// Every pod, for people.
    Table,
    /// The command lines that restart what has to be.
    Restarts,
}

/// Simulates the clusters, in their order.
pub fn show(view: View, clusters: &[Cluster], console: &Console) -> Outcome {
    for cluster in clusters {
        let at = |message: Message| match &cluster.context {
            Some(context) => message.at(format!("context {context}")),
            None => message,
        };
        for webhook in cluster.injectors.conditional() {
            let text = format!("webhook {webhook}: its matchConditions are taken to hold");
            console.warn(&at(Message::new(text)));
        }
        let all = simulate(cluster);
        let contested: BTreeSet<_> = all.iter().filter_map(Simulated::contested).collect();
        for (namespace, planes) in contested {
            let last = planes[planes.len() - 1];
            let planes = planes.join(" and ");
            let text = format!("namespace {namespace}: {planes} inject the same pods");
            let hint = format!("the last one, {last}, stays; remove a webhook or a label");
            console.warn(&at(Message::new(text).hint(hint)));
        }
    }
    let each = clusters.iter().map(|cluster| (cluster, simulate(cluster)));
    Outcome::done(match view {
        View::Lines => json_lines(each.flat_map(|(_, all)| all)),
        View::Table => table(&each.flat_map(|(_, all)| all).collect::<Vec<_>>()),
        View::Restarts => each
            .map(|(cluster, all)| restart::commands(cluster.context.as_deref(), &to_restart(&all)))
            .collect(),
    })
}
