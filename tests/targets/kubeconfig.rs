//! Kubeconfigs: as a source of clusters, and as the credentials in a remote Secret.

use meshcore::cluster;
use meshcore::credentials::Kubeconfig;

pub fn run(bytes: &[u8]) {
    if let Ok(config) = Kubeconfig::load(bytes.to_vec()) {
        let _ = config.current();
    }
    let Some(source) = super::source(bytes) else { return };
    for document in source.documents().unwrap_or_default() {
        if let Ok(mut config) = document.decode::<cluster::Kubeconfig>() {
            if let Ok(again) = document.decode() {
                config.merge(again);
            }
            let _ = config.clusters(Some("file"));
        }
    }
}
