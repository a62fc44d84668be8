//! Writes captures of a healthy mesh of so many clusters with so many services each, all of them
//! joined to all others: `large-mesh CLUSTERS SERVICES`.

#[path = "../tools/mesh-check/tests/mesh/mod.rs"]
mod mesh;

use mesh::{Place, capture, namespace, service};
use serde_json::{Value, json};
use std::io::{BufWriter, Write as _};

fn main() -> std::io::Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse::<usize>().ok());
    let (Some(clusters), Some(services)) = (numbers.next(), numbers.next()) else {
        return Err(std::io::Error::other("usage: large-mesh CLUSTERS SERVICES"));
    };
    let all = Place::of(clusters);
    let mut more: Vec<Value> = (0..20)
        .map(|team| namespace(&format!("team{team}"), json!({"istio-injection": "enabled"})))
        .collect();
    more.extend((0..services).flat_map(service));
    let mut out = BufWriter::new(std::io::stdout().lock());
    for place in &all {
        let mut capture = capture(place, &all);
        if let Some(items) = capture["items"].as_array_mut() {
            items.extend(more.iter().cloned());
        }
        writeln!(out, "{capture}")?;
    }
    out.flush()
}
