//! Fills in who each cluster is in the mesh, and tells where two would be one.
//!
//! What bounds it: its start, for a few clusters: of 640,000 instructions 210,000 load the program
//! and 160,000 describe and read its flags. 511 clusters (9 MB of gcloud's JSON) take 9 a byte,
//! which `meshcore::cluster` accounts for.

mod identity;

pub use identity::{Knowledge, Scheme, dns_label, is_on_shared_vpc, label_command};

use clap::Parser;
use meshcore::cluster::{self, Cluster, Merged, RecordFormat};
use meshcore::finding::{self, Finding, FindingFormat, Severity};
use meshcore::input::{Document, Input};
use meshcore::{Console, DnsLabel, Error, Message, Outcome, Result, Verdict};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

const EXAMPLES: &str = "\
Examples:
  gcloud container clusters list --format=json | mesh-id --project-number 123456789
  mesh-clusters --contexts cluster1,cluster2 | mesh-id -o table";

/// Fill in who each cluster is in the mesh: its ID, the mesh's, its network
///
/// Reads clusters as mesh-clusters does, and `gcloud projects describe --format=json` for the
/// projects' numbers. What a record has already is kept. Two clusters with one ID, or an ID that
/// cannot be a remote Secret's key, are findings: they are written instead of the records, and
/// the exit status is 1. With --labels they are messages: standard output has commands or nothing.
#[derive(Debug, Parser)]
#[command(name = "mesh-id", version, before_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// How clusters without an ID get one: as asmcli installs them (auto), by their name, or by
    /// the UID of namespace kube-system
    #[arg(long, value_enum, default_value = "auto")]
    scheme: Scheme,
    /// Host project of the fleet: clusters off Google are named cn-FLEET-global-NAME
    #[arg(long, value_name = "PROJECT")]
    fleet: Option<String>,
    /// Number of the fleet's project: the mesh is proj-NUMBER
    #[arg(long, value_name = "NUMBER")]
    project_number: Option<u64>,
    /// Network of clusters that have none [default on GKE: PROJECT-VPC]
    #[arg(long, value_name = "NAME")]
    network: Option<String>,
    /// Write instead the gcloud commands that label the clusters with the mesh's ID, for those
    /// that lack the label
    #[arg(long, conflicts_with = "output")]
    labels: bool,
    /// Form of the records: one JSON object per line, a JSON array, a YAML stream, or a table;
    /// findings are text in the table's place
    #[arg(short, long, value_enum, default_value = "jsonl")]
    output: RecordFormat,
}

/// Fills in the records and writes them, or the findings, or the label commands.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    let mut projects = BTreeMap::new();
    let described = cluster::read_with(&args.input.read()?, |document| {
        let project = read_project(document)?;
        let known = project.is_some();
        projects.extend(project);
        Ok(known)
    })?;
    let Merged { mut clusters, contradictions } = cluster::merge(described.clusters);
    for contradiction in &contradictions {
        console.warn(contradiction);
    }
    if clusters.is_empty() {
        return Err(Error::data("the input describes no cluster"));
    }
    let knowledge = Knowledge {
        scheme: args.scheme,
        fleet: args.fleet,
        network: args.network,
        project_number: args.project_number,
        projects,
    };
    for cluster in &mut clusters {
        let id = knowledge.cluster_id(cluster);
        cluster.id =
            Some(id.map_err(|text| Error::data(format!("cluster {} {text}", cluster.label())))?);
        if let Some(warning) = long_id(cluster) {
            console.warn(&warning);
        }
        cluster.mesh_id = knowledge.mesh_id(cluster);
        let chosen = cluster.network.is_some() || knowledge.network.is_some();
        cluster.network = knowledge.network(cluster);
        if !chosen && is_on_shared_vpc(cluster) {
            console.warn(&shared_vpc(cluster));
        }
    }
    let found = findings(&clusters);
    if args.labels && !found.is_empty() {
        for finding in &found {
            console.error(&Message::new(&finding.message).hint(&finding.fix));
        }
        return Ok(Outcome { output: String::new(), verdict: Verdict::No });
    }
    if !found.is_empty() {
        let format = match args.output {
            RecordFormat::Table => FindingFormat::Lines,
            _ => FindingFormat::Json,
        };
        return Ok(finding::outcome(&found, format));
    }
    if args.labels {
        return label_commands(&clusters);
    }
    Ok(Outcome::done(cluster::write(&clusters, args.output)))
}

/// `gcloud projects describe|list --format=json`.
fn read_project(document: &Document<'_>) -> Result<Option<(String, u64)>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Project {
        project_id: Option<String>,
        project_number: Option<String>,
    }
    let Project { project_id, project_number } = document.decode()?;
    let Some((id, number)) = project_id.zip(project_number) else { return Ok(None) };
    let number = number
        .parse()
        .map_err(|_| Error::data("is no number").at(document.field("projectNumber")))?;
    Ok(Some((id, number)))
}

/// istiod takes an ID of any length that a Secret's key may have; the tools that make the Secret
/// do not.
fn long_id(cluster: &Cluster) -> Option<Message> {
    let id = cluster.id.as_deref().filter(|id| id.len() > 63)?;
    let text = format!(
        "its ID has {} characters, and istioctl's remote secrets end at 63: {id}",
        id.len()
    );
    Some(Message::new(text).at(format!("cluster {}", cluster.label())).hint(
        "mesh-remote-secret makes them for up to 233; or install it with a shorter clusterName",
    ))
}

fn shared_vpc(cluster: &Cluster) -> Message {
    let network = cluster.network.as_deref().unwrap_or_default();
    let text = format!(
        "is on a shared VPC: as network {network} it seems unreachable to clusters of other \
         service projects, which can reach its pods"
    );
    Message::new(text)
        .at(format!("cluster {}", cluster.label()))
        .hint("name one network for all of them with --network, and install with it")
}

fn findings(clusters: &[Cluster]) -> Vec<Finding> {
    let mut by_id: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for cluster in clusters {
        by_id.entry(cluster.id.as_deref().unwrap_or_default()).or_default().push(cluster.label());
    }
    let mut found = Vec::new();
    for (id, labels) in by_id {
        if labels.len() > 1 {
            found.push(Finding {
                code: "MESH0201",
                severity: Severity::Error,
                object: labels[0].clone(),
                message: format!("clusters {} have one ID: {id}", labels.join(", ")),
                evidence: json!({"id": id, "clusters": labels}),
                fix: "install each with a clusterName of its own".to_owned(),
            });
        }
        if !meshcore::is_secret_key(id) {
            found.push(Finding {
                code: "MESH0202",
                severity: Severity::Error,
                object: labels[0].clone(),
                message: format!(
                    "cluster {}: its ID {id} cannot be the key of a Secret",
                    labels[0]
                ),
                evidence: json!({"id": id}),
                fix: "install it with a clusterName of letters, digits, '-', '_' and '.'"
                    .to_owned(),
            });
        }
    }
    found
}

fn label_commands(clusters: &[Cluster]) -> Result<Outcome> {
    let mut output = String::new();
    for cluster in clusters {
        let mesh_id = cluster.mesh_id.as_deref().ok_or_else(|| {
            Error::data("its mesh's ID is not known")
                .at(format!("cluster {}", cluster.label()))
                .hint("give --project-number, or feed in gcloud projects describe --format=json")
        })?;
        if let Some(line) = label_command(cluster, mesh_id) {
            // gcloud would take it for a flag.
            DnsLabel::parse(&cluster.name).map_err(|reason| {
                Error::data(format!("the name {:?} of a GKE cluster {reason}", cluster.name))
            })?;
            output += &(line + "\n");
        }
    }
    Ok(Outcome::done(output))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever clusters are called: one ID stands for one of them, or it is told.
        #[test]
        fn naming_is_injective_or_a_finding(
            names in prop::collection::btree_set("[aA/:._-]{1,4}|[a-c]{60,70}", 1..6)
        ) {
            let cluster = |name: &String| Cluster {
                id: Some(dns_label(name)), name: name.clone(), ..Cluster::default()
            };
            let clusters: Vec<Cluster> = names.iter().map(cluster).collect();
            let ids: std::collections::BTreeSet<_> = clusters.iter().map(|c| &c.id).collect();
            let collide = ids.len() < clusters.len();
            let told = findings(&clusters).iter().any(|finding| finding.code == "MESH0201");
            prop_assert_eq!(collide, told);
        }
    }
}
