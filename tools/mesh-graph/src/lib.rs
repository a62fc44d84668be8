//! Draws a mesh: clusters in their networks, gateways, remote Secrets, findings.
//!
//! [`Picture`] is what is drawn; `survey` and `findings` fill it, and each form is a function of
//! it. SVG goes through a layout of rectangles that never overlap.
//!
//! What bounds it: to read. 64 clusters (32 MB of captures) take 88 instructions a byte, 6.5 times
//! what `serde_json` takes only to pass over the text: 20 find where objects begin and end, 58 make
//! typed facts of them, pods' included, which no picture shows but which must be right. The picture
//! itself takes less than 1 %. It is linear: 89 a byte for 8 clusters. Memory is one capture and
//! the picture: 9 MB for 64 clusters, 92 MB for 511 (609 MB).

mod cards;
mod describe;
mod dot;
mod findings;
mod gateways;
mod holdings;
mod lines;
mod matrix;
mod mermaid;
#[cfg(test)]
mod overlap;
mod page;
mod picture;
#[cfg(test)]
mod samples;
mod scene;
mod survey;
mod svg;
mod text;
#[cfg(test)]
mod xml;

pub use lines::{Between, Bundle, Grouping, Line, Lines};
pub use picture::{Cluster, Gateway, Known, Link, Mark, Network, Picture, Reads};

use crate::holdings::Holdings;
use clap::{Parser, ValueEnum};
use jiff::Timestamp;
use meshcore::{Console, Error, Message, Outcome, Result};
use meshstate::Input;
use std::path::PathBuf;
use std::time::SystemTime;

const EXAMPLES: &str = "\
Examples:
  mesh-capture --context cluster1 --context cluster2 | mesh-graph -o mermaid
  mesh-clusters --contexts cluster1,cluster2 | mesh-graph";

/// Draw a mesh of clusters: networks, gateways, remote Secrets, findings
///
/// Reads captures (mesh-capture), dumps of kubectl and cluster records, and draws the clusters in
/// their networks, gateways with their addresses, and who holds whose credentials: an arrow from A
/// to B says that A has a remote Secret for B. Expired, unusable and missing ones differ in line
/// and word. What holds for most pairs of clusters is one line for all of them; more than 24
/// clusters, or more lines than can be followed, become a table with a matrix (SVG).
#[derive(Debug, Parser)]
#[command(name = "mesh-graph", version, before_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Findings to mark, as `mesh-check -o json` writes them, or "-"; may be repeated
    #[arg(long, value_name = "FILE")]
    findings: Vec<PathBuf>,
    /// Show which tokens have expired at this time (RFC 3339) [default: when a cluster was
    /// captured, or else now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,
    /// Form: a picture by itself, or text for Mermaid or Graphviz
    #[arg(short, long, value_enum, default_value = "svg")]
    output: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Svg,
    Mermaid,
    Dot,
}

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "is no time, such as 2026-01-31T12:00:00Z".to_owned())
}

/// Draws what was read.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    let reads_mesh = args.input.files.is_empty()
        || args.input.files.iter().any(|named| findings::is_stdin(&named.file));
    let of_findings = args.findings.iter().filter(|file| findings::is_stdin(file)).count();
    if of_findings + usize::from(reads_mesh) > 1 {
        return Err(Error::usage("standard input can be read once")
            .hint("name a file for the clusters with -f, or for the findings with --findings"));
    }
    let mut holdings = Holdings::new(args.at, now()?);
    let mesh = args.input.read_reduced(|state| holdings.take(state))?;
    for warning in &mesh.warnings {
        console.warn(warning);
    }
    let mut picture = survey::picture(&mesh, &holdings)?;
    for file in &args.findings {
        findings::mark(&mut picture, &findings::read(file)?);
    }
    Ok(Outcome::done(match args.output {
        Format::Svg => svg(&picture),
        Format::Dot => dot::write(&picture),
        Format::Mermaid => {
            let chart = mermaid::write(&picture);
            if let Some(excess) = chart.excess {
                let text = format!("Mermaid draws no more than {excess}");
                console.warn(&Message::new(text).hint("-o svg draws meshes of any size"));
            }
            chart.text
        }
    }))
}

fn now() -> Result<Timestamp> {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).map_err(|_| {
        Error::data("the clock of this machine shows no usable time").hint("give one with --at")
    })
}

/// More clusters than these are the rows of a table.
const MOST_CARDS: usize = 24;

fn scene_of(picture: &Picture) -> scene::Scene {
    let lines = Lines::of(picture);
    if picture.clusters().len() <= MOST_CARDS && lines.are_readable() {
        cards::draw(picture, &lines)
    } else {
        matrix::draw(picture)
    }
}

fn svg(picture: &Picture) -> String {
    svg::write(&scene_of(picture), &describe::summary(picture).join("; "))
}
