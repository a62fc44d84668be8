//! Tells which control-plane revisions, tags and channels serve a cluster, from what kubectl
//! prints of it.
//!
//! What bounds it: to read. A capture of 500 services and as many pods (420 KB) takes 24 million
//! instructions, 57 a byte, of which to pass over the text would take 15.

mod channel;
mod choice;
mod evidence;
#[cfg(test)]
mod fixtures;
mod injector;
mod listed;
mod name;
mod read;
mod route;

pub use channel::Channel;
pub use choice::{Choice, only_name};
pub use evidence::{Evidence, Istiod, Managed, Pods};
pub use injector::{Injector, Label, Webhook};
pub use listed::{Kind, Listed};
pub use name::Name;
pub use read::read;

use clap::{Parser, ValueEnum};
use meshcore::input::Input;
use meshcore::{Console, Message, Outcome, Result, Verdict, json_lines, table};
use std::collections::BTreeSet;

const EXAMPLES: &str = "\
Examples:
  kubectl get deploy,pods,mutatingwebhookconfigurations -A --context cluster1 -o json | mesh-revision -o table
  kubectl get pods -n istio-system -l app=istiod --context cluster1 -o json | mesh-revision -o name";

/// Tell which control-plane revisions, tags and channels serve a cluster
///
/// Reads what `kubectl get` prints of the deployments, pods, mutatingwebhookconfigurations,
/// configmaps and, where Google runs the control plane, controlplanerevisions of one cluster; of
/// its virtualservices, whether they lead machines to a revision that goes; other kinds are passed
/// over. The selectors of the webhooks decide which label leads where;
/// without any in the input, it is as Istio installs them. Exits with 1 when there is nothing to
/// tell and, with `-o name`, when the answer is not unique.
#[derive(Debug, Parser)]
#[command(name = "mesh-revision", version, before_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    choice: Choice,
    /// Form of the answer: JSON lines, a table, or the one name to write into istio.io/rev
    #[arg(short, long, value_enum, default_value = "jsonl")]
    output: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Jsonl,
    Table,
    Name,
}

/// Lists what the input shows, or names the one.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    let evidence = read(&args.input.read()?)?;
    let all = evidence.list();
    let told = warnings(&evidence, &all).into_iter().chain(route::warnings(&evidence, &all));
    for warning in told {
        console.warn(&warning);
    }
    let listed = args.choice.of(&all);
    if listed.is_empty() {
        console.warn(&nothing(&all));
        return Ok(Outcome { output: String::new(), verdict: Verdict::No });
    }
    Ok(Outcome::done(match args.output {
        Format::Jsonl => json_lines(&listed),
        Format::Table => table_text(&listed),
        Format::Name => match only_name(&listed) {
            Ok(one) => {
                if one.ready == Some(false) {
                    let text = format!("nothing of it is ready: {}", choice::told([one]));
                    console.warn(&Message::new(text));
                }
                format!("{}\n", one.name)
            }
            Err(message) => {
                console.warn(&message);
                return Ok(Outcome { output: String::new(), verdict: Verdict::No });
            }
        },
    }))
}

fn nothing(all: &[Listed]) -> Message {
    if all.is_empty() {
        return Message::new("the input shows no control plane").hint(
            "feed it with: kubectl get deploy,pods,mutatingwebhookconfigurations,configmaps -A -o \
             json, and controlplanerevisions where Google runs it",
        );
    }
    Message::new(format!("none of these is wanted: {}", choice::told(all)))
}

/// What is wrong with the control planes themselves.
fn warnings(evidence: &Evidence, all: &[Listed]) -> Vec<Message> {
    let mut warnings = Vec::new();
    let labels = all.iter().map(|one| Label::Revision(one.name.clone())).chain([Label::Injection]);
    for label in labels.collect::<BTreeSet<_>>() {
        let names = evidence.answering(&label);
        if names.len() > 1 {
            let names = choice::first(names.into_iter().map(Name::to_string));
            let text = format!("more than one control plane answers to {label}: {names}");
            warnings.push(Message::new(text));
        }
    }
    for Listed { name, kind, .. } in all {
        let Kind::Tag { points_to } = kind else { continue };
        if !all.iter().any(|one| one.is_control_plane() && one.name == *points_to) {
            let text = format!("tag {name} points to {points_to}, of which nothing else is there");
            warnings.push(Message::new(text));
        }
    }
    warnings
}

fn table_text(listed: &[Listed]) -> String {
    let yes = |answer: bool| if answer { "yes" } else { "no" }.to_owned();
    let row = |one: &Listed| {
        let (channel, points_to) = match &one.kind {
            Kind::Revision => (None, None),
            Kind::Channel { channel } => (channel.map(Channel::as_str), None),
            Kind::Tag { points_to } => (None, Some(points_to.as_str())),
        };
        let ready = match one.pods {
            Some(pods) => format!("{}/{}", pods.ready, pods.total),
            None => one.ready.map_or(String::new(), yes),
        };
        vec![
            one.name.to_string(),
            one.kind.as_str().to_owned(),
            channel.unwrap_or_default().to_owned(),
            points_to.unwrap_or_default().to_owned(),
            yes(one.default),
            ready,
            one.label.as_ref().map_or(String::new(), Label::to_string),
        ]
    };
    let header = ["NAME", "KIND", "CHANNEL", "POINTS-TO", "DEFAULT", "READY", "LABEL"];
    table::text(&header, listed.iter().map(row))
}
