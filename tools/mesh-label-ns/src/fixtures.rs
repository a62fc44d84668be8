//! The webhook configurations of tests/planes.

use crate::webhook::Injectors;
use meshcore::input::{Source, decode_all};

pub const DEFAULT: &str = include_str!("../tests/planes/default.yaml");
pub const CANARY: &str = include_str!("../tests/planes/canary.yaml");
pub const TAG_DEFAULT: &str = include_str!("../tests/planes/tag-default.yaml");

/// The injection webhooks of a cluster that has all of these files.
pub fn injectors(files: &[&str]) -> Injectors {
    let source = |text: &&str| Source::new("planes".into(), text.as_bytes().to_vec()).unwrap();
    let sources: Vec<Source> = files.iter().map(source).collect();
    Injectors::new(decode_all(&sources).unwrap())
}
