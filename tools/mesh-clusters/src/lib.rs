//! Reads what clouds and kubeconfigs say of clusters and writes one record per cluster.
//!
//! What bounds it: its start, for a few clusters: of 570,000 instructions 210,000 load the program
//! and 145,000 describe and read its flags. 511 clusters (9 MB of gcloud's JSON) take 8.6 a byte,
//! which `meshcore::cluster` accounts for.

mod kubeconfig;

use clap::Parser;
use meshcore::cluster::{self, Merged, RecordFormat};
use meshcore::input::Input;
use meshcore::{Console, Error, Outcome, Result};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  gcloud container clusters list --format=json | mesh-clusters
  mesh-clusters --contexts cluster1,cluster2 -o table";

/// Describe clusters as records that the other tools read
///
/// Reads, in any mixture, from standard input or -f: what gcloud, aws and az print of clusters and
/// subnets as JSON, `kubectl get nodes,servicecidrs,cm -A -o json` of a cluster without a cloud,
/// kubeconfigs, and cluster records. Contexts come from --kubeconfig or
/// --contexts, and standard input is then read only with `-f -`. A cluster that several of them
/// describe (a context `gke_PROJECT_LOCATION_NAME` is the GKE cluster of that name) becomes one
/// record. Credentials are not read.
#[derive(Debug, Parser)]
#[command(name = "mesh-clusters", version, before_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Kubeconfig whose contexts to describe [default: $KUBECONFIG, then ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Contexts to describe [default with --kubeconfig: all]
    #[arg(long, value_name = "CONTEXT,...", value_delimiter = ',')]
    contexts: Vec<String>,
    /// Form of the records: one JSON object per line, a JSON array, a YAML stream, or a table
    #[arg(short, long, value_enum, default_value = "jsonl")]
    output: RecordFormat,
}

/// Reads all sources and writes the merged records.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    let from_kubeconfig = args.kubeconfig.is_some() || !args.contexts.is_empty();
    let mut clusters = Vec::new();
    if args.input.is_given() || !from_kubeconfig {
        let read = cluster::read(&args.input.read()?)?;
        for warning in &read.warnings {
            console.warn(warning);
        }
        clusters = read.clusters;
    }
    if from_kubeconfig {
        clusters.extend(kubeconfig::records(args.kubeconfig.as_deref(), &args.contexts)?);
    }
    if clusters.is_empty() {
        return Err(Error::data("the sources describe no cluster"));
    }
    let Merged { clusters, contradictions } = cluster::merge(clusters);
    for contradiction in &contradictions {
        console.warn(contradiction);
    }
    Ok(Outcome::done(cluster::write(&clusters, args.output)))
}
