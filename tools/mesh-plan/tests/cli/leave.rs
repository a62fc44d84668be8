//! The way back.

use super::mesh::{file, healthy};
use super::{brief, only_of, steps_with, tool};
use predicates::str::{contains, is_empty};
use serde_json::{Value, json};

#[test]
fn a_cluster_leaves() {
    let steps = steps_with(&healthy(3), &file(3), &["--leave", "c3"]);
    assert_eq!(
        brief(&steps),
        ["secrets c3", "exposure c3", "gateways c3", "networks c3", "verification mesh"]
    );
    assert_eq!(
        steps[0]["command"],
        "mesh-apply --leave c3 --context ctx-c1 --context ctx-c2 --context ctx-c3"
    );
    assert_eq!(
        steps[2]["command"],
        "mesh-gateway-gen --network n3 --istio-version 1.30.3 -o \
         manifests | mesh-apply --delete --context ctx-c3"
    );
    assert_eq!(steps[3]["undo"], "mesh-label-ns --network n3 istio-system --context ctx-c3");
    assert_eq!(steps[4]["command"], "mesh-capture --context ctx-c1 --context ctx-c2 | mesh-check");
    // By context, without a file, and when it is in no file any more.
    for (file, name) in [(file(3), "ctx-c3"), (file(2), "c3")] {
        assert_eq!(
            steps_with(&healthy(3), &file, &["--leave", name])[0]["command"],
            steps[0]["command"]
        );
    }
}

#[test]
fn a_cluster_leaves_that_is_dead_or_gone() {
    let dead = healthy(3).silent(3);
    let steps = steps_with(&dead, &file(3), &["--leave", "c3"]);
    let now: Vec<Value> = steps.iter().filter(|step| step["waitsFor"].is_null()).cloned().collect();
    assert_eq!(brief(&now), ["secrets c3", "verification mesh"]);
    assert_eq!(now[0]["command"], "mesh-apply --leave c3 --context ctx-c1 --context ctx-c2");
    assert_eq!(steps.len(), 6, "{steps:#?}");
    // What is not known to be of our making is not deleted.
    assert_eq!(
        steps[3]["command"],
        "kubectl --context ctx-c3 delete services,deployments,horizontalpodautoscalers,\
         poddisruptionbudgets,rolebindings,roles,serviceaccounts -n istio-system -l \
         app.kubernetes.io/managed-by=meshutils,istio=eastwestgateway"
    );
    let mut gone = healthy(3);
    gone.0.pop();
    let step = steps_with(&gone, &file(2), &["--leave", "c3"]);
    assert_eq!(
        only_of(&step)["command"],
        "mesh-apply --leave c3 --context ctx-c1 --context ctx-c2"
    );
    let left = healthy(2).without(1, "Secret", "istio-remote-secret-c2");
    let steps = steps_with(&left, &file(2), &["--leave", "c2", "--stage", "secrets"]);
    assert_eq!(steps[0]["command"], "mesh-apply --leave c1 --context ctx-c2");
    let missing = tool(&["--leave", "c9"]).write_stdin(healthy(2).text()).assert().code(2);
    missing.stderr(contains("no cluster has this name")).stdout(is_empty());
}

#[test]
fn gateways_go_the_way_they_came() {
    let with = |labels: Value, annotations: Value| {
        let mesh = healthy(2).with(2, "Service", "istio-eastwestgateway", |one| {
            one["metadata"]["labels"] = labels;
            one["metadata"]["labels"]["topology.istio.io/network"] = json!("n2");
            one["metadata"]["annotations"] = annotations;
        });
        steps_with(&mesh, &file(2), &["--leave", "c2", "--stage", "gateways"])[0]["command"].clone()
    };
    let helm = with(
        json!({"app.kubernetes.io/managed-by": "Helm"}),
        json!({"meta.helm.sh/release-name": "ew"}),
    );
    assert_eq!(helm, "helm uninstall ew --namespace istio-system --kube-context ctx-c2");
    let operator =
        with(json!({"install.operator.istio.io/owning-resource": "eastwest"}), json!({}));
    assert!(
        operator.as_str().is_some_and(
            |line| line.ends_with("-o iop | istioctl uninstall -y -f - --context ctx-c2")
        ),
        "{operator}"
    );
    let unknown = with(json!({}), json!({}));
    assert!(
        unknown
            .as_str()
            .is_some_and(|line| line.contains("delete deployment/istio-eastwestgateway"))
    );
}

#[test]
fn the_mesh_ends() {
    let steps = steps_with(&healthy(2), &file(2), &["--undo"]);
    assert_eq!(
        brief(&steps),
        [
            "namespaces c1",
            "namespaces c2",
            "secrets c1",
            "secrets c2",
            "exposure c1",
            "exposure c2",
            "gateways c1",
            "gateways c2",
            "networks c1",
            "networks c2"
        ]
    );
    let foreign = healthy(2).with(2, "Service", "istio-eastwestgateway", |one| {
        one["metadata"]["labels"] = json!({"topology.istio.io/network": "n2"});
    });
    let text = foreign.text();
    tool(&["--undo"]).write_stdin(text).assert().code(1).stderr(contains(
        "cluster c2: service istio-system/istio-eastwestgateway is not of our making",
    ));
    let mut bare = healthy(1);
    bare.0[0].truncate(1);
    tool(&["--undo"]).write_stdin(bare.text()).assert().code(0).stdout("nothing to do\n");
}
