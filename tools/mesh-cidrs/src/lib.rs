//! From clusters to the ranges that a firewall must let in, each with its owners.
//!
//! What bounds it: of a million random IPv4 lines, 610 instructions each, 310 read the numbers, 145
//! sort, 155 join and write; in time, reading is 45 % and sorting 30 %. A program of nothing but
//! that takes 440. Lists are read in pieces, so memory is the keys that are sorted, 8 bytes a range.
//! IPv6 takes 1,700 a line: 600 sort keys of 32 bytes. What bounds clusters is said at
//! `meshcore::cluster`.

mod aggregate;
mod growth;
mod inventory;
mod overlap;
mod text;

pub use aggregate::Set;
pub use growth::shrink;
pub use inventory::{Inventory, OwnedRange, Owner, read_set};
pub use overlap::{MOST, Overlap, Overlaps, matrix, overlaps};

use clap::{ArgGroup, Parser, ValueEnum};
use ipnet::IpNet;
use meshcore::cidr::{self, Joined, subtract};
use meshcore::cluster::RangeKind;
use meshcore::finding::{self, FindingFormat};
use meshcore::input::Input;
use meshcore::{Console, Error, Message, Outcome, Result, Verdict, json_lines};
use serde::Serialize;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use text::separated;

const EXAMPLES: &str = "\
Examples:
  gcloud container clusters list --format=json | mesh-cidrs -o csv
  printf '10.0.0.0/9 10.128.0.0/9' | mesh-cidrs";

/// Write the exact, minimal set of address ranges of clusters
///
/// Reads what the clouds' command lines print of clusters and subnets, cluster records, its own
/// JSON, firewall rules (their source ranges), or plain ranges separated by white space, commas
/// or semicolons. The set covers the ranges of all clusters and not one address more. A range
/// that other programs could read differently is refused, and so are an empty result and one of
/// more public addresses than clusters have: nothing here opens a firewall by accident.
#[derive(Debug, Parser)]
#[command(name = "mesh-cidrs", version, before_help = EXAMPLES)]
#[command(group = ArgGroup::new("question").multiple(false))]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Kinds of ranges [default: pod; all for --check-overlap and --free]. Plain ranges have no
    /// kind and always count
    #[arg(long, value_enum, value_name = "KIND,...", value_delimiter = ',')]
    kind: Vec<Kind>,
    /// Form of the ranges: one per line, separated by commas, or JSON lines with the owners; a
    /// table is the matrix of overlaps
    #[arg(short, long, value_enum, default_value = "lines")]
    output: Format,
    /// Keep the ranges as they are, sorted and without duplicates
    #[arg(long)]
    no_aggregate: bool,
    /// Take the network of a range with host bits (10.1.2.3/8) instead of refusing it
    #[arg(long)]
    trunc: bool,
    #[command(flatten)]
    public: cidr::AllowPublic,
    /// Most ranges that the result may have; more are an error
    #[arg(long, value_name = "N", conflicts_with = "no_aggregate")]
    max: Option<NonZeroUsize>,
    /// Get down to --max by the supernets that add the fewest addresses, and say how many
    #[arg(long, requires = "max")]
    allow_growth: bool,
    /// Write instead each overlap between two clusters, and exit 1 if there is one. Service
    /// ranges may be alike in two clusters, unless --kind service asks for them alone
    #[arg(long, group = "question")]
    check_overlap: bool,
    /// Write instead the part of CIDR that the ranges do not cover, and exit 1 if there is one
    #[arg(long, value_name = "CIDR", group = "question")]
    covers: Option<String>,
    /// Write instead the part of the ranges that those in FILE do not cover, and exit 1 if there
    /// is one
    #[arg(long, value_name = "FILE", group = "question")]
    not_covered_by: Option<PathBuf>,
    /// Write instead the first range of this length, as /14, that is free in --within
    #[arg(long, value_name = "/LENGTH", group = "question", requires = "within", value_parser = prefix_length)]
    free: Option<u8>,
    /// Where to look for --free
    #[arg(long, value_name = "CIDR", requires = "free")]
    within: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Lines,
    Csv,
    Json,
    Table,
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

const ALL: [RangeKind; 4] =
    [RangeKind::Pod, RangeKind::Service, RangeKind::Node, RangeKind::ControlPlane];

/// Whether a range of the result holds one that it was made of.
type Holds = fn(&IpNet, &IpNet) -> bool;

/// Reads clusters or ranges and writes the set, or the answer to a question about it.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    if args.output == Format::Table && !args.check_overlap {
        return Err(Error::usage("-o table is the matrix of --check-overlap"));
    }
    let kinds = args.kinds();
    if args.check_overlap || args.wants_owners() {
        let inventory = Inventory::read(args.input.read()?)?;
        warn(inventory.warnings(), console);
        let ranges = inventory.ranges(&kinds, args.trunc)?;
        refuse_nothing(ranges.is_empty(), &kinds)?;
        if args.check_overlap {
            return args.report_overlaps(&inventory, &ranges, console);
        }
        let nets = ranges.iter().map(|range| range.net).collect();
        let (set, holds) = args.result(nets, console)?;
        return Ok(Outcome::done(json_lines(with_owners(&inventory, &set, &ranges, holds))));
    }
    let mut set = Set::default();
    let inventory = read_set(&args.input, &kinds, args.trunc, &mut set)?;
    warn(inventory.warnings(), console);
    refuse_nothing(set.is_empty(), &kinds)?;
    if let Some(cidr) = &args.covers {
        let asked = inventory::parse(cidr, args.trunc).map_err(|e| e.at("--covers"))?;
        return Ok(args.rest(&subtract(&[asked], &set.aggregate())));
    }
    if let Some(file) = &args.not_covered_by {
        let file = Input { files: vec![file.clone()] };
        let mut there = Set::default();
        read_set(&file, &ALL, args.trunc, &mut there)?;
        let rest = subtract(&set.aggregate(), &there.aggregate());
        args.judge(&rest)?;
        return Ok(args.rest(&rest));
    }
    if let (Some(length), Some(within)) = (args.free, &args.within) {
        let within = inventory::parse(within, args.trunc).map_err(|e| e.at("--within"))?;
        return args.first_free(length, within, &set.aggregate());
    }
    let (set, _) = args.result(set, console)?;
    Ok(Outcome::done(args.text(&set)))
}

fn warn(warnings: &[Message], console: &Console) {
    for warning in warnings {
        console.warn(warning);
    }
}

fn refuse_nothing(nothing: bool, kinds: &[RangeKind]) -> Result<()> {
    if !nothing {
        return Ok(());
    }
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    Err(Error::data(format!("the input holds no {} range", kinds.join(" or ")))
        .hint("a kubeconfig knows no ranges; choose others with --kind"))
}

impl Args {
    fn kinds(&self) -> Vec<RangeKind> {
        match self.kind.as_slice() {
            [] if self.check_overlap || self.free.is_some() => ALL.to_vec(),
            [] => vec![RangeKind::Pod],
            kinds => kinds.iter().map(|kind| kind.of_range()).collect(),
        }
    }

    /// Whether the ranges are written with their owners.
    fn wants_owners(&self) -> bool {
        let asks = self.covers.is_some() || self.not_covered_by.is_some() || self.free.is_some();
        self.output == Format::Json && !asks
    }

    /// The ranges to write, in order, and whether one of them holds one of those they are made of.
    fn result(&self, set: Set, console: &Console) -> Result<(Vec<IpNet>, Holds)> {
        let (set, holds): (_, Holds) = if self.no_aggregate {
            (set.distinct(), IpNet::eq)
        } else {
            (self.limit(set.aggregate(), console)?, |set, range| set.contains(range))
        };
        self.judge(&set)?;
        Ok((set, holds))
    }

    /// Refuses what lets in strangers: of the very ranges that are written, whoever each came from.
    fn judge(&self, written: &[IpNet]) -> Result<()> {
        let hint = |error: Error| {
            if !self.allow_growth {
                return error;
            }
            error.hint("--allow-growth may have made it so: give a higher --max")
        };
        let joined = Joined::of(written);
        if let Some(all) = joined.everything() {
            let text = format!("the ranges together are {all}, every address there is");
            let error = Error::data(text).hint("one of them is wrong: nobody owns the Internet");
            return Err(hint(error));
        }
        cidr::refuse_wide(&joined, &self.public.allow_public).map_err(hint)
    }

    fn report_overlaps(
        &self,
        inventory: &Inventory,
        ranges: &[OwnedRange],
        console: &Console,
    ) -> Result<Outcome> {
        let services_too = self.kind == [Kind::Service];
        let Overlaps { found, more } = overlaps(inventory, ranges, services_too);
        if more {
            let text = format!("there are more than {MOST} overlaps: these are the first");
            console.warn(&Message::new(text));
        }
        let findings: Vec<_> = found.iter().map(|overlap| overlap.finding(inventory)).collect();
        match self.output {
            Format::Lines => Ok(finding::outcome(&findings, FindingFormat::Lines)),
            Format::Json => Ok(finding::outcome(&findings, FindingFormat::Json)),
            Format::Table => {
                let verdict = if found.is_empty() { Verdict::Yes } else { Verdict::No };
                Ok(Outcome { output: matrix(inventory, ranges, &found)?, verdict })
            }
            Format::Csv => {
                Err(Error::usage("overlaps have no csv form: use -o lines, json or table"))
            }
        }
    }

    /// The set within `--max`, exactly where it can be.
    fn limit(&self, set: Vec<IpNet>, console: &Console) -> Result<Vec<IpNet>> {
        let Some(max) = self.max.map(NonZeroUsize::get).filter(|&max| set.len() > max) else {
            return Ok(set);
        };
        let exact = set.len();
        if !self.allow_growth {
            return Err(Error::data(format!("the exact set has {exact} ranges, --max is {max}"))
                .hint("--allow-growth gets there with addresses that are not the clusters'"));
        }
        let (set, added) = shrink(&set, max).ok_or_else(|| {
            Error::data("IPv4 and IPv6 need a range each").hint("give --max 2 or more")
        })?;
        let text = format!("{exact} ranges became {}, with {added} addresses more", set.len());
        console.note(&Message::new(text));
        Ok(set)
    }

    /// What is not covered: nothing is a yes.
    fn rest(&self, rest: &[IpNet]) -> Outcome {
        if rest.is_empty() {
            return Outcome::done(String::new());
        }
        Outcome { output: self.text(rest), verdict: Verdict::No }
    }

    fn first_free(&self, length: u8, within: IpNet, taken: &[IpNet]) -> Result<Outcome> {
        if length < within.prefix_len() || length > within.max_prefix_len() {
            let text = format!("--free /{length} does not fit --within {within}");
            return Err(Error::usage(text));
        }
        // Every free range of this length lies in one of these, each as large as it can be.
        let free = subtract(&[within], taken);
        let room = free.iter().find(|net| net.prefix_len() <= length);
        match room.map(|room| IpNet::new(room.network(), length)) {
            Some(Ok(net)) => Ok(Outcome::done(self.text(&[net]))),
            _ => Ok(Outcome { output: String::new(), verdict: Verdict::No }),
        }
    }

    /// Ranges without their owners.
    fn text(&self, set: &[IpNet]) -> String {
        #[derive(Serialize)]
        struct Bare {
            cidr: IpNet,
        }
        match self.output {
            Format::Csv => separated(set, b',').trim_end_matches(',').to_owned() + "\n",
            Format::Json => json_lines(set.iter().map(|&cidr| Bare { cidr })),
            _ => separated(set, b'\n'),
        }
    }
}

fn prefix_length(text: &str) -> Result<u8, String> {
    let digits = text.strip_prefix('/').unwrap_or(text);
    digits
        .parse()
        .ok()
        .filter(|&length| length <= 128)
        .ok_or_else(|| "is no prefix length, such as /14".to_owned())
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
    holds: Holds,
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
