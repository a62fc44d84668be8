//! Reads what clouds and kubeconfigs say of clusters and writes one record per cluster.

mod kubeconfig;

use clap::{Parser, ValueEnum};
use meshcore::cluster::{self, Cluster, EndpointKind, Merged, RangeKind};
use meshcore::input::Input;
use meshcore::{Console, Error, Outcome, Result, json_lines, table, yaml};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  gcloud container clusters list --format=json | mesh-clusters
  mesh-clusters --contexts cluster1,cluster2 -o table";

/// Describe clusters as records that the other tools read
///
/// Reads `gcloud container clusters list|describe --format=json`, kubeconfigs and cluster
/// records, in any mixture, from standard input or -f. Contexts come from --kubeconfig or
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
    output: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Jsonl,
    Json,
    Yaml,
    Table,
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
    Ok(Outcome::done(write(&clusters, args.output)))
}

fn write(clusters: &[Cluster], format: Format) -> String {
    let value = |cluster: &Cluster| serde_json::to_value(cluster).expect("a record is JSON");
    match format {
        Format::Jsonl => json_lines(clusters),
        Format::Json => serde_json::to_string_pretty(clusters).expect("records are JSON") + "\n",
        Format::Yaml => {
            let values: Vec<_> = clusters.iter().map(value).collect();
            yaml::stream(&values)
        }
        Format::Table => table::text(
            &["NAME", "PROVIDER", "PROJECT", "LOCATION", "CONTEXT", "PODS", "API SERVER"],
            clusters.iter().map(row),
        ),
    }
}

fn row(cluster: &Cluster) -> Vec<String> {
    let pods = cluster.ranges.iter().filter(|range| range.kind == RangeKind::Pod);
    let endpoint = cluster.endpoints.iter().min_by_key(|e| e.kind != EndpointKind::Public);
    vec![
        cluster.name.clone(),
        cluster.provider.map_or(String::new(), |p| p.as_str().to_owned()),
        cluster.project.clone().unwrap_or_default(),
        cluster.location.clone().unwrap_or_default(),
        cluster.context.clone().unwrap_or_default(),
        pods.map(|range| range.cidr.as_str()).collect::<Vec<_>>().join(","),
        endpoint.map_or(String::new(), |e| e.url.clone()),
    ]
}
