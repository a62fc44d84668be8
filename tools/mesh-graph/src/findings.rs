//! Findings of mesh-check and the other tools, put to the clusters and networks that they are
//! about.

use crate::{Cluster, Mark, Picture};
use meshcore::finding::Severity;
use meshcore::input::{Source, refuse_terminal};
use meshcore::{Error, Result};
use serde::Deserialize;
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;

/// A finding as meshcore writes it, as far as it is drawn.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Finding {
    code: String,
    severity: Level,
    object: String,
    message: String,
    #[serde(default)]
    evidence: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Warning,
    Error,
}

/// Reads the findings of a file, or of standard input (`-`). None at all is what a healthy mesh
/// gives.
pub fn read(file: &Path) -> Result<Vec<Finding>> {
    let name = if is_stdin(file) { "stdin".to_owned() } else { file.display().to_string() };
    let bytes = if is_stdin(file) {
        refuse_terminal()?;
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut bytes);
        read.map_err(|error| Error::data(error.to_string()).at(&name))?;
        bytes
    } else {
        meshcore::file::read(file)?
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Vec::new());
    }
    parse(&Source::new(name, bytes)?)
}

/// Whether this is `-`.
#[must_use]
pub fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// The findings of a text: JSON lines, an array.
pub fn parse(source: &Source) -> Result<Vec<Finding>> {
    let documents = source.documents()?;
    let decode = |document: &meshcore::input::Document<'_>| {
        document.decode().map_err(|error| {
            error.hint("mesh-check -o json writes findings; so do other tools with -o json")
        })
    };
    documents.iter().map(decode).collect()
}

/// Marks a picture.
pub fn mark(picture: &mut Picture, findings: &[Finding]) {
    let called = Called::of(picture);
    let subjects: Vec<_> = findings.iter().map(|finding| called.subjects(finding)).collect();
    for (finding, (clusters, networks)) in findings.iter().zip(subjects) {
        let mark = Mark {
            severity: Reverse(match finding.severity {
                Level::Warning => Severity::Warning,
                Level::Error => Severity::Error,
            }),
            code: finding.code.clone(),
            message: finding.message.clone(),
        };
        picture.mark(&mark, &clusters, &networks);
    }
}

/// Clusters of one name that a finding is put to; of more it is about none in particular.
const MOST_CALLED: usize = 100;

/// What clusters and networks of a picture are called, with their numbers.
struct Called<'a> {
    /// By name, by ID, by context.
    clusters: [HashMap<&'a str, Vec<usize>>; 3],
    networks: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Called<'a> {
    fn of(picture: &'a Picture) -> Self {
        let clusters =
            |name: fn(&Cluster) -> Option<&str>| numbered(picture.clusters().iter().map(name));
        Self {
            clusters: [
                clusters(|cluster| Some(&cluster.name)),
                clusters(|cluster| cluster.id.as_deref()),
                clusters(|cluster| cluster.context.as_deref()),
            ],
            networks: numbered(picture.networks().iter().map(|network| network.name.as_deref())),
        }
    }

    /// The clusters and networks that a finding is about: those that its object names, or else its
    /// evidence.
    fn subjects(&self, finding: &Finding) -> (Vec<usize>, Vec<usize>) {
        // CLUSTER, CLUSTER: KIND NAMESPACE/NAME, CLUSTER/NAMESPACE/NAME; the same after "cluster ".
        let object = finding.object.as_str();
        let whole = self.clusters(object);
        if !whole.is_empty() {
            return (whole, Vec::new());
        }
        let name = object.split_once(": ").map_or(object, |(name, _)| name);
        for (kind, is_network) in [("network ", true), ("cluster ", false), ("context ", false)] {
            let Some(name) = name.strip_prefix(kind) else { continue };
            let found = if is_network {
                (Vec::new(), self.networks(name))
            } else {
                (self.clusters(name), Vec::new())
            };
            if found != (Vec::new(), Vec::new()) {
                return found;
            }
        }
        let begins = [name, name.split('/').next().unwrap_or_default()];
        if let Some(found) =
            begins.map(|name| self.clusters(name)).into_iter().find(|found| !found.is_empty())
        {
            return (found, Vec::new());
        }
        let networks = self.networks(name);
        if !networks.is_empty() {
            return (Vec::new(), networks);
        }
        // Of a remote Secret the context that it lies in comes first, then the cluster it is for.
        for key in ["context", "clusters", "cluster"] {
            let named = match &finding.evidence[key] {
                Value::String(name) => vec![name.as_str()],
                Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
                _ => Vec::new(),
            };
            let mut found: Vec<usize> =
                named.into_iter().flat_map(|name| self.clusters(name)).collect();
            found.sort_unstable();
            found.dedup();
            if !found.is_empty() {
                return (found, Vec::new());
            }
        }
        (Vec::new(), Vec::new())
    }

    /// The clusters with this name; or else ID, or else context.
    fn clusters(&self, name: &str) -> Vec<usize> {
        few(self.clusters.iter().find_map(|named| named.get(name)))
    }

    fn networks(&self, name: &str) -> Vec<usize> {
        few(self.networks.get(name))
    }
}

fn few(found: Option<&Vec<usize>>) -> Vec<usize> {
    found.filter(|found| found.len() <= MOST_CALLED).cloned().unwrap_or_default()
}

fn numbered<'a>(names: impl Iterator<Item = Option<&'a str>>) -> HashMap<&'a str, Vec<usize>> {
    let mut numbers: HashMap<&str, Vec<usize>> = HashMap::new();
    for (number, name) in names.enumerate() {
        if let Some(name) = name {
            numbers.entry(name).or_default().push(number);
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::sample;
    use serde_json::json;

    fn finding(object: &str, evidence: Value) -> Finding {
        Finding {
            code: "MESH0001".to_owned(),
            severity: Level::Error,
            object: object.to_owned(),
            message: "is broken".to_owned(),
            evidence,
        }
    }

    #[test]
    fn findings_are_put_to_what_they_are_about() {
        let picture = sample();
        for (object, evidence, clusters, networks) in [
            ("asm-a", json!({}), vec![0], vec![]),
            ("cn-my-proj-us-west2-a-asm-b", json!({}), vec![1], vec![]),
            ("asm-b: secret istio-system/istio-remote-secret-a", json!({}), vec![1], vec![]),
            ("cluster asm-b", json!({}), vec![1], vec![]),
            ("asm-c/istio-system/istiod", json!({}), vec![2], vec![]),
            ("network2", json!({}), vec![], vec![1]),
            ("network network1", json!({}), vec![], vec![0]),
            ("network asm-a", json!({}), vec![], vec![]),
            ("istio-system/s", json!({"context": "asm-b", "cluster": "asm-a"}), vec![1], vec![]),
            ("istio-system/s", json!({"cluster": "asm-a"}), vec![0], vec![]),
            ("mesh", json!({"clusters": ["asm-c", "asm-a", "x"]}), vec![0, 2], vec![]),
            ("asm", json!([1]), vec![], vec![]),
            ("", json!(null), vec![], vec![]),
        ] {
            assert_eq!(
                Called::of(&picture).subjects(&finding(object, evidence)),
                (clusters, networks),
                "{object}"
            );
        }
    }

    #[test]
    fn what_the_tools_write_is_read() {
        let parse = |text: &str| parse(&Source::new("f".to_owned(), text.as_bytes().to_vec())?);
        let line = json!({
            "code": "MESH0001", "severity": "error", "object": "a", "message": "is broken",
            "evidence": {}, "fix": "mend it",
        });
        let found = parse(&format!("{line}\n{line}\n")).unwrap();
        assert_eq!(found, [finding("a", json!({})), finding("a", json!({}))]);
        for (text, place) in [
            ("{\"kind\": \"List\", \"items\": [{\"kind\": \"Pod\"}]}", "f: document 1: .items[0]"),
            ("{\"code\": \"MESH0001\", \"severity\": \"fatal\"}", "f: document 1: .severity"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.message().text().starts_with(place), "{error:?}");
            assert!(error.message().hints()[0].contains("mesh-check"), "{error:?}");
        }
    }
}
