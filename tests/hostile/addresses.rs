//! Good documents with user, password and query around every text: programs read them as if these
//! were not there.

use super::programs::{ALL, FILE, Reader, SAMPLES};
use jiff::Timestamp;
use mesh_tests::{Ran, root, run};
use serde_json::{Value, json};
use std::process::Command;

const CANARY: &str = "f1nchcanary";

/// What they pass on to the letter: manifests, kubeconfigs, mesh.yaml of a machine; and replies,
/// which are mesh-probe's own.
const PASSED_ON: [&str; 7] = [
    "kubeconfig",
    "manifest",
    "namespace",
    "workload-group",
    "replies",
    "token-secret",
    "mesh-file",
];

/// Fields that tell documents apart, and names of contexts, which are used and no addresses.
const LEFT: [&str; 4] = ["apiVersion", "kind", "context", "kubeconfig"];

/// Puts credentials around the texts of a value.
fn plant(value: &mut Value, planted: &mut usize) {
    match value {
        Value::Object(fields) => {
            let is_secret = fields.get("kind").is_some_and(|kind| kind == "Secret");
            for (name, field) in fields {
                if !(LEFT.contains(&name.as_str()) || is_secret && name == "data") {
                    plant(field, planted);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| plant(item, planted)),
        Value::String(text) => {
            // JSON without blanks is one word, and hidden as one.
            if text.starts_with('{') {
                return;
            }
            if let Ok(mut inner @ Value::Object(_)) = serde_yaml::from_str(text) {
                plant(&mut inner, planted);
                *text = serde_yaml::to_string(&inner).expect("it is YAML");
            } else if !text.is_empty()
                && !text.contains('@')
                && !text.contains("-----BEGIN")
                && text.parse::<Timestamp>().is_err()
            {
                *planted += 1;
                *value = json!(match text.split_once("://") {
                    Some((scheme, rest)) => format!("{scheme}://u:{CANARY}@{rest}?t={CANARY}"),
                    None => format!("u:{CANARY}@{text}?t={CANARY}"),
                });
            }
        }
        _ => {}
    }
}

fn ran(reader: &Reader, input: &str) -> Ran {
    let samples = root().join("tests/hostile/samples");
    let args = reader.args.split_terminator(' ');
    let args = args.map(|arg| arg.replace(SAMPLES, samples.to_str().expect("it is UTF-8")));
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(&mesh_tests::programs()[reader.program]);
    run(command.env_clear().current_dir(dir.path()).args(args), input)
}

#[test]
fn credentials_in_addresses_are_as_if_they_were_not_there() {
    let samples = ALL.iter().filter(|sample| !PASSED_ON.contains(&sample.name));
    let (mut planted, mut runs) = (0, 0);
    for sample in samples {
        let values = serde_json::Deserializer::from_str(sample.text).into_iter();
        let values = values.map(|value| {
            let mut value: Value = value.expect("a sample is JSON");
            plant(&mut value, &mut planted);
            value.to_string() + "\n"
        });
        let dump: String = values.collect();
        // mesh-apply passes on what it reads, and refuses such names.
        let is_meant =
            |reader: &&Reader| !reader.args.contains(FILE) && reader.program != "mesh-apply";
        for reader in sample.readers.iter().filter(is_meant) {
            let (before, after) = (ran(reader, sample.text), ran(reader, &dump));
            let place = format!("{} {} < {}", reader.program, reader.args, sample.name);
            let shown = [&after.stdout, &after.stderr].map(|text| text.contains(CANARY));
            assert_eq!(shown, [false, false], "{place}: {}{}", after.stdout, after.stderr);
            assert_eq!((after.code, after.stdout), (before.code, before.stdout), "{place}");
            runs += 1;
        }
    }
    assert!(planted > 500 && runs > 50, "{planted}, {runs}");
}
