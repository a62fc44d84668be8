//! The failover drill of the guides: one version goes away, and the other answers.

use super::harness::{HELLO, Mesh, flags};
use super::{BOTH, TWO};
use mesh_tests::run;
use serde_json::Value;

pub fn version_goes_and_comes_back(mesh: &Mesh) {
    let scale = |replicas: u8| {
        format!(
            "kubectl --context cluster2 -n sample scale deployment/helloworld-v2 --replicas {replicas}"
        )
    };
    let replies = mesh.sh(&format!(
        "mesh-probe -q {}--url {HELLO} --for 60s --rate 5 --at 10s '{}' --finally '{}'",
        flags(&TWO),
        scale(0),
        scale(1)
    ));
    mesh.judge(&replies, &BOTH, 0).report("failover: v2 goes, v1 answers").all_well();
    // Nobody is left to answer from cluster2 when the time is over.
    let records: Vec<Value> =
        replies.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for source in TWO {
        let of_source = records.iter().rev().filter(|record| record["source"] == source);
        for reply in of_source.take(10) {
            assert!(reply["body"].as_str().is_some_and(|b| b.contains("version: v1,")), "{reply}");
        }
    }
    let table = run(&mut mesh.command("mesh-lbcheck --expect v1,v2"), &replies).ok();
    #[allow(clippy::print_stderr)] // this is a test's own report
    for line in table.lines().skip_while(|line| !line.starts_with("AT ")) {
        eprintln!("mesh:   {line}");
    }
    mesh.answers("v2 is back", &TWO, &BOTH).all_well();
}
