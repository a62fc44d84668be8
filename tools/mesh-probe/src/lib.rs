//! Requests from a client pod of each cluster, and records of what came back.
//!
//! What bounds it: what answers; the rest is waiting. A cluster is asked once for its client pod,
//! and then each request is one `exec` in that; after one that failed the pod is looked at once.

mod capture;
mod cluster;
mod command;
mod curl;
mod exec;
mod output;
mod pod;
mod probe;
mod record;
mod schedule;
mod signals;
mod url;

pub use curl::BODY_LIMIT;
pub use record::{Answer, Fault, Moment, Occasion, Record};
pub use url::Url;

use clap::Parser;
use cluster::{Cluster, Wish};
use command::Planned;
use curl::Curl;
use futures::future::{Either, select, try_join_all};
use meshcore::{Console, DnsLabel, Error, Outcome, Result};
use meshkube::Access;
use probe::{Plan, probe};
use schedule::{Schedule, parse_rate};
use signals::{Signal, Signals};
use std::num::{NonZeroU32, NonZeroUsize};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  mesh-probe --context cluster1 --context cluster2 --url http://helloworld.sample:5000/hello
  mesh-probe --context cluster1 --url http://helloworld.sample:5000/hello --for 9s --at 3s 'kubectl --context cluster2 -n sample scale deployment --all --replicas 0' --finally 'kubectl --context cluster2 -n sample scale deployment --all --replicas 1'";

/// Make requests from a client pod of each cluster and record the replies
///
/// Calls curl in a client pod of each --context, as `kubectl exec … curl` in a loop does, and
/// writes a JSON record of each reply as soon as it is there: pipe them into `mesh-lbcheck`. A
/// request that fails is a record, too, with the kind of its error: dns, connect, tls, http,
/// timeout; exec, pod or api where there was no request at all. With --for it probes steadily,
/// and may run commands of yours in between and record them as events. A body has up to 4096
/// bytes. The exit code is 0 whatever the replies, 4 where a cluster could not be asked even once
/// or --finally failed, and 128 with a signal's number where that ended the probe.
#[derive(Debug, Parser)]
#[command(name = "mesh-probe", version, before_help = EXAMPLES)]
pub struct Args {
    /// Cluster to make requests in; may be repeated
    #[arg(long, value_name = "CONTEXT", required = true)]
    context: Vec<String>,
    /// What to ask
    #[arg(long, value_name = "URL", value_parser = Url::parse)]
    url: Url,
    /// Namespace of the client pods
    #[arg(short, long, value_name = "NAMESPACE", default_value = "sample", value_parser = DnsLabel::parse)]
    namespace: DnsLabel,
    /// Labels of the client pods; the first that is ready is taken
    #[arg(long, value_name = "LABELS", default_value = "app in (sleep,curl)")]
    selector: String,
    /// Container with curl [default: kubectl's choice, and so the first]
    #[arg(long, value_name = "NAME")]
    container: Option<String>,
    /// How many requests to make in each cluster
    #[arg(long, value_name = "N", default_value = "20", conflicts_with = "length")]
    count: NonZeroU32,
    /// How many requests of a cluster may be under way at once [default: 1, or with --for as many
    /// as there are when none is answered]
    #[arg(long, value_name = "N")]
    concurrency: Option<NonZeroUsize>,
    /// Longest time for one answer
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_positive)]
    timeout: Duration,
    /// Make requests for this time, whatever their number
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_positive,
        help_heading = "Steady probing")]
    length: Option<Duration>,
    /// How many requests to make in each cluster and second
    #[arg(long, value_name = "N", default_value = "5", requires = "length",
        value_parser = parse_rate, help_heading = "Steady probing")]
    rate: f64,
    /// Command to run with `sh -c` when so much of the time has passed; may be repeated
    #[arg(long, num_args = 2, value_names = ["DELAY", "COMMAND"], requires = "length",
        help_heading = "Steady probing")]
    at: Vec<String>,
    /// Command to run when the probe ends, however it ends: what undoes the others
    ///
    /// It is not run where the probe could not begin.
    #[arg(long, value_name = "COMMAND", help_heading = "Steady probing")]
    finally: Option<String>,
    #[command(flatten)]
    access: Access,
}

/// The signal that ended the probe.
static ENDED_BY: OnceLock<Signal> = OnceLock::new();

/// The whole program. When a signal ends it, its exit code is as shells have it, 128 and the
/// number of the signal; the other tools' codes know of none.
pub fn main() -> ExitCode {
    let code = meshcore::main(run);
    ENDED_BY.get().map_or(code, |signal| ExitCode::from(128 + *signal as u8))
}

/// Probes; records are written to standard output as they come, and the outcome has none.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    let schedule = args.length.map_or(Schedule::Count(args.count.get().into()), |length| {
        Schedule::Steady { length, rate: args.rate }
    });
    let at_once = args.concurrency.map_or(schedule.at_once(args.timeout), NonZeroUsize::get);
    let commands = args.commands()?;
    let finally = args.finally.as_deref();
    let plan = Plan { schedule, at_once, url: &args.url, commands: &commands, finally };
    let curl = Curl::new(&args.url, args.timeout);
    let wish = Wish {
        namespace: args.namespace.to_string(),
        selector: args.selector.clone(),
        container: args.container.clone(),
    };
    let signal = meshkube::block_on(async {
        let mut signals = Signals::listen()?;
        let open = pin!(open(&args, &wish, &curl));
        let clusters = match select(open, pin!(signals.next())).await {
            Either::Left((clusters, _)) => clusters?,
            // Nothing has begun, and nothing has to be undone.
            Either::Right((signal, _)) => return Ok(Some(signal)),
        };
        probe(&plan, &clusters, &mut signals, console).await
    });
    if let Ok(Some(signal)) = signal {
        let _ = ENDED_BY.set(signal);
    }
    signal.map(|_| Outcome::done(String::new()))
}

impl Args {
    /// The commands of `--at`.
    fn commands(&self) -> Result<Vec<Planned>> {
        let wrong = |text: String| Error::usage(text).at("--at");
        let end = self.length.unwrap_or_default();
        let pairs = self.at.chunks_exact(2).map(|pair| Planned::parse(&pair[0], &pair[1]));
        let commands: Vec<Planned> = pairs.collect::<Result<_, _>>().map_err(wrong)?;
        match commands.iter().find(|planned| planned.after >= end) {
            Some(planned) => {
                let text = format!("{:?} is not before the end, {end:?}", planned.after);
                Err(wrong(text).hint("--for sets the end; --finally runs a command there"))
            }
            None => Ok(commands),
        }
    }
}

/// All clusters with their clients; not one request is made unless all are there.
async fn open<'a>(args: &Args, wish: &'a Wish, curl: &'a Curl) -> Result<Vec<Cluster<'a>>> {
    let kubeconfig = args.access.read_kubeconfig(None)?;
    let contexts = args.context.iter().map(|context| args.access.connect(&kubeconfig, context));
    let connections = try_join_all(contexts).await?;
    let clusters = connections.into_iter();
    try_join_all(clusters.map(|one| Cluster::open(one, wish, curl, args.timeout))).await
}

fn parse_positive(text: &str) -> Result<Duration, String> {
    match meshkube::parse_duration(text)? {
        Duration::ZERO => Err("must be longer than nothing".to_owned()),
        duration => Ok(duration),
    }
}
