//! Tells the steps that are missing until clusters are the mesh that is wanted, each with the
//! command that takes it and the one that takes it back; and the way out of the mesh.
//!
//! What bounds it: to read captures, as mesh-check and mesh-graph do: 90 instructions a byte of
//! four clusters (1.7 MB).

mod command;
mod file;
mod join;
mod leave;
mod step;
mod wanted;
mod write;

pub use file::MeshFile;
pub use join::{Plan, Rules, plan};
pub use step::{Stage, Step};
pub use wanted::{Member, Wanted};

use clap::{Parser, ValueEnum};
use jiff::Timestamp;
use meshcore::input::Input;
use meshcore::{Console, Error, Outcome, Result, Verdict};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  mesh-capture --context cluster1 --context cluster2 | mesh-plan -o sh | tee join.sh
  mesh-clusters --contexts cluster1,cluster2 | mesh-plan --stage secrets -o sh | sh";

/// Tell the steps that are missing until clusters are the mesh that is wanted
///
/// Reads captures, dumps and records of clusters, compares them with the mesh that the file MESH
/// wants, and writes the steps that are missing, in their order, each with its command: roots,
/// network labels, control planes, gateways, exposure, remote Secrets, firewall and authorized
/// networks, namespaces, restarts, verification. Without a file all clusters of the input are to
/// be one mesh as they are. What is not known counts as missing where the command does no harm;
/// steps on clusters that did not answer come last. Nothing is executed: pipe `-o sh` into sh,
/// once or several times. Exit status 1 if any step is missing.
///
/// The file, short as it may be: `apiVersion: meshutils/v1alpha1`, `kind: Mesh`, `meshId`,
/// `clusters` (each a `name` and, where it is not to be guessed, `network`, `context`,
/// `kubeconfig`, `id`, `revision`, `server`) and `namespaces` to be injected. Optional are
/// `trustDomain`, `namespace` of istiod, `revision`, `istioVersion`, `rootDir`, `expose`
/// (services, istiod), `networks` (by name: `gateways`, `loadBalancer`, `platform`) and
/// `firewall` (`network`, `tags`). A `kubeconfig` counts only where KUBECONFIG has it, too: one may
/// run programs.
#[derive(Debug, Parser)]
#[command(name = "mesh-plan", version, before_help = EXAMPLES)]
pub struct Args {
    /// File that says what the mesh is to be [default: what the clusters say]
    #[arg(value_name = "MESH")]
    mesh: Option<PathBuf>,
    #[command(flatten)]
    input: meshstate::Input,
    /// Tell instead how a cluster leaves the mesh: its name, ID or context
    ///
    /// Its control plane and its injected namespaces stay as they are.
    #[arg(long, value_name = "CLUSTER", conflicts_with = "undo")]
    leave: Option<String>,
    /// Tell instead how the mesh ends: what was made for it is removed, last things first
    ///
    /// Control planes and CAs stay.
    #[arg(long)]
    undo: bool,
    /// Only the steps of this stage; may be repeated
    #[arg(long, value_enum, value_name = "STAGE")]
    stage: Vec<Stage>,
    /// Rules that are there (gcloud compute firewall-rules list --format=json), where the file has
    /// a firewall
    #[arg(long, value_name = "FILE")]
    firewall_rules: Option<PathBuf>,
    /// Judge tokens as of this time (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Form of the steps
    #[arg(short, long, value_enum, default_value = "lines")]
    output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, with the commands
    Lines,
    /// JSON, one object per line
    Json,
    /// A script that takes them
    Sh,
}

/// Reads what is and what is to be, and writes the difference.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    let read = |path: &Path| Input { files: vec![path.to_owned()] }.read();
    let file = match &args.mesh {
        Some(path) if path.as_os_str() == "-" => {
            return Err(Error::usage("the mesh that is wanted is read from a file")
                .hint("standard input is for captures and records"));
        }
        Some(path) => Some(MeshFile::read(&read(path)?[0])?),
        None => None,
    };
    let rules = match &args.firewall_rules {
        Some(path) => Some(Rules::read(&read(path)?)?),
        None => None,
    };
    let mesh = args.input.read()?;
    let (wanted, warnings) = Wanted::new(file.as_ref(), &mesh)?;
    let now = args.at.unwrap_or_else(Timestamp::now);
    let mut plan = match (&args.leave, args.undo) {
        (Some(name), _) => leave::one(&wanted, &mesh, name, rules.as_ref())?,
        (None, true) => leave::all(&wanted, rules.as_ref())?,
        (None, false) => plan(&wanted, rules.as_ref(), now)?,
    };
    plan.only(&args.stage);
    let of_stages = plan.warnings.iter().map(|(_, warning)| warning);
    warnings.iter().chain(of_stages).for_each(|warning| console.warn(warning));
    let steps = &plan.steps;
    let output = match args.output {
        Format::Lines => write::lines(steps),
        Format::Json => write::json(steps),
        Format::Sh => write::script(steps, |name| wanted.asks(name)),
    };
    let verdict = if steps.is_empty() { Verdict::Yes } else { Verdict::No };
    Ok(Outcome { output, verdict })
}
