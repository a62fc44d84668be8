//! Meshes that are broken in one way or two, judged by istiod's own code and by `mesh-check --why`:
//! a yes of ours where istiod gives no way is a fault, and so is a no where it gives one.

mod base;
mod change;
mod mutations;

use crate::{Needs, Test};
use base::{Link, mesh};
use mesh_tests::{is_nightly, programs, run};
use mutations::{MUTATIONS, Mutation};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

pub const TESTS: &[Test] = &[("why_is_what_istiod_does", Needs::Judge, why_is_what_istiod_does)];

/// Meshes that are judged: healthy ones, those with one mutation, each between networks and
/// within one (nightly for each link), and those with two.
fn count() -> usize {
    if is_nightly() { 3000 } else { 320 }
}

/// The program of istiod's code, if it is built.
fn judge() -> Option<PathBuf> {
    let file = mesh_tests::root().join("scripts/testbed-assets");
    let found = Command::new(file).args(["--istio", "--print"]).output().ok()?;
    let dir = String::from_utf8(found.stdout).ok()?;
    let file = PathBuf::from(dir.trim()).join("judge");
    file.is_file().then_some(file)
}

pub fn lacks_judge() -> Option<&'static str> {
    judge().is_none().then_some("istiod's code as a judge: run scripts/testbed-assets --istio")
}

/// One mesh and what it is asked for.
struct Case {
    names: Vec<&'static str>,
    link: Link,
    question: Value,
    text: String,
}

fn case(number: usize) -> Case {
    let mut dice = Dice(number as u64);
    let links = if is_nightly() { 4 } else { 2 };
    let (link, chosen): (Link, Vec<&Mutation>) = match number {
        0..4 => (Link::ALL[number], vec![]),
        n if n < 4 + MUTATIONS.len() * links => {
            (Link::ALL[(n - 4) % links], vec![&MUTATIONS[(n - 4) / links]])
        }
        _ => (
            Link::ALL[dice.below(Link::ALL.len())],
            vec![&MUTATIONS[dice.below(MUTATIONS.len())], &MUTATIONS[dice.below(MUTATIONS.len())]],
        ),
    };
    let mut mesh = mesh();
    for (_, change) in &chosen {
        change(&mut mesh, &link);
    }
    change::finish(&mut mesh);
    let clusters: BTreeMap<&str, &Value> = ["cluster1", "cluster2", "cluster3"]
        .into_iter()
        .zip(mesh.captures.iter().map(|capture| &capture["items"]))
        .collect();
    let question = json!({
        "from": link.from, "to": link.to, "namespace": "sample", "service": "helloworld",
        "client": "sample", "flat": link.is_flat(), "clusters": clusters,
    });
    Case {
        names: chosen.iter().map(|(name, _)| *name).collect(),
        link,
        question,
        text: mesh.text(),
    }
}

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).expect("it is small")
    }
}

/// What we say, and the link that says it.
fn ours(case: &Case) -> (&'static str, String) {
    let args = ["--at", base::AT, "--why", case.link.from, case.link.to, "sample/helloworld"];
    let mut command = Command::new(&programs()["mesh-check"]);
    let said = run(command.args(args).args(["-o", "json"]), &case.text);
    assert!(matches!(said.code, Some(0 | 1)), "{:?}: {}", case.names, said.stderr);
    let links: Vec<Value> =
        said.stdout.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    let first = |answer: &str| links.iter().find(|link| link["holds"] == answer);
    let about = |link: &Value| format!("{}: {}", link["link"], link["finding"]["message"]);
    match (first("no"), first("unknown")) {
        (Some(link), _) => ("no", about(link)),
        (None, Some(link)) => ("unknown", about(link)),
        (None, None) => ("yes", String::new()),
    }
}

fn why_is_what_istiod_does() {
    let judge = judge().expect("it is there");
    let (mut wrong, mut unknown) = (Vec::new(), Vec::new());
    // It keeps what it was asked, so it is started again now and then.
    for numbers in (0..count()).collect::<Vec<_>>().chunks(40) {
        let cases: Vec<Case> = numbers.iter().map(|number| case(*number)).collect();
        let questions: String = cases.iter().map(|case| case.question.to_string() + "\n").collect();
        let said = run(&mut Command::new(&judge), &questions).ok();
        for (case, line) in cases.iter().zip(said.lines()) {
            let answer: Value = serde_json::from_str(line).expect("it is JSON");
            let (ours, about) = ours(case);
            let theirs = if answer["reaches"] == true { "yes" } else { "no" };
            let Link { from, to } = case.link;
            let line = format!(
                "{from} to {to}, {}: we say {ours} ({about}), istiod {theirs} ({})",
                case.names.join(" and "),
                answer["why"]
            );
            match ours {
                "unknown" => unknown.push(line),
                _ if ours != theirs => wrong.push(line),
                _ => {}
            }
        }
    }
    let few = count() / 20;
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), count(), wrong.join("\n"));
    assert!(
        unknown.len() <= few,
        "{} of {} are unknown:\n{}",
        unknown.len(),
        count(),
        unknown.join("\n")
    );
}
