//! What of the proxies is still to be restarted before the next step of a rotation, and the commands
//! that do it.

use crate::found::Cluster;
use crate::input::Clusters;
use crate::proxies::{self, AT_MACHINE, Since, Workloads};
use crate::state::State;
use crate::step::Step;
use meshcore::{Console, Error, Message, Result, json_lines, restart};
use serde_json::json;

/// When proxies are judged.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Now, as Unix time.
    pub now: i64,
    /// When the last machine's proxy was restarted, as the user says: no object tells.
    pub machines: Option<i64>,
}

/// Proxies of a cluster that have not what a step gave them.
pub struct Behind<'a> {
    /// The cluster.
    pub label: &'a str,
    /// Those in pods.
    pub workloads: Workloads<'a>,
    /// Those on machines of which nobody said that they were restarted.
    pub machines: Vec<&'a str>,
    /// What was not seen; completes "cluster NAME: ".
    pub unknown: Option<&'static str>,
}

impl Behind<'_> {
    /// Whether any proxy is known, or for a machine feared, to be behind.
    #[must_use]
    pub fn is_any(&self) -> bool {
        !self.workloads.is_empty() || !self.machines.is_empty()
    }

    /// What is behind, as a sentence about the cluster, and what to do.
    #[must_use]
    pub fn error(&self, first: Step) -> Error {
        let place = format!("cluster {}", self.label);
        if !self.workloads.is_empty() {
            let told = proxies::told(&self.workloads);
            return Error::data(format!("was not restarted since step {}: {told}", first.number()))
                .at(place)
                .hint("rotate without --step tells the commands; nothing was written");
        }
        let names = self.machines.join(", ");
        Error::data(format!("it is not to be seen whether machines were restarted: {names}"))
            .at(place)
            .hint(format!("for each: {AT_MACHINE}"))
            .hint("then say when the last one was: --machines-restarted TIME")
    }
}

/// The proxies that have not what a step gave them, of each cluster: both roots, certificates of the
/// new one, or the new one alone.
#[must_use]
pub fn behind<'a>(
    clusters: &'a Clusters,
    states: &[State<'_>],
    step: Step,
    times: Times,
) -> Vec<Behind<'a>> {
    let of_state = |state: &State<'_>| since(state, step);
    // A remote cluster's proxies are served by one of the others' istiods, whichever.
    let latest = states.iter().map(of_state).max_by_key(|since| (since.at, !since.is_exact));
    let of_cluster = |(label, cluster): (&'a String, &'a Cluster)| {
        let own = states.iter().filter(|state| state.label == label).map(of_state);
        let since = own.max_by_key(|since| since.at).or(latest)?;
        let proxies = &cluster.proxies;
        let workloads = proxies.before(since, times.now);
        // Without the old roots a proxy works on.
        let is_behind = step != Step::Drop && times.machines.is_none_or(|at| at <= since.at);
        let machines = proxies.machines.iter().filter(|_| is_behind).map(String::as_str);
        let unknown = if !proxies.are_seen {
            Some("its pods are not in the input: whether its proxies were restarted is not known")
        } else if !since.is_exact {
            Some(
                "the input does not tell since when istiod has what it was given: whether all \
                 proxies were restarted since is not known",
            )
        } else {
            None
        };
        Some(Behind { label, workloads, machines: machines.collect(), unknown })
    };
    clusters.iter().filter_map(of_cluster).collect()
}

fn since(state: &State<'_>, step: Step) -> Since {
    match step {
        Step::Sign => state.cluster.signs_since(state.made),
        Step::Drop => state.cluster.published_since(state.root_made),
        Step::Trust | Step::Restart => state.cluster.trusts_since(state.root_made),
    }
}

/// Refuses the next step while proxies are behind, and warns of what was not seen.
pub fn check(all: &[Behind<'_>], first: Step, console: &Console) -> Result<()> {
    if let Some(one) = all.iter().find(|one| one.is_any()) {
        return Err(one.error(first));
    }
    warn(all, console);
    Ok(())
}

/// Warns of what was not seen.
pub fn warn(all: &[Behind<'_>], console: &Console) {
    for one in all {
        if let Some(reason) = one.unknown {
            let message = Message::new(reason).at(format!("cluster {}", one.label));
            console.warn(&message.hint(
                "add to the input what kubectl get pods,workloadentries -A -o json prints, and \
                 read the CA with --show-managed-fields",
            ));
        }
    }
}

/// The commands that restart all proxies of the clusters, and wait for each; `as_json` writes a line
/// for each cluster.
pub fn script(clusters: &Clusters, as_json: bool, console: &Console) -> Result<String> {
    let mut lines = Vec::new();
    for (label, cluster) in clusters {
        let proxies = &cluster.proxies;
        let place = format!("cluster {label}");
        if !proxies.are_seen {
            return Err(Error::data("its pods are not in the input")
                .at(place)
                .hint("kubectl get pods,workloadentries -A -o json has its proxies"));
        }
        if cluster.name.is_none() && clusters.len() > 1 {
            return Err(Error::usage("its name is not known, and commands have to reach it")
                .at(place)
                .hint("--cluster NAME for each document of the input gives it"));
        }
        for machine in &proxies.machines {
            let text = format!("machine {machine}: {AT_MACHINE}");
            console.warn(&Message::new(text).at(&place));
        }
        let workloads = proxies.workloads();
        let context = cluster.name.as_deref();
        let restarts = restart::commands(context, &workloads);
        for line in restarts.lines().filter(|line| line.starts_with('#')) {
            console.warn(&Message::new(line.trim_start_matches("# ")).at(&place));
        }
        let waits = restart::waits(context, &workloads);
        lines.push(json!({
            "cluster": label,
            "restarts": restarts.lines().collect::<Vec<_>>(),
            "waits": waits.lines().collect::<Vec<_>>(),
            "machines": proxies.machines,
        }));
    }
    if as_json {
        return Ok(json_lines(&lines));
    }
    // All clusters are on their way before the first is waited for.
    let all = |key: &'static str| {
        let of = move |line: &serde_json::Value| line[key].as_array().cloned().unwrap_or_default();
        lines.iter().flat_map(of).filter_map(|line| Some(line.as_str()?.to_owned() + "\n"))
    };
    let by_hand = clusters.iter().flat_map(|(label, cluster)| {
        let machines = cluster.proxies.machines.iter();
        machines.map(move |machine| proxies::by_hand(label, machine) + "\n")
    });
    Ok(all("restarts").chain(all("waits")).chain(by_hand).collect())
}
