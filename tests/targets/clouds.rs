//! What gcloud, aws, az and kubectl print of clusters and subnets; records are read back.

use meshcore::cluster::{self, RecordFormat};

pub fn run(bytes: &[u8]) {
    let Some(source) = super::source(bytes) else { return };
    let Ok(read) = cluster::read(&[source]) else { return };
    let merged = cluster::merge(read.clusters).clusters;
    let _ = cluster::write(&merged, RecordFormat::Table);
    for format in [RecordFormat::Jsonl, RecordFormat::Yaml] {
        let text = cluster::write(&merged, format);
        if merged.is_empty() {
            continue;
        }
        let again = super::source(text.as_bytes()).expect("records are text");
        let again = cluster::read(&[again]).unwrap_or_else(|e| panic!("{e:?}: {text}"));
        assert_eq!(again.clusters, merged, "{text}");
    }
}
