//! The steps that are still missing until all clusters have one root, with what to run.

use crate::recipe::{LIFETIME, Recipe};
use crate::state::{Published, State};
use crate::step::Step;
use crate::subject::Restart;
use crate::verify::WITHIN;
use meshcore::shell::{self, command_line};
use meshpki::{KeyKind, Lifetime};
use serde::Serialize;
use std::collections::BTreeMap;

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
}

/// The missing steps, in order.
#[must_use]
pub fn missing<'a>(states: &[State<'a>], commands: &Commands<'_>) -> Vec<Missing<'a>> {
    let all = |is_missing: &dyn Fn(&State<'_>) -> bool| -> Vec<&'a str> {
        states.iter().filter(|state| is_missing(state)).map(|state| state.label).collect()
    };
    let trust = all(&|state| !state.is_trusted);
    let sign = all(&|state| !state.is_signed);
    let is_change = states.iter().any(|state| !state.is_below);
    // What proxies were given is only seen in their config maps.
    let restart = all(&|state| match state.published {
        None => is_change,
        Some(published) => published == Published::Without,
    });
    let drop = all(&|state| !state.is_alone || state.published == Some(Published::AmongOthers));
    let restart_all = || Commands::restarts(states);
    [
        Missing {
            step: Step::Trust,
            title: "every cluster trusts the new root, too",
            clusters: trust,
            restart: Restart::None,
            commands: commands.apply(states, Step::Trust),
        },
        Missing {
            step: Step::Restart,
            title: "istiod, and then every proxy, takes up both roots",
            clusters: restart,
            restart: Restart::Proxies,
            commands: restart_all(),
        },
        Missing {
            step: Step::Sign,
            title: "every cluster signs below the root, with a new intermediate",
            clusters: sign,
            restart: if is_change { Restart::Proxies } else { Restart::None },
            commands: [
                commands.apply(states, Step::Sign),
                if is_change { restart_all() } else { Vec::new() },
            ]
            .concat(),
        },
        Missing {
            step: Step::Drop,
            title: "the old roots go, once no proxy has a certificate of theirs",
            clusters: drop,
            restart: Restart::Proxies,
            commands: [commands.apply(states, Step::Drop), restart_all()].concat(),
        },
    ]
    .into_iter()
    .filter(|step| !step.clusters.is_empty())
    .collect()
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
    /// that istiod is in.
    fn apply(&self, states: &[State<'_>], step: Step) -> Vec<String> {
        let line = |(namespace, names): (&str, Vec<&str>)| {
            let number = step.number().to_string();
            let mut rotate =
                vec!["mesh-cacerts", "rotate", "--root-dir", self.root_dir, "--step", &number];
            rotate.extend(names.iter().flat_map(|name| ["--cluster", name]));
            let flags = match step {
                Step::Trust if self.makes_root => self.root_flags(),
                Step::Sign => self.intermediate_flags(),
                _ => Vec::new(),
            };
            rotate.extend(flags.iter().map(String::as_str));
            let mut apply = vec!["mesh-apply", "--force-conflicts"];
            apply.extend(names.iter().flat_map(|name| ["--context", name]));
            let read = read(namespace, &names);
            format!("{read} | {} | {}", command_line(rotate), command_line(apply))
        };
        by_namespace(states).into_iter().map(line).collect()
    }

    /// Restarts istiod, waits until its config maps have the new roots, restarts the proxies.
    fn restarts(states: &[State<'_>]) -> Vec<String> {
        let lines = |(namespace, names): (&str, Vec<&str>)| {
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
                in_each(
                    "kubectl --context=\"$c\" get pods -A -l security.istio.io/tlsMode=istio \
                     -o 'jsonpath={range .items[*]}{.metadata.namespace}{\"\\n\"}{end}' | sort -u | \
                     xargs -n 1 kubectl --context=\"$c\" rollout restart \
                     deployment,statefulset,daemonset -l 'app!=istiod' -n",
                ),
            ]
        };
        by_namespace(states).into_iter().flat_map(lines).collect()
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
    format!(
        "for c in {}; do kubectl --context=\"$c\" {} get secret/cacerts secret/istio-ca-secret \
         configmap/istio-ca-root-cert --ignore-not-found -o json; done",
        command_line(names),
        command_line(["-n", namespace])
    )
}

/// The contexts of the clusters: their names, or for the user to fill in.
fn by_namespace<'a>(states: &[State<'a>]) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for state in states {
        all.entry(state.namespace()).or_default().push(state.name.unwrap_or("CONTEXT"));
    }
    all
}
