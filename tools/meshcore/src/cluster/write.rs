//! Records as text.

use super::{Cluster, EndpointKind, RangeKind};
use crate::{json_lines, json_pretty, table, yaml};

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum RecordFormat {
    /// JSON, one object per line.
    Jsonl,
    /// A JSON array.
    Json,
    /// A YAML stream.
    Yaml,
    /// A table for people.
    Table,
}

/// Writes records in their order.
///
/// # Panics
/// Never: every record is JSON.
#[must_use]
pub fn write(clusters: &[Cluster], format: RecordFormat) -> String {
    let value = |cluster: &Cluster| serde_json::to_value(cluster).expect("a record is JSON");
    match format {
        RecordFormat::Jsonl => json_lines(clusters),
        RecordFormat::Json => json_pretty(&clusters),
        RecordFormat::Yaml => {
            let values: Vec<_> = clusters.iter().map(value).collect();
            yaml::stream(&values)
        }
        RecordFormat::Table => table::text(
            &[
                "NAME",
                "ID",
                "MESH",
                "NETWORK",
                "PROVIDER",
                "PROJECT",
                "LOCATION",
                "CONTEXT",
                "PODS",
                "API SERVER",
            ],
            clusters.iter().map(row),
        ),
    }
}

fn row(cluster: &Cluster) -> Vec<String> {
    let pods = cluster.ranges.iter().filter(|range| range.kind == RangeKind::Pod);
    let endpoint = cluster.endpoints.iter().min_by_key(|e| e.kind != EndpointKind::Public);
    vec![
        cluster.name.clone(),
        cluster.id.clone().unwrap_or_default(),
        cluster.mesh_id.clone().unwrap_or_default(),
        cluster.network.clone().unwrap_or_default(),
        cluster.provider.map_or(String::new(), |p| p.as_str().to_owned()),
        cluster.project.clone().unwrap_or_default(),
        cluster.location.clone().unwrap_or_default(),
        cluster.context.clone().unwrap_or_default(),
        pods.map(|range| range.cidr.as_str()).collect::<Vec<_>>().join(","),
        endpoint.map_or(String::new(), |e| e.url.clone()),
    ]
}
