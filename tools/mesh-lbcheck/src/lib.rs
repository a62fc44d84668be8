//! Counts replies by who gave them and judges whether the load is balanced as it should be.
//!
//! What bounds it: a line that came before costs 190 instructions, three a byte, to find its end,
//! compare it and count it: twice the time of `wc -l`, half of which is the kernel's copy. Only a
//! new line is parsed, for 2,800. Memory does not grow with the replies.

mod answers;
mod counters;
mod drill;
mod endpoints;
mod expect;
mod failure;
mod json;
mod judge;
mod junit;
mod latency;
mod lines;
mod locality;
mod manifests;
mod pattern;
mod plan;
mod record;
mod reply;
mod service;
mod share;
#[cfg(test)]
mod simulation;
mod source;
mod special;
mod split;
mod statistics;
mod table;
mod tally;

pub use record::Record;
pub use reply::{Reply, shown};

use clap::{Parser, ValueEnum};
use endpoints::locate;
use expect::{Criteria, Expected};
use judge::{Setting, judge};
use manifests::{Found, Manifests, is_objects};
use meshcore::input::{Input, Source, refuse_terminal};
use meshcore::{Console, Error, Outcome, Result};
use pattern::Form;
use reply::Dimension;
use service::Service;
use share::Share;
use std::io::{self, Read};
use std::path::Path;
use tally::Tally;

const EXAMPLES: &str = "\
Examples:
  printf 'Hello version: v%s, instance: pod-%s\\n' 1 a 2 b 1 a | mesh-lbcheck --expect v1,v2
  for v in v1 v2; do echo \"Hello version: $v, instance: $v-a\"; done | mesh-lbcheck --min-share 20%";

/// Tell from replies whether load is balanced over the clusters
///
/// Reads what `curl -sS helloworld.sample:5000/hello`, called in a loop, prints: a line
/// `Hello version: VERSION, instance: INSTANCE` per request; or the records of mesh-probe. Counts
/// who answered each source cluster, and exits with 0 when that is as expected and with 1 when it
/// is not. Any other line is an error; so is a 65th version. Of more than 1024 instances the rest
/// are counted as (others). Files may also hold endpoint slices, which say who should answer, and
/// destination rules and services, which say whether near endpoints are preferred.
///
/// Shares are called off when chance alone makes them so, or more so, less often than --confidence
/// leaves room for. With events among the records, who answered is judged before the first of
/// them, and recovery after each.
#[derive(Debug, Parser)]
#[command(name = "mesh-lbcheck", version, before_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Form of other replies: a regular expression with groups named version, instance, cluster
    #[arg(long, value_name = "REGEX")]
    pattern: Option<String>,
    /// Who must answer: names, all of them and no others; weights, as v1=80,v2=20; even;
    /// endpoints; local; failover [default: any two or more; or endpoints, if they are given]
    #[arg(long, value_name = "EXPECTED,...", value_delimiter = ',')]
    expect: Vec<String>,
    /// What names and shares are of [default: version]
    #[arg(long, value_enum)]
    by: Option<Dimension>,
    /// Least share of the replies that each must have, as 0.2 or 20%
    #[arg(long, value_name = "SHARE")]
    min_share: Option<Share>,
    /// How many requests may fail
    #[arg(long, value_name = "N", default_value_t = 0)]
    max_errors: u64,
    /// How sure to be that shares are off, and how wide intervals are
    #[arg(long, value_name = "SHARE", default_value = "99%")]
    confidence: Share,
    /// Clusters of versions
    #[arg(long, value_name = "VERSION=CLUSTER,...", value_delimiter = ',', value_parser = pair)]
    r#where: Vec<(String, String)>,
    /// File with the endpoint slices of one cluster; may be repeated
    #[arg(long, value_name = "CLUSTER=FILE", value_parser = pair)]
    endpoints: Vec<(String, String)>,
    /// Service that was asked [default: as the records' URL says]
    #[arg(long, value_name = "NAME[.NAMESPACE]")]
    service: Option<String>,
    /// Cluster that was asked from, where replies do not say it
    #[arg(long, value_name = "CLUSTER")]
    source: Option<String>,
    /// Write instead how many requests from each source it takes to be sure; reads no replies
    #[arg(long)]
    plan: bool,
    /// Form of the result: a table that ends with the verdict, one JSON object, or XML for CI
    #[arg(short, long, value_enum, default_value = "table")]
    output: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
    Junit,
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("is no pair, such as NAME=VALUE"),
    }
}

/// Counts what all files hold, or standard input, and judges it.
pub fn run(args: Args, _: &Console) -> Result<Outcome> {
    let form = args.pattern.as_deref().map_or(Ok(Form::HelloWorld), Form::pattern)?;
    let told = [Dimension::Version, Dimension::Cluster, Dimension::Instance];
    let told = told.into_iter().find(|by| form.tells(*by)).unwrap_or(Dimension::Version);
    let expected = Expected::parse(&args.expect)?;
    let by = args.by.or(expected.dimension()).unwrap_or(told);
    let criteria = Criteria {
        expected,
        by,
        min_share: args.min_share,
        max_errors: args.max_errors,
        confidence: args.confidence.as_f64(),
    };
    let criteria = criteria.check()?;
    let service = args.service.as_deref().map(Service::parse).transpose()?;
    let mut reader = Reader {
        tally: Tally::new(form, args.source.as_deref()),
        manifests: Manifests::default(),
        has_replies: false,
    };
    reader.read(&args)?;
    let service = service.or_else(|| reader.tally.url().and_then(Service::of_url));
    let setting = Setting {
        endpoints: reader.manifests.endpoints(service.as_ref())?,
        locality: reader.manifests.locality(service.as_ref())?,
    };
    let criteria = args.with_endpoints(criteria, &setting)?;
    if args.plan {
        return args.plan(&criteria, &setting);
    }
    let versions = args.r#where.iter().cloned().collect();
    let locate = |backend: &_| locate(backend, setting.endpoints.as_ref(), &versions);
    let total = reader.tally.finish(locate, criteria.by)?;
    let judgement = judge(&total, &criteria, &setting)?;
    let z = statistics::deviations(criteria.confidence);
    let output = match args.output {
        Format::Table => table::text(&total, &judgement, z),
        Format::Json => json::text(&total, &judgement, z),
        Format::Junit => junit::text(&judgement),
    };
    Ok(Outcome { output, verdict: judgement.verdict() })
}

impl Args {
    /// Endpoints that are given are expected, unless something else is.
    fn with_endpoints(&self, criteria: Criteria, setting: &Setting) -> Result<Criteria> {
        let is_open = criteria.expected == Expected::Several
            && self.by.is_none_or(|by| by == Dimension::Instance);
        if setting.endpoints.is_some() && is_open {
            let (expected, by) = (Expected::Endpoints, Dimension::Instance);
            return Ok(Criteria { expected, by, ..criteria });
        }
        if setting.endpoints.is_none() && criteria.expected == Expected::Endpoints {
            return Err(Error::usage("--expect endpoints: there are no EndpointSlices")
                .hint("kubectl get endpointslices -o json writes them, for -f or --endpoints"));
        }
        Ok(criteria)
    }

    fn plan(&self, criteria: &Criteria, setting: &Setting) -> Result<Outcome> {
        let endpoints = setting.endpoints.as_ref().map(endpoints::Endpoints::weights);
        let weights = plan::weights(&criteria.expected, endpoints)?;
        let steps = plan::steps(&weights, criteria.confidence);
        Ok(Outcome::done(match self.output {
            Format::Table => plan::text(&steps),
            Format::Json => plan::json(&steps),
            Format::Junit => {
                return Err(Error::usage("a plan has no form for CI: use -o table or json"));
            }
        }))
    }
}

/// What is read, sorted into replies and the rest. Replies are counted as they come: unlike what
/// [`Input::read`] keeps, they are of any length.
struct Reader {
    tally: Tally,
    manifests: Manifests,
    has_replies: bool,
}

/// Enough to tell what a source holds.
const BEGINNING: u64 = 8 * 1024;

impl Reader {
    fn read(&mut self, args: &Args) -> Result<()> {
        let files = &args.input.files;
        let is_stdin = |file: &Path| file == Path::new("-");
        if files.iter().filter(|file| is_stdin(file)).count() > 1 {
            return Err(Error::usage("standard input can be read once: give \"-f -\" once"));
        }
        for (cluster, file) in &args.endpoints {
            let bytes = meshcore::file::read(Path::new(file))?;
            let source = Source::new(file.clone(), bytes)?;
            self.manifests.read(&source, Some(cluster), &mut self.tally)?;
        }
        for file in files {
            if is_stdin(file) {
                self.read_stdin()?;
            } else {
                let name = file.display().to_string();
                self.read_source(&name, meshcore::file::open(file)?)?;
            }
        }
        if self.has_replies || args.plan {
            return Ok(());
        }
        if !files.iter().any(|file| is_stdin(file)) {
            self.read_stdin()?;
        }
        if !self.has_replies {
            return Err(Error::data("there are no replies, only objects"));
        }
        Ok(())
    }

    fn read_stdin(&mut self) -> Result<()> {
        refuse_terminal()?;
        self.read_source("stdin", io::stdin().lock())
    }

    fn read_source(&mut self, name: &str, mut source: impl Read) -> Result<()> {
        let failed = |e: io::Error| Error::data(e.to_string()).at(name);
        let mut beginning = Vec::new();
        source.by_ref().take(BEGINNING).read_to_end(&mut beginning).map_err(failed)?;
        if is_objects(&beginning) {
            source.read_to_end(&mut beginning).map_err(failed)?;
            let source = Source::new(name.to_owned(), beginning)?;
            let found = self.manifests.read(&source, None, &mut self.tally)?;
            self.has_replies |= found == Found::Records;
            return Ok(());
        }
        let mut is_empty = true;
        let tally = &mut self.tally;
        lines::each(beginning.chain(source), |line| {
            is_empty &= tally::is_blank(line);
            tally.add(line);
        })
        .map_err(failed)?;
        // As the other tools do: the command before it failed.
        if is_empty {
            return Err(Error::data("is empty")
                .at(name)
                .hint("did the command that should have written it fail?"));
        }
        self.has_replies = true;
        self.tally.check().map_err(|error| error.at(name))
    }
}
