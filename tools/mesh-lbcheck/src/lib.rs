//! Counts the replies of the `HelloWorld` sample by version and instance and judges whether the
//! load is balanced.

mod judge;
mod lines;
mod reply;
mod report;
mod share;
mod tally;

pub use judge::{Expectation, Judgement, judge};
pub use reply::Reply;
pub use share::Share;
pub use tally::Tally;

use clap::{Parser, ValueEnum};
use meshcore::input::{Input, refuse_terminal};
use meshcore::{Console, Error, Outcome, Result};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

const EXAMPLES: &str = "\
Examples:
  printf 'Hello version: v%s, instance: pod-%s\\n' 1 a 2 b 1 a | mesh-lbcheck --expect v1,v2
  for v in v1 v2; do echo \"Hello version: $v, instance: $v-a\"; done | mesh-lbcheck --min-share 20%";

/// Tell from replies whether load is balanced over the clusters
///
/// Reads what `curl -sS helloworld.sample:5000/hello`, called in a loop, prints: a line
/// `Hello version: VERSION, instance: INSTANCE` per request. Counts versions and instances and
/// exits with 0 when the replies are balanced and with 1 when they are not. Any other line is an
/// error; so is a 65th version. Of more than 1024 instances the rest are counted as (others).
#[derive(Debug, Parser)]
#[command(name = "mesh-lbcheck", version, before_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Versions that all must have answered, and no others [default: any two or more]
    #[arg(long, value_name = "VERSION,...", value_delimiter = ',')]
    expect: Vec<String>,
    /// Least share of the replies that each version must have, as 0.2 or 20%
    #[arg(long, value_name = "SHARE")]
    min_share: Option<Share>,
    /// How many lines may be errors
    #[arg(long, value_name = "N", default_value_t = 0)]
    max_errors: u64,
    /// Form of the result: a table that ends with the verdict, or one JSON object
    #[arg(short, long, value_enum, default_value = "table")]
    output: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// Counts the lines of all files, or of standard input, and judges them.
pub fn run(args: Args, _: &Console) -> Result<Outcome> {
    let expectation = Expectation::new(&args.expect, args.min_share, args.max_errors)?;
    let tally = read(&args.input)?;
    let judgement = judge(&tally, &expectation);
    let output = match args.output {
        Format::Table => report::text(&tally, &judgement),
        Format::Json => report::json(&tally, &judgement),
    };
    Ok(Outcome { output, verdict: judgement.verdict() })
}

/// Counts what [`Input::read`] would read; but that keeps it, and this is of any length.
fn read(input: &Input) -> Result<Tally> {
    let mut tally = Tally::default();
    let is_stdin = |file: &Path| file == Path::new("-");
    if input.files.iter().filter(|file| is_stdin(file)).count() > 1 {
        return Err(Error::usage("standard input can be read once: give \"-f -\" once"));
    }
    if !input.is_given() {
        read_stdin(&mut tally)?;
    }
    for file in &input.files {
        if is_stdin(file) {
            read_stdin(&mut tally)?;
        } else {
            let name = file.display().to_string();
            let open = File::open(file).map_err(|e| Error::data(e.to_string()).at(&name))?;
            read_source(&name, open, &mut tally)?;
        }
    }
    Ok(tally)
}

fn read_stdin(tally: &mut Tally) -> Result<()> {
    refuse_terminal()?;
    read_source("stdin", io::stdin().lock(), tally)
}

/// Refuses a source without any line, as the other tools do: the command before it failed.
fn read_source(name: &str, source: impl Read, tally: &mut Tally) -> Result<()> {
    let mut is_empty = true;
    lines::each(source, |line| {
        is_empty &= tally::is_blank(line);
        tally.add(line);
    })
    .map_err(|e| Error::data(e.to_string()).at(name))?;
    if is_empty {
        return Err(Error::data("is empty")
            .at(name)
            .hint("did the command that should have written it fail?"));
    }
    Ok(())
}
