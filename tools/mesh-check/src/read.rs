//! From the input to a mesh of small members.

use crate::bulk::{Bulk, MOST_GATEWAYS, Pool};
use crate::member::{Member, Mesh};
use crate::why::Question;
use mesh_firewall::Existing;
use meshcore::cluster::{self, Cluster};
use meshcore::input::{Input, Source};
use meshcore::{Error, Message, Result};
use meshstate::ClusterState;
use std::collections::HashMap;
use std::path::PathBuf;

/// Where clusters are read from.
#[derive(Debug, Clone, Copy)]
pub enum Feed<'a> {
    /// Files, or standard input.
    Input(&'a meshstate::Input),
    /// A text with objects of the cluster of this name.
    Text(&'a str, &'a str),
}

/// Reads all clusters, and what their clouds say of them.
pub fn read(
    feed: Feed<'_>,
    described: &[PathBuf],
    istio_namespace: Option<&str>,
    asked: Option<&Question>,
) -> Result<(Mesh, Vec<Message>)> {
    let described = descriptions(described)?;
    let mut pool = Pool::default();
    let mut bulks: HashMap<String, Bulk> = HashMap::new();
    let mut reduce = |state: &mut ClusterState| {
        if let Some(namespace) = istio_namespace.filter(|_| !is_told(state)) {
            namespace.clone_into(&mut state.istio_namespace);
        }
        bulks.insert(state.name.clone(), Bulk::take(state, &mut pool, asked));
    };
    let read = match feed {
        Feed::Input(input) if !described.clusters.is_empty() && !input.is_given() => {
            meshstate::Mesh::default()
        }
        Feed::Input(input) => input.read_reduced(&mut reduce)?,
        Feed::Text(cluster, text) => {
            let mut mesh = meshstate::Mesh::of_text(cluster, text)?;
            mesh.clusters.iter_mut().for_each(reduce);
            mesh
        }
    };
    let mut warnings = described.warnings;
    warnings.extend(read.warnings);
    let with_bulk = |state: ClusterState| {
        let bulk = bulks.remove(&state.name).unwrap_or_default();
        (state, bulk)
    };
    let mut members: Vec<(ClusterState, Bulk)> = read.clusters.into_iter().map(with_bulk).collect();
    for record in described.clusters {
        warnings.extend(attach(&mut members, record));
    }
    let records = members.iter().filter_map(|(state, _)| state.record.as_ref());
    warnings.extend(records.filter_map(Cluster::foreign_kubeconfig));
    warnings.extend(members.iter().filter_map(|(state, bulk)| left_out(state, bulk)));
    let members = members.into_iter().map(|(state, bulk)| Member::new(state, bulk)).collect();
    Ok((Mesh::new(members), warnings))
}

/// What is not looked at of a cluster that has too much of it.
fn left_out(state: &ClusterState, bulk: &Bulk) -> Option<Message> {
    let text = format!(
        "the label topology.istio.io/network is on {} Services: {MOST_GATEWAYS} of them were looked at",
        MOST_GATEWAYS + bulk.gateways_left_out
    );
    let message = Message::new(text).at(format!("cluster {}", state.name));
    (bulk.gateways_left_out > 0).then_some(message)
}

/// Whether the input says where Istio is.
fn is_told(state: &ClusterState) -> bool {
    state.header.as_ref().is_some_and(|header| header.istio_namespace.is_some())
        || !state.control_planes.is_empty()
}

struct Described {
    clusters: Vec<Cluster>,
    warnings: Vec<Message>,
}

fn descriptions(files: &[PathBuf]) -> Result<Described> {
    if files.is_empty() {
        return Ok(Described { clusters: Vec::new(), warnings: Vec::new() });
    }
    let read = cluster::read(&Input { files: files.to_vec() }.read()?)?;
    let merged = cluster::merge(read.clusters);
    let warnings = read.warnings.into_iter().chain(merged.contradictions).collect();
    Ok(Described { clusters: merged.clusters, warnings })
}

/// Gives a description to its cluster, or makes one of it.
fn attach(members: &mut Vec<(ClusterState, Bulk)>, record: Cluster) -> Vec<Message> {
    let contexts = [record.context.clone(), gke_context(&record)];
    let is_its = |state: &ClusterState| {
        let header = state.header.as_ref().and_then(|header| header.context.clone());
        let recorded = state.record.as_ref().and_then(|known| known.context.clone());
        let by_context = [header, recorded]
            .iter()
            .flatten()
            .any(|context| contexts.iter().flatten().any(|own| own == context));
        by_context
            || contexts.iter().flatten().any(|own| *own == state.name)
            || state.name == record.name
            || state.name == record.label()
    };
    let Some((state, _)) = members.iter_mut().find(|(state, _)| is_its(state)) else {
        let name = record.name.clone();
        let state = ClusterState { name, record: Some(record), ..ClusterState::default() };
        members.push((state, Bulk::default()));
        return Vec::new();
    };
    let Some(known) = state.record.take() else {
        state.record = Some(record);
        return Vec::new();
    };
    // It is one cluster, whatever each calls it.
    let record = Cluster {
        name: known.name.clone(),
        project: record.project.or_else(|| known.project.clone()),
        location: record.location.or_else(|| known.location.clone()),
        ..record
    };
    let known =
        Cluster { project: record.project.clone(), location: record.location.clone(), ..known };
    let merged = cluster::merge(vec![known, record]);
    state.record = merged.clusters.into_iter().next();
    merged.contradictions
}

/// What gcloud calls the context of a cluster.
fn gke_context(record: &Cluster) -> Option<String> {
    let (project, location) = (record.project.as_deref()?, record.location.as_deref()?);
    Some(format!("gke_{project}_{location}_{}", record.name))
}

/// The rules of VPC networks; none where no file is given.
pub fn firewall_rules(files: &[PathBuf]) -> Result<Option<Vec<Existing>>> {
    if files.is_empty() {
        return Ok(None);
    }
    let sources = Input { files: files.to_vec() }.read()?;
    let mut rules = Vec::new();
    // A network without any rule lets nobody in.
    for source in sources.iter().filter(|source: &&Source| source.text.trim() != "[]") {
        for document in source.documents()? {
            rules.push(document.decode::<Existing>().map_err(|error: Error| {
                error.hint("gcloud compute firewall-rules list --format=json writes them")
            })?);
        }
    }
    Ok(Some(rules))
}
