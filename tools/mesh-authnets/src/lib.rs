//! From the clusters of a mesh to the authorized networks of each one's API server.
//!
//! What bounds it: its start. Of the 720,000 instructions of a call for the two clusters of the
//! tests 210,000 load the program and 160,000 describe and read its flags. What bounds the reading
//! of many clusters is said at `meshcore::cluster`.

mod block;
mod check;
mod mesh;
mod peers;
mod plan;
mod update;

pub use block::Block;
pub use check::findings;
pub use mesh::{ApiServer, CallerRange, ClusterPath, Member, Reach};
pub use peers::{Call, Lacking, Peers};
pub use plan::{Exceeded, Options, Plan};
pub use update::{Request, global_access_command, list_command};

use clap::{Parser, ValueEnum};
use meshcore::cidr;
use meshcore::cluster::{self, RangeKind};
use meshcore::finding::{self, Finding, FindingFormat};
use meshcore::input::Input;
use meshcore::{Console, Error, Message, Outcome, Result, json_lines};

const EXAMPLES: &str = "\
Examples:
  gcloud container clusters list --format=json | mesh-authnets --enable
  gcloud container clusters list --format=json | mesh-authnets --enable --cluster asm-a -o json";

/// Let the clusters of a mesh reach each other's API servers on GKE
///
/// Reads `gcloud container clusters list|describe --format=json` or cluster records of all
/// clusters of the mesh; `gcloud compute networks subnets list --format=json` beside it adds
/// the ranges that clusters only name. The istiod of each must reach the API servers of the others: whoever
/// restricts access by authorized networks must let in the others' pods, and a private endpoint
/// answers to other regions with global access only. Writes the updates of the clusters that
/// need one. Networks that are there stay, in their order; what they cover already is not added
/// again. IPv6 ranges count where the API server has an IPv6 address.
#[derive(Debug, Parser)]
#[command(name = "mesh-authnets", version, before_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Cluster to write updates for, as NAME or PROJECT/LOCATION/NAME; may be repeated; its
    /// peers remain all of the input [default: all]
    #[arg(long, value_name = "NAME")]
    cluster: Vec<String>,
    /// Let in the other clusters' nodes too (pods on the host's network call from them)
    #[arg(long)]
    with_nodes: bool,
    /// Restrict clusters that let in everybody, too
    #[arg(long, conflicts_with = "check")]
    enable: bool,
    /// How many networks a cluster may have [default: 50, or 100 without a public endpoint]
    #[arg(long, value_name = "N")]
    max: Option<usize>,
    #[command(flatten)]
    public: cidr::AllowPublic,
    /// Write instead what is missing, and exit 1 if anything is
    #[arg(long)]
    check: bool,
    /// Form [default: gcloud, with --check lines]: gcloud's command lines or the API's requests
    /// (json); with --check the findings as lines or json
    #[arg(short, long, value_enum)]
    output: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Gcloud,
    Json,
    Lines,
}

/// Reads the clusters and writes their updates, or what they lack.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    let findings_as = match (args.check, args.output) {
        (false, None | Some(Format::Gcloud | Format::Json)) => None,
        (true, None | Some(Format::Lines)) => Some(FindingFormat::Lines),
        (true, Some(Format::Json)) => Some(FindingFormat::Json),
        (false, Some(Format::Lines)) => {
            return Err(Error::usage("updates have no lines form: use -o gcloud or -o json"));
        }
        (true, Some(Format::Gcloud)) => {
            return Err(Error::usage("findings have no gcloud form: use -o lines or -o json")
                .hint("without --check the updates are written as gcloud's command lines"));
        }
    };
    let members = args.members(console)?;
    let peers = Peers::of(&members);
    let mut plans = Vec::new();
    let mut found: Vec<Finding> = Vec::new();
    for plan in args.plans(&members, &peers)? {
        let place = format!("cluster {}", plan.member.label);
        if !plan.server.is_restricted && !plan.restricts {
            console.note(
                &Message::new("lets in all addresses: its authorized networks are off")
                    .at(&place)
                    .hint("--enable writes a list for it and puts it into force"),
            );
        }
        match (&plan.wide, plan.exceeded()) {
            (Some(wide), _) => return Err(wide.clone().at(place)),
            (None, Some(exceeded)) if findings_as.is_none() => {
                return Err(Error::data(exceeded.to_string())
                    .at(place)
                    .hint(check::TOO_MANY)
                    .hint("--max sets another limit"));
            }
            _ if findings_as.is_some() => found.extend(findings(&plan)),
            _ => plans.push(plan),
        }
    }
    if let Some(format) = findings_as {
        return Ok(finding::outcome(&found, format));
    }
    let as_json = args.output == Some(Format::Json);
    for warning in plans.iter().flat_map(|plan| warnings(plan, as_json)) {
        console.warn(&warning);
    }
    let output = if as_json {
        json_lines(plans.iter().filter_map(Request::new))
    } else {
        let commands = |plan| [list_command(plan), global_access_command(plan)];
        plans.iter().flat_map(commands).flatten().map(|line| line + "\n").collect()
    };
    if output.is_empty() {
        console.note(&Message::new("nothing to change"));
    }
    Ok(Outcome::done(output))
}

impl Args {
    fn members(&self, console: &Console) -> Result<Vec<Member>> {
        let read = cluster::read(&self.input.read()?)?;
        let merged = cluster::merge(read.clusters);
        for warning in read.warnings.iter().chain(&merged.contradictions) {
            console.warn(warning);
        }
        let kinds: &[RangeKind] =
            if self.with_nodes { &[RangeKind::Pod, RangeKind::Node] } else { &[RangeKind::Pod] };
        let members = merged
            .clusters
            .iter()
            .map(|cluster| Member::new(cluster, kinds))
            .collect::<Result<Vec<Member>>>()?;
        if let [alone] = members.as_slice() {
            return Err(Error::data(format!(
                "the input describes one cluster, {}: there is no other to let in",
                alone.label
            ))
            .hint("pass all clusters of the mesh; --cluster chooses whose updates are written"));
        }
        if members.iter().all(|member| member.server.is_none()) {
            return Err(Error::data("no cluster of the input is one of GKE with an IP endpoint")
                .hint("authorized networks are known of GKE's clusters only"));
        }
        if let Some(warning) = two_meshes(&members) {
            console.warn(&warning);
        }
        Ok(members)
    }

    /// A plan for each chosen cluster, made when it is asked for.
    fn plans<'a>(
        &self,
        members: &'a [Member],
        peers: &Peers<'a>,
    ) -> Result<impl Iterator<Item = Plan<'a>>> {
        let options =
            Options { enable: self.enable, max: self.max, meant: &self.public.allow_public };
        let on_gke: Vec<(&Member, &ApiServer)> =
            members.iter().filter_map(|m| Some((m, m.server.as_ref()?))).collect();
        let is = |member: &Member, name: &String| member.name == *name || member.label == *name;
        for name in &self.cluster {
            if !on_gke.iter().any(|(member, _)| is(member, name)) {
                let known: Vec<&str> = on_gke.iter().map(|(m, _)| m.label.as_str()).collect();
                return Err(Error::usage(format!(
                    "the input has no GKE cluster {name:?} with an IP endpoint"
                ))
                .hint(format!("it has: {}", meshcore::shell::names(known))));
            }
        }
        let chosen = move |member: &Member| {
            self.cluster.is_empty() || self.cluster.iter().any(|name| is(member, name))
        };
        Ok(on_gke
            .into_iter()
            .filter(move |(member, _)| chosen(member))
            .map(move |(member, server)| Plan::new(member, server, peers, options)))
    }
}

/// Clusters of two meshes in one input would be opened to each other.
fn two_meshes(members: &[Member]) -> Option<Message> {
    let mut named = members.iter().filter_map(|m| Some((m, m.mesh_id.as_ref()?)));
    let (first, mesh) = named.next()?;
    let (second, other) = named.find(|(_, id)| *id != mesh)?;
    Some(
        Message::new(format!(
            "clusters {} (mesh {mesh}) and {} (mesh {other}) are of two meshes and will let \
             each other in",
            first.label, second.label
        ))
        .hint("pass the clusters of one mesh only"),
    )
}

fn warnings(plan: &Plan<'_>, as_json: bool) -> Vec<Message> {
    let Some(list) = plan.list() else { return Vec::new() };
    let place = format!("cluster {}", plan.member.label);
    let mut warnings = Vec::new();
    if plan.restricts {
        warnings.push(
            Message::new(format!(
                "will let in only the networks of its list ({}) and Google's own",
                list.len()
            ))
            .at(&place)
            .hint("see to it that your own address is among them"),
        );
    }
    let names: Vec<&str> =
        plan.server.blocks.iter().filter_map(|block| block.display_name.as_deref()).collect();
    if !as_json && !names.is_empty() {
        warnings.push(
            Message::new(format!(
                "gcloud drops the display names of its networks: {}",
                names.join(", ")
            ))
            .at(place)
            .hint("-o json writes the API's requests, which keep them"),
        );
    }
    warnings
}
