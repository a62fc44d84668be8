//! The steps that are still missing until all clusters have one root, with what to run.

use crate::input::Clusters;
use crate::proxies::by_hand;
use crate::recipe::{LIFETIME, Recipe};
use crate::restarts::Behind;
use crate::state::{Published, State};
use crate::step::Step;
use crate::subject::Restart;
use crate::verify::WITHIN;
use meshcore::shell::{self, command_line};
use meshpki::{KeyKind, Lifetime};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A step that is missing.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Missing<'a> {
    /// Its number, the same in every rotation.
    pub step: Step,
    /// What it is for.
    pub title: &'static str,
    /// Where it is missing.
    pub clusters: Vec<&'a str>,
    /// What has to be restarted in it.
    pub restart: Restart,
    /// What to run, in this order.
    pub commands: Vec<String>,
}

/// Command lines of a rotation.
pub struct Commands<'a> {
    /// The root's folder, as the user gave it.
    pub root_dir: &'a str,
    /// Whether the folder has no root yet: the first step makes it.
    pub makes_root: bool,
    /// How the root and intermediates are made.
    pub recipe: &'a Recipe,
    /// Whether good intermediates are made anew.
    pub renew: bool,
    /// How long an intermediate is to live at least.
    pub within: Lifetime,
    /// When the machines were restarted, as the user said.
    pub machines_restarted: Option<&'a str>,
}

/// The proxies of all clusters.
pub struct Proxies<'a> {
    /// The clusters, with those that another's istiod serves.
    pub clusters: &'a Clusters,
    /// The step that was taken last, as far as proxies are concerned.
    pub last: Step,
    /// What of them has not what that gave them.
    pub behind: Vec<Behind<'a>>,
}

/// The step whose gifts proxies are to have before the next one, or at the end.
#[must_use]
pub fn last(states: &[State<'_>]) -> Step {
    if states.iter().any(|state| !state.is_below) {
        Step::Restart
    } else if states.iter().any(|state| !state.is_alone) {
        Step::Sign
    } else {
        Step::Drop
    }
}

/// The missing steps, in order, and whether more come after what nobody but the user can do.
#[must_use]
pub fn missing<'a>(
    states: &[State<'a>],
    proxies: &Proxies<'a>,
    commands: &Commands<'_>,
) -> (Vec<Missing<'a>>, bool) {
    // Proxies count once istiod has what they are to get.
    let behind = |step: Step| {
        let is_ready = |state: &State<'_>| match step {
            Step::Restart => state.is_trusted && state.published != Some(Published::Without),
            Step::Sign => state.is_signed,
            _ => state.published == Some(Published::Alone),
        };
        let all = proxies.behind.iter().filter(|one| proxies.last == step && one.is_any());
        let all = all.filter(|_| states.iter().all(is_ready));
        all.map(|one| one.label).collect::<Vec<&'a str>>()
    };
    let all = |step: Step, is_missing: &dyn Fn(&State<'_>) -> bool| -> (Vec<&'a str>, bool) {
        let of_istiod: BTreeSet<&str> =
            states.iter().filter(|state| is_missing(state)).map(|state| state.label).collect();
        let is_istiods = !of_istiod.is_empty();
        (
            of_istiod
                .into_iter()
                .chain(behind(step))
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
            is_istiods,
        )
    };
    let (trust, _) = all(Step::Trust, &|state| !state.is_trusted);
    let is_change = proxies.last == Step::Restart;
    // What proxies were given is only seen in their config maps.
    let (restart, of_istiod) = all(Step::Restart, &|state| match state.published {
        None => is_change,
        Some(published) => published == Published::Without,
    });
    let restarts = |with_istiod: bool| Commands::restarts(states, proxies.clusters, with_istiod);
    let (sign, is_signing) = all(Step::Sign, &|state| !state.is_signed);
    let (drop, is_dropping) = all(Step::Drop, &|state| {
        !state.is_alone || state.published == Some(Published::AmongOthers)
    });
    let with = |secrets: bool, step: Step, restarted: Option<bool>| {
        let apply = secrets.then(|| commands.apply(states, proxies.clusters, step));
        let restarts = restarted.map(restarts);
        apply.into_iter().chain(restarts).flatten().collect::<Vec<String>>()
    };
    let restarts_signed = is_change || !is_signing;
    let mut steps: Vec<Missing<'a>> = [
        Missing {
            step: Step::Trust,
            title: "every cluster trusts the new root, too",
            clusters: trust,
            restart: Restart::None,
            commands: with(true, Step::Trust, None),
        },
        Missing {
            step: Step::Restart,
            title: "istiod, and then every proxy, takes up both roots",
            clusters: restart,
            restart: Restart::Proxies,
            commands: with(false, Step::Restart, Some(of_istiod)),
        },
        Missing {
            step: Step::Sign,
            title: "every cluster signs below the root, with a new intermediate",
            clusters: sign,
            restart: if restarts_signed { Restart::Proxies } else { Restart::None },
            commands: with(is_signing, Step::Sign, restarts_signed.then_some(is_signing)),
        },
        Missing {
            step: Step::Drop,
            title: "the old roots go, once no proxy has a certificate of theirs",
            clusters: drop,
            restart: Restart::Proxies,
            commands: with(is_dropping, Step::Drop, Some(is_dropping)),
        },
    ]
    .into_iter()
    .filter(|step| !step.clusters.is_empty())
    .collect();
    // Machines are restarted by hand.
    let has_machines = proxies.clusters.values().any(|one| !one.proxies.machines.is_empty());
    let waits = |step: &Missing<'_>| step.restart == Restart::Proxies && step.step != Step::Drop;
    let first = steps.iter().position(waits).filter(|_| has_machines);
    let kept = first.map_or(steps.len(), |first| first + 1);
    let is_cut = kept < steps.len();
    steps.truncate(kept);
    (steps, is_cut)
}

/// The steps for people: what and where, then the commands.
#[must_use]
pub fn lines(steps: &[Missing<'_>]) -> String {
    steps.iter().fold(String::new(), |out, step| {
        let Missing { step: number, title, clusters, restart, commands } = step;
        let head = format!("step {}: {title}, {}; {restart}", number.number(), clusters.join(", "));
        out + &shell::comment(&head) + "\n" + &commands.join("\n") + "\n"
    })
}

impl Commands<'_> {
    /// Reads all clusters, makes the Secrets of a step and applies them: a line for each namespace
    /// that istiod is in. What comes after restarts looks at proxies, too.
    fn apply(&self, states: &[State<'_>], clusters: &Clusters, step: Step) -> Vec<String> {
        let line = |(namespace, names): (&str, Vec<&str>)| {
            let number = step.number().to_string();
            let remotes = if step == Step::Trust { Vec::new() } else { remotes(clusters) };
            let all: Vec<&str> = names.iter().copied().chain(remotes).collect();
            let mut rotate =
                vec!["mesh-cacerts", "rotate", "--root-dir", self.root_dir, "--step", &number];
            rotate.extend(all.iter().flat_map(|name| ["--cluster", name]));
            let flags = match step {
                Step::Trust if self.makes_root => self.root_flags(),
                Step::Sign => self.intermediate_flags(),
                _ => Vec::new(),
            };
            rotate.extend(flags.iter().map(String::as_str));
            let machines = self.machines_restarted.filter(|_| step != Step::Trust);
            rotate.extend(machines.into_iter().flat_map(|time| ["--machines-restarted", time]));
            let mut apply = vec!["mesh-apply", "--force-conflicts"];
            apply.extend(names.iter().flat_map(|name| ["--context", name]));
            let read =
                if step == Step::Trust { read(namespace, &all) } else { read_all(namespace, &all) };
            format!("{read} | {} | {}", command_line(rotate), command_line(apply))
        };
        by_namespace(states).into_iter().map(line).collect()
    }

    /// Restarts istiod, where it is behind itself, waits until its config maps have the new roots,
    /// restarts the proxies and waits for them; names the machines.
    fn restarts(states: &[State<'_>], clusters: &Clusters, with_istiod: bool) -> Vec<String> {
        let of_istiod = |(namespace, names): (&str, Vec<&str>)| {
            let in_each =
                |command: &str| format!("for c in {}; do {command}; done", command_line(&names));
            let kubectl = format!("kubectl --context=\"$c\" {}", command_line(["-n", namespace]));
            let mut verify = vec!["mesh-cacerts", "verify", "--only", "MESH0534"];
            verify.extend(names.iter().flat_map(|name| ["--cluster", name]));
            [
                in_each(&format!(
                    "{kubectl} rollout restart deployment -l app=istiod && \
                     {kubectl} rollout status deployment -l app=istiod"
                )),
                format!(
                    "until {} | {}; do sleep 5; done",
                    read(namespace, &names),
                    command_line(verify)
                ),
            ]
        };
        let mut lines: Vec<String> = Vec::new();
        if with_istiod {
            lines.extend(by_namespace(states).into_iter().flat_map(of_istiod));
        }
        let own = by_namespace(states).into_values().flatten();
        let names: Vec<&str> = own.chain(remotes(clusters)).collect();
        lines.extend(restart_proxies(&names));
        let machines = clusters.iter().flat_map(|(label, cluster)| {
            cluster.proxies.machines.iter().map(move |machine| by_hand(label, machine))
        });
        lines.extend(machines);
        lines
    }

    /// The flags for a root that differ from what they are without.
    fn root_flags(&self) -> Vec<String> {
        let mut flags = self.flags_of_both();
        let lifetime = self.recipe.root_lifetime;
        if lifetime != LIFETIME {
            flags.extend(["--root-lifetime".to_owned(), lifetime.to_string()]);
        }
        flags
    }

    fn flags_of_both(&self) -> Vec<String> {
        let Recipe { key, organization, crl_sign, .. } = self.recipe;
        let mut flags = Vec::new();
        if *key != KeyKind::Rsa4096 {
            flags.extend(["--key".to_owned(), key.to_string()]);
        }
        if organization != "Istio" {
            flags.extend(["--organization".to_owned(), organization.clone()]);
        }
        if *crl_sign {
            flags.push("--crl-sign".to_owned());
        }
        flags
    }

    /// The flags for intermediates that differ from what they are without.
    fn intermediate_flags(&self) -> Vec<String> {
        let Recipe { lifetime, path_length, san, .. } = self.recipe;
        let mut flags = self.flags_of_both();
        let mut flag = |name: &str, value: String| flags.extend([name.to_owned(), value]);
        if let Some(lifetime) = lifetime {
            flag("--lifetime", lifetime.to_string());
        }
        if *path_length != 0 {
            flag("--path-length", path_length.to_string());
        }
        for name in san {
            let text = name.to_string();
            flag("--san", text.split_once(':').map_or(text.clone(), |(_, name)| name.to_owned()));
        }
        if self.within != WITHIN {
            flags.extend(["--within".to_owned(), self.within.to_string()]);
        }
        if self.renew {
            flags.push("--renew".to_owned());
        }
        flags
    }
}

/// What prints the CA and the published roots of clusters, in their order.
fn read(namespace: &str, names: &[&str]) -> String {
    in_each(names, &[&of_authority(namespace)])
}

/// What prints these and the proxies of clusters, in their order, for `rotate`.
#[must_use]
pub fn read_all(namespace: &str, names: &[&str]) -> String {
    in_each(names, &[&of_authority(namespace), PROXIES])
}

/// What restarts all proxies of clusters and waits for them: a script is made of what runs there
/// then.
#[must_use]
pub fn restart_proxies(names: &[&str]) -> [String; 2] {
    let flags = names.iter().flat_map(|name| ["--cluster", name]);
    let restarts = command_line(["mesh-cacerts", "restarts"].into_iter().chain(flags));
    [
        format!("RESTARTS=$({} | {restarts})", in_each(names, &[PROXIES])),
        // In a pipe it would go unseen that the first program failed.
        "printf '%s\\n' \"$RESTARTS\" | sh -eu".to_owned(),
    ]
}

/// What has proxies: pods, and machines' entries.
const PROXIES: &str = "get pods,workloadentries.networking.istio.io -A -o json";

/// When each was last written tells who was started before.
fn of_authority(namespace: &str) -> String {
    format!(
        "{} get secret/cacerts secret/istio-ca-secret configmap/istio-ca-root-cert \
         --ignore-not-found --show-managed-fields -o json",
        command_line(["-n", namespace])
    )
}

fn in_each(names: &[&str], commands: &[&str]) -> String {
    let kubectl = |command: &&str| format!("kubectl --context=\"$c\" {command}");
    let all: Vec<String> = commands.iter().map(kubectl).collect();
    format!("for c in {}; do {}; done", command_line(names), all.join("; "))
}

/// The clusters that another's istiod serves.
fn remotes(clusters: &Clusters) -> Vec<&str> {
    let all = clusters.values().filter(|cluster| cluster.is_remote());
    all.map(|cluster| cluster.name.as_deref().unwrap_or(UNNAMED)).collect()
}

/// Stands where the user is to fill in a context.
const UNNAMED: &str = "CONTEXT";

/// The contexts of the clusters: their names, or for the user to fill in.
fn by_namespace<'a>(states: &[State<'a>]) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for state in states {
        all.entry(state.namespace()).or_default().push(state.name.unwrap_or(UNNAMED));
    }
    all
}
