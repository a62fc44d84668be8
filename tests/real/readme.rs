//! README.md's table of recipes: the right-hand side runs as printed.

use crate::stand_in::StandIn;
use crate::testbed::Bed;
use crate::{Needs, Test};
use mesh_tests::{Ran, root, run};
use std::path::Path;

pub const TESTS: &[Test] =
    &[("readme_recipes_run_as_printed", Needs::ClustersAndGcloud, recipes_run)];

/// What the table takes for granted: inventories, a namespace, a gateway that has its address.
const BEFORE: &str = r#"
set -eu
gcloud container clusters list --format=json > clusters.json
gcloud compute firewall-rules list --format=json > rules.json
gcloud compute instances list --format=json > instances.json
mesh-label-ns --context $A --context $B --context $C --remove --create sample
echo '{"apiVersion": "networking.istio.io/v1", "kind": "WorkloadGroup",
       "metadata": {"name": "vm", "namespace": "default"},
       "spec": {"template": {"serviceAccount": "default"}}}' |
  kubectl apply --server-side -f - --context $A
kubectl get configmap istio-ca-root-cert -n istio-system -o json --context $A |
  kubectl patch --local -f - -o json --type=merge -p '{"metadata": {"namespace": "default"}}' |
  kubectl create -f - --context $A
mesh-gateway-gen --network network1 -o manifests |
  mesh-apply --context $A
kubectl --context $A -n istio-system patch service istio-eastwestgateway --subresource=status \
  --type=merge -p '{"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}'
"#;

/// The recipes, in their order.
fn recipes() -> Vec<String> {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("there is a README");
    let table = readme.split("| the guides | meshutils |\n|---|---|\n").nth(1).expect("a table");
    let rows = table.split("\n\n").next().expect("it ends").lines();
    let recipe = |row: &str| {
        let ours = row.rsplit(" | `").next().expect("a cell").trim_end_matches("` |");
        ours.replace("\\|", "|")
    };
    rows.map(recipe).collect()
}

fn shell(bed: &Bed, stand_in: &StandIn, dir: &Path, script: &str) -> Ran {
    let mut shell = bed.shell(script);
    shell.current_dir(dir).envs([
        ("A", "cluster1"),
        ("B", "cluster2"),
        ("C", "cluster3"),
        ("IP", "192.0.2.9"),
    ]);
    run(stand_in.set(&mut shell), "")
}

fn recipes_run() {
    let bed = Bed::start(&["-n", "3", "--istio"]);
    let stand_in = StandIn::start();
    let dir = tempfile::tempdir().expect("a temporary folder");
    std::os::unix::fs::symlink(root().join("scripts"), dir.path().join("scripts"))
        .expect("it can be made");
    let _ = shell(&bed, &stand_in, dir.path(), BEFORE).ok();
    let recipes = recipes();
    assert!(recipes.len() > 15, "{recipes:?}");
    for recipe in recipes {
        // Its pods are those of the test of traffic.
        if recipe.starts_with("mesh-probe ") {
            continue;
        }
        let ran = shell(&bed, &stand_in, dir.path(), &recipe);
        assert_eq!(ran.code, Some(0), "{recipe}\n{ran:?}");
    }
}
