//! From clusters to the ranges that a firewall must let in, each with its owners.

mod aggregate;
mod inventory;
mod overlap;

pub use aggregate::{aggregate, distinct};
pub use inventory::{Inventory, OwnedRange, Owner};
pub use overlap::{Overlap, overlaps};

use clap::{Parser, ValueEnum};
use ipnet::IpNet;
use meshcore::cluster::RangeKind;
use meshcore::finding::{self, FindingFormat};
use meshcore::input::Input;
use meshcore::{Console, Error, Outcome, Result, json_lines};
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  gcloud container clusters list --format=json | mesh-cidrs -o csv
  printf '10.0.0.0/9 10.128.0.0/9' | mesh-cidrs";

/// Write the exact, minimal set of address ranges of clusters
///
/// Reads `gcloud container clusters list|describe --format=json`, cluster records, or plain
/// ranges separated by white space, commas or semicolons. The set covers the ranges of all
/// clusters and not one address more. A range that other programs could read differently is
/// refused, and so is an empty result: nothing here opens a firewall by accident.
#[derive(Debug, Parser)]
#[command(name = "mesh-cidrs", version, before_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Kinds of ranges; plain ranges have no kind and always count
    #[arg(long, value_enum, value_name = "KIND,...", value_delimiter = ',', default_value = "pod")]
    kind: Vec<Kind>,
    /// Form of the ranges: one per line, separated by commas, or JSON lines with the owners
    #[arg(short, long, value_enum, default_value = "lines")]
    output: Format,
    /// Keep the ranges as they are, sorted and without duplicates
    #[arg(long)]
    no_aggregate: bool,
    /// Take the network of a range with host bits (10.1.2.3/8) instead of refusing it
    #[arg(long)]
    trunc: bool,
    /// Write instead each overlap between two clusters, and exit 1 if there is one
    #[arg(long)]
    check_overlap: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Lines,
    Csv,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Pod,
    Service,
    Node,
    #[value(name = "controlPlane", alias = "control-plane")]
    ControlPlane,
}

impl Kind {
    fn of_range(self) -> RangeKind {
        match self {
            Self::Pod => RangeKind::Pod,
            Self::Service => RangeKind::Service,
            Self::Node => RangeKind::Node,
            Self::ControlPlane => RangeKind::ControlPlane,
        }
    }
}

/// Reads clusters or ranges and writes the set, or the overlaps.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    if args.check_overlap && args.output == Format::Csv {
        return Err(Error::usage("overlaps have no csv form: use -o lines or -o json"));
    }
    let kinds: Vec<RangeKind> = args.kind.iter().map(|kind| kind.of_range()).collect();
    let inventory = Inventory::read(args.input.read()?)?;
    for warning in inventory.warnings() {
        console.warn(warning);
    }
    let ranges = inventory.ranges(&kinds, args.trunc)?;
    if ranges.is_empty() {
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        return Err(Error::data(format!("the input holds no {} range", kinds.join(" or ")))
            .hint("a kubeconfig knows no ranges; choose others with --kind"));
    }
    if args.check_overlap {
        let found: Vec<_> = overlaps(&ranges).iter().map(|o| o.finding(&inventory)).collect();
        let format = match args.output {
            Format::Json => FindingFormat::Json,
            Format::Lines | Format::Csv => FindingFormat::Lines,
        };
        return Ok(finding::outcome(&found, format));
    }
    let nets = ranges.iter().map(|range| range.net);
    let (set, holds): (_, fn(&IpNet, &IpNet) -> bool) = if args.no_aggregate {
        (distinct(nets), IpNet::eq)
    } else {
        (aggregate(nets), |set, range| set.contains(range))
    };
    if let Some(all) = set.iter().find(|net| net.prefix_len() == 0) {
        return Err(Error::data(format!("the ranges together are {all}, every address there is"))
            .hint("one of them is wrong: no cluster owns the whole Internet"));
    }
    Ok(Outcome::done(match args.output {
        Format::Lines => set.iter().fold(String::new(), |out, net| out + &net.to_string() + "\n"),
        Format::Csv => set.iter().map(IpNet::to_string).collect::<Vec<_>>().join(",") + "\n",
        Format::Json => json_lines(with_owners(&inventory, &set, &ranges, holds)),
    }))
}

/// One range of the result, and whose it is.
#[derive(Serialize)]
struct Entry<'a> {
    cidr: IpNet,
    owners: Vec<Owner<'a>>,
}

/// Gives each range of `set` the owners of the ranges that it `holds`. Both are in order.
fn with_owners<'a>(
    inventory: &'a Inventory,
    set: &[IpNet],
    ranges: &[OwnedRange],
    holds: fn(&IpNet, &IpNet) -> bool,
) -> Vec<Entry<'a>> {
    let mut rest = ranges.iter().peekable();
    let mut entry = |&cidr: &IpNet| {
        let mut owners = Vec::new();
        while let Some(range) = rest.next_if(|range| holds(&cidr, &range.net)) {
            owners.push(inventory.owner(range));
        }
        Entry { cidr, owners }
    };
    set.iter().map(&mut entry).collect()
}
