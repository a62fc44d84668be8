//! A canary in every field of text that the API's published schema has, for each kind that
//! mesh-capture reads: what comes through is on a list, and nothing else.
//!
//! The schemas of Kubernetes are the API server's own. The test bed has Istio's kinds without
//! schemas: their fields, from the definitions in istio.io/api 1.31 and gateway-api 1.6, are in
//! tests/fields/published.txt. Nobody publishes one of `ControlPlaneRevision`; texts within a
//! config map or a Secret have none that an API server knows: tests/credentials.rs has theirs.

mod schema;

use crate::{Needs, Test};
use mesh_capture::redact;
use mesh_tests::fields::{Field, Form, KEPT, KINDS, Kind, Planted, found};
use serde_json::json;
use std::collections::BTreeSet;

pub const TESTS: &[Test] =
    &[("capture_keeps_listed_fields_alone", Needs::Clusters, keeps_listed_fields_alone)];

fn keeps_listed_fields_alone() {
    let schemas = schema::Schemas::default();
    let mut kept = BTreeSet::new();
    for kind in KINDS {
        let mut fields = schemas.fields(kind.resource);
        assert!(fields.len() > 20, "{}: the schema has {} fields", kind.name, fields.len());
        fields.extend(kind.more.iter().map(|path| Field::new(path)));
        kept.extend(of(kind, &fields));
    }
    let actual: BTreeSet<&str> = kept.iter().map(String::as_str).collect();
    let listed: BTreeSet<&str> = KEPT.lines().collect();
    let lines = |sign: &str, all: BTreeSet<&str>| {
        all.into_iter().fold(String::new(), |text, line| text + sign + line + "\n")
    };
    let differs = lines("+", &actual - &listed) + &lines("-", &listed - &actual);
    assert!(
        differs.is_empty(),
        "what mesh-capture keeps is not tests/fields/kept.txt. May a line with + hold a \
         credential? then mend tools/mesh-capture/src/redact, or else write it into the list:\n{differs}"
    );
    assert!(KEPT.lines().is_sorted(), "the list is not in order");
}

/// A line for each field of which a word comes through, and of an address neither user nor query.
fn of(kind: &Kind, fields: &[Field]) -> BTreeSet<String> {
    let through = |form: Form| -> BTreeSet<usize> {
        let mut planted = Planted::default();
        for (number, field) in fields.iter().enumerate() {
            planted.plant(field, number, form);
        }
        for (path, value) in kind.fixed {
            planted.fix(path, &json!(value));
        }
        match redact(kind.resource, "v1", planted.object) {
            Some(kept) => found(&kept.to_string()),
            None => BTreeSet::new(),
        }
    };
    let words = through(Form::Word);
    let key = &through(Form::Key) - &words;
    for shown in [through(Form::Address), through(Form::User), key] {
        let shown: Vec<String> = shown.iter().map(|&number| fields[number].shown()).collect();
        assert!(shown.is_empty(), "{}: credentials come through: {shown:?}", kind.name);
    }
    words.iter().map(|&number| format!("{} {}", kind.name, fields[number].shown())).collect()
}
