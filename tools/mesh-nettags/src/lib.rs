//! From instances, firewall rules and node pools to the network tags of just the clusters' nodes.
//!
//! What bounds it: its start. Of the 900,000 instructions of a call for the two clusters of the
//! tests 210,000 load the program and 140,000 describe and read its flags.

mod firewall_rule;
mod instance;
mod inventory;
mod outsiders;
mod selection;

pub use firewall_rule::{FirewallRule, MadeRules, is_automatic_tag};
pub use instance::{Instance, NodeOf};
pub use inventory::{Described, Inventory};
pub use selection::{Evidence, Selection, Tag, select};

use clap::{Parser, ValueEnum};
use meshcore::input::Input;
use meshcore::{Console, Error, Outcome, Result, json_lines};

const EXAMPLES: &str = "\
Examples:
  gcloud container clusters list --format=json | mesh-nettags
  (gcloud container clusters list --format=json; gcloud compute instances list --format=json) | mesh-nettags -o csv";

/// Write the network tags of exactly the clusters' nodes
///
/// Reads clusters (gcloud container clusters list|describe, cluster records), and of the same
/// project, in any mixture, gcloud compute instances list and gcloud compute firewall-rules list,
/// all with --format=json. An instance is a node when its labels or metadata say so, never by
/// its name. The nodes of Autopilot clusters are not listed as instances: their tag is found in
/// the firewall rules that GKE made for the cluster.
///
/// A firewall rule that targets these tags reaches every node of every cluster; where that cannot
/// be had, the tool fails.
#[derive(Debug, Parser)]
#[command(name = "mesh-nettags", version, before_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Form of the tags: one per line, separated by commas, or JSON lines with their clusters
    #[arg(short, long, value_enum, default_value = "lines")]
    output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Lines,
    Csv,
    Json,
}

/// Reads clusters and what shows their nodes, and writes the tags.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    let inventory = Inventory::read(args.input.read()?)?;
    if inventory.clusters.is_empty() {
        return Err(Error::data("the input describes no cluster")
            .hint("add gcloud container clusters list --format=json, or cluster records"));
    }
    for warning in &inventory.warnings {
        console.warn(warning);
    }
    let selection = select(&inventory)?;
    for warning in &selection.warnings {
        console.warn(warning);
    }
    let tags: Vec<&str> = selection.tags.iter().map(|tag| tag.tag.as_str()).collect();
    Ok(Outcome::done(match args.output {
        Format::Lines => tags.join("\n") + "\n",
        Format::Csv => tags.join(",") + "\n",
        Format::Json => json_lines(&selection.tags),
    }))
}

/// The segment that follows `folder` in the path of a Google API resource.
fn segment_after<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    let mut segments = path.split('/').skip_while(|segment| *segment != folder);
    segments.nth(1).filter(|segment| !segment.is_empty())
}
