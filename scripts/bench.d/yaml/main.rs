//! The same remote Secrets, written and read by our own YAML and by the crate serde_yaml:
//! `bench-yaml write|read meshcore|serde_yaml [FILE]`. Writes 2,000 of them; of those that it
//! reads it writes how many bytes their kubeconfigs hold.

use meshcore::input::Source;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

#[derive(Deserialize)]
struct Secret {
    metadata: Metadata,
    #[serde(rename = "stringData")]
    data: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
}

impl Secret {
    fn bytes(&self) -> usize {
        self.metadata.name.len() + self.data.values().map(String::len).sum::<usize>()
    }
}

/// 3 KB, the kubeconfig as a text of many lines.
fn secret(number: usize) -> Value {
    let name = format!("cluster-{number}");
    let (authority, token) = ("Q".repeat(1500), "t".repeat(1000));
    let kubeconfig = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    certificate-authority-data: {authority}\n    \
         server: https://203.0.113.7\n  name: {name}\ncontexts:\n- context:\n    cluster: {name}\n    user: {name}\n  \
         name: {name}\ncurrent-context: {name}\nusers:\n- name: {name}\n  user:\n    token: {token}\n"
    );
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "annotations": {"networking.istio.io/cluster": name},
            "labels": {"istio/multiCluster": "true"},
            "name": format!("istio-remote-secret-{name}"),
            "namespace": "istio-system",
        },
        "stringData": {name: kubeconfig},
    })
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut out = std::io::stdout().lock();
    let written = match words[..] {
        ["write", "meshcore"] => {
            let secrets: Vec<Value> = (0..2000).map(secret).collect();
            out.write_all(meshcore::yaml::stream(&secrets).as_bytes())
        }
        ["write", "serde_yaml"] => (0..2000).try_for_each(|number| {
            let text = serde_yaml::to_string(&secret(number)).expect("it can be written");
            out.write_all(b"---\n")?;
            out.write_all(text.as_bytes())
        }),
        ["read", by, file] => {
            let mut bytes = Vec::new();
            let opened =
                std::fs::File::open(file).and_then(|mut file| file.read_to_end(&mut bytes));
            opened.expect("the file can be read");
            let all: usize = if by == "meshcore" {
                let source = Source::new(file.to_owned(), bytes).expect("text");
                let documents = source.documents().expect("documents");
                documents.iter().map(|one| one.decode::<Secret>().expect("a Secret").bytes()).sum()
            } else {
                let read = |one| Secret::deserialize(one).expect("a Secret").bytes();
                serde_yaml::Deserializer::from_slice(&bytes).map(read).sum()
            };
            writeln!(out, "{all}")
        }
        _ => panic!("usage: bench-yaml write|read meshcore|serde_yaml [FILE]"),
    };
    written.expect("it is read");
}
