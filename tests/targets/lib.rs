//! What fuzzing tries. A target is a function of any bytes that panics when something is wrong:
//! `scripts/fuzz` looks for such bytes, and a test replays those in `tests/fuzz/corpus`.
#![allow(missing_docs)] // each module says what its one function tries
#![allow(clippy::missing_panics_doc)] // that is how a target reports

pub mod cidr;
pub mod clouds;
pub mod jwt;
pub mod kubeconfig;
pub mod pem;
pub mod replies;
pub mod stream;
pub mod workload_group;
pub mod yaml_writer;

use meshcore::input::Source;

/// A target.
pub type Target = fn(&[u8]);

/// Every target by its name; so are called its file, its program for libFuzzer and its corpus.
pub const ALL: [(&str, Target); 9] = [
    ("cidr", cidr::run),
    ("clouds", clouds::run),
    ("jwt", jwt::run),
    ("kubeconfig", kubeconfig::run),
    ("pem", pem::run),
    ("replies", replies::run),
    ("stream", stream::run),
    ("workload_group", workload_group::run),
    ("yaml_writer", yaml_writer::run),
];

/// Bytes as standard input; nothing where they are refused at once.
fn source(bytes: &[u8]) -> Option<Source> {
    Source::new("stdin".to_owned(), bytes.to_vec()).ok()
}
