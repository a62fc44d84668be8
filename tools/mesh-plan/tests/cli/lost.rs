//! Plans of broken meshes, whatever is broken in them.

use super::mesh::{Mesh, healthy};
use jiff::Timestamp;
use mesh_plan::{Plan, Stage, Wanted, plan};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// What each cluster can lose, and the stage of the step that gives it back.
const PARTS: [(&str, &str, Stage); 5] = [
    ("Service", "istio-eastwestgateway", Stage::Gateways),
    ("Gateway", "cross-network-gateway", Stage::Exposure),
    ("Secret", "istio-remote-secret-c1", Stage::Secrets),
    ("Secret", "istio-remote-secret-c2", Stage::Secrets),
    ("Secret", "istio-remote-secret-c3", Stage::Secrets),
];

fn planned(mesh: &Mesh) -> Plan {
    let mesh = meshstate::Mesh::of_text("none", &mesh.text()).expect("captures can be read");
    let (wanted, warnings) = Wanted::new(None, &mesh).expect("it is clear what is wanted");
    assert_eq!(warnings, []);
    plan(&wanted, None, Timestamp::UNIX_EPOCH).expect("it can be planned")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_lost_is_planned_and_nothing_else(
        lost in prop::collection::btree_set((1usize..=3, 0..PARTS.len()), 0..8)
    ) {
        // A cluster has no credentials of its own.
        let lost: BTreeSet<(usize, usize)> = lost
            .into_iter()
            .filter(|&(cluster, part)| PARTS[part].1 != format!("istio-remote-secret-c{cluster}"))
            .collect();
        let broken = lost.iter().fold(healthy(3), |mesh, &(cluster, part)| {
            mesh.without(cluster, PARTS[part].0, PARTS[part].1)
        });
        let Plan { steps, warnings } = planned(&broken);
        prop_assert_eq!(warnings, []);
        // Steps of stage secrets are the giver's.
        let expected: BTreeSet<(Stage, String)> = lost
            .iter()
            .map(|&(cluster, part)| match PARTS[part] {
                (_, secret, Stage::Secrets) => {
                    (Stage::Secrets, secret.trim_start_matches("istio-remote-secret-").to_owned())
                }
                (_, _, stage) => (stage, format!("c{cluster}")),
            })
            .collect();
        let (last, found) = match steps.split_last() {
            Some((last, found)) => (Some(last.stage), found),
            None => (None, &steps[..]),
        };
        prop_assert_eq!(last, (!lost.is_empty()).then_some(Stage::Verification));
        let names = found.iter().map(|step| (step.stage, step.cluster.clone().unwrap_or_default()));
        prop_assert_eq!(names.collect::<BTreeSet<_>>(), expected);
        prop_assert!(steps.is_sorted_by_key(|step| step.stage));
        prop_assert!(found.iter().all(|step| !step.command.is_empty() && !step.why.is_empty()));
    }
}
