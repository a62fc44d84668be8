//! Streams of captures, dumps and records, taken apart into clusters.

use crate::builder::Builder;
use crate::object::Pool;
use crate::{ClusterState, Header, Mesh, records};
use meshcore::cluster::Cluster;
use meshcore::input::{Document, Source};
use meshcore::{Error, Result};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::io::{self, BufRead};

/// What was read so far.
#[derive(Default)]
pub(crate) struct Reader<'r> {
    clusters: Vec<Slot>,
    /// Their places, by name.
    places: HashMap<String, usize>,
    records: Vec<Cluster>,
    pool: Pool,
    /// Takes what is wanted out of a cluster, as soon as all of it was read.
    pub reduce: Option<&'r mut dyn FnMut(&mut ClusterState)>,
}

/// A cluster.
enum Slot {
    /// More may come.
    Open(Box<Builder>),
    /// Nothing more may come: it was reduced.
    Done(Box<ClusterState>),
}

impl Slot {
    fn state(&self) -> &ClusterState {
        match self {
            Self::Open(builder) => &builder.state,
            Self::Done(state) => state,
        }
    }
}

/// One input, and what its plain objects are of.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// `stdin` or the file's path.
    pub name: &'a str,
    /// The cluster of objects that do not say.
    pub cluster: &'a str,
    /// Whether the user said so.
    pub is_named: bool,
}

impl Reader<'_> {
    /// Reads a stream to its end: line by line, as long as lines are whole objects, and what
    /// follows at once.
    pub fn read(&mut self, origin: Origin<'_>, mut input: impl BufRead) -> Result<()> {
        let failed = |error: io::Error| Error::data(error.to_string()).at(origin.name);
        let mut documents = 0;
        loop {
            let mut line = Vec::new();
            if input.read_until(b'\n', &mut line).map_err(failed)? == 0 {
                break;
            }
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            if may_be_whole(&line) {
                let whole = Source::new(origin.name.to_owned(), line)?.after(documents);
                match whole.documents() {
                    Ok(found) => {
                        self.add_all(origin, &found)?;
                        documents += 1;
                        continue;
                    }
                    Err(error) if is_whole(&whole.text) => return Err(error),
                    Err(_) => line = whole.text.into_bytes(),
                }
            }
            input.read_to_end(&mut line).map_err(failed)?;
            let rest = Source::new(origin.name.to_owned(), line)?.after(documents);
            return self.add_all(origin, &rest.documents()?);
        }
        // An empty stream is the same error everywhere.
        if documents == 0 {
            Source::new(origin.name.to_owned(), Vec::new())?;
        }
        Ok(())
    }

    fn add_all(&mut self, origin: Origin<'_>, documents: &[Document<'_>]) -> Result<()> {
        let mut begun = Vec::new();
        // A header is for what follows it in its own document.
        let mut capture: Option<(&str, usize)> = None;
        for document in documents {
            let meta = document.type_meta();
            let Some(kind) = &meta.kind else { return Err(unknown(document, None)) };
            match (meta.group(), &**kind) {
                ("meshutils", "Cluster") => self.records.push(document.decode()?),
                ("meshutils", "Capture") => {
                    let index = self.begin(origin, document)?;
                    begun.push(index);
                    capture = Some((document.whole(), index));
                }
                ("", "Config") => return Err(unknown(document, Some("a kubeconfig"))),
                (group, kind) => {
                    let of_capture = capture.filter(|&(whole, _)| whole == document.whole());
                    let of_capture = of_capture.map(|(_, index)| index);
                    let index = of_capture.unwrap_or_else(|| self.index(origin.cluster));
                    match &mut self.clusters[index] {
                        Slot::Open(cluster) => {
                            cluster.add(group, kind, document, &mut self.pool)?;
                        }
                        Slot::Done(state) => return Err(too_late(document, &state.name)),
                    }
                }
            }
        }
        if self.reduce.is_some() {
            for index in begun {
                self.complete(index);
            }
        }
        Ok(())
    }

    /// Begins the cluster of a capture.
    fn begin(&mut self, origin: Origin<'_>, document: &Document<'_>) -> Result<usize> {
        let header: Header = document.decode()?;
        let name = header.metadata.name.clone();
        if origin.is_named && name != origin.cluster {
            let text = format!("is of cluster {name}, not of {}", origin.cluster);
            return Err(Error::data(text)
                .at(document.place())
                .hint("a capture says itself what it is of: leave NAME= out"));
        }
        let index = self.index(&name);
        if self.clusters[index].state().header.is_some() {
            let text = format!("is the second capture of cluster {name}");
            return Err(Error::data(text)
                .at(document.place())
                .hint("give one of each cluster; two clusters need two names"));
        }
        if let Slot::Open(cluster) = &mut self.clusters[index] {
            cluster.state.header = Some(header);
        }
        Ok(index)
    }

    fn index(&mut self, name: &str) -> usize {
        if let Some(&known) = self.places.get(name) {
            return known;
        }
        self.clusters.push(Slot::Open(Box::new(Builder::new(name))));
        self.places.insert(name.to_owned(), self.clusters.len() - 1);
        self.clusters.len() - 1
    }

    /// Finishes a cluster of which all was read.
    fn complete(&mut self, index: usize) {
        let slot = &mut self.clusters[index];
        if let Slot::Open(builder) = slot {
            let name = builder.state.name.clone();
            let builder = std::mem::replace(&mut **builder, Builder::new(&name));
            let mut state = builder.finish();
            if let Some(reduce) = &mut self.reduce {
                reduce(&mut state);
            }
            *slot = Slot::Done(Box::new(state));
        }
    }

    /// The mesh of all that was read.
    pub fn finish(mut self) -> Result<Mesh> {
        for index in 0..self.clusters.len() {
            self.complete(index);
        }
        let states = self.clusters.into_iter().filter_map(|slot| match slot {
            Slot::Open(_) => None,
            Slot::Done(state) => Some(*state),
        });
        let clusters: Vec<ClusterState> = states.filter(is_worth_it).collect();
        let mesh = records::attach(clusters, self.records)?;
        if mesh.clusters.is_empty() {
            return Err(Error::data("the input tells of no cluster").hint(
                "mesh-capture writes what is to be known of clusters; kubectl get … -A -o json \
                 dumps parts of it",
            ));
        }
        Ok(mesh)
    }
}

/// Whether a dump had anything to say.
fn is_worth_it(cluster: &ClusterState) -> bool {
    cluster.header.is_some() || !cluster.seen.is_empty()
}

/// Whether a line looks like an object from its beginning to its end.
fn may_be_whole(line: &[u8]) -> bool {
    line.first() == Some(&b'{') && line.trim_ascii_end().ends_with(b"}")
}

/// Whether a line is one JSON value.
fn is_whole(line: &str) -> bool {
    serde_json::from_str::<&RawValue>(line).is_ok()
}

fn too_late(document: &Document<'_>, name: &str) -> Error {
    Error::data(format!("is of cluster {name}, whose capture was read already"))
        .at(document.place())
        .hint("name what else there is of a cluster before its capture")
}

fn unknown(document: &Document<'_>, what: Option<&str>) -> Error {
    let what = what.map_or_else(String::new, |what| format!(" but {what}"));
    Error::data(format!("is neither an object of Kubernetes nor a cluster record{what}"))
        .at(document.place())
        .hint("mesh-clusters makes records of kubeconfigs and of what gcloud, aws and az print")
}
