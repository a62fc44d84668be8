//! Who injects whom, row by row: the webhooks of Istio 1.30 and what the injector makes of them.

use crate::change::{DataPlane, Wanted};
use crate::fixtures::{CANARY, DEFAULT, TAG_DEFAULT, injectors};
use crate::simulate::{Cluster, Namespace, simulate, table, to_restart};
use meshcore::DnsLabel;
use meshcore::selector::Labels;
use serde_json::{Value, json};

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn labels(pairs: Pairs<'_>) -> Labels {
    pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// A cluster of one namespace, with one pod.
fn cluster(
    planes: &[&str],
    name: &str,
    namespace: Pairs<'_>,
    pod: Value,
    wanted: &Wanted,
) -> Cluster {
    let now = labels(namespace);
    let after = wanted.change(&now).applied_to(&now);
    Cluster {
        context: None,
        namespaces: vec![Namespace { name: name.into(), now, after }],
        pods: vec![serde_json::from_value(pod).unwrap()],
        injectors: injectors(planes),
    }
}

fn pod(labels: Pairs<'_>) -> Value {
    let labels: serde_json::Map<String, Value> =
        labels.iter().map(|&(key, value)| (key.to_owned(), json!(value))).collect();
    json!({"metadata": {"name": "p", "namespace": "n", "labels": labels}})
}

fn simulated(cluster: &Cluster) -> Value {
    serde_json::to_value(&simulate(cluster)[0]).unwrap()
}

/// Who injects a pod with these labels; the plane's revision, or "-".
fn injected(planes: &[&str], namespace: Pairs<'_>, pod_labels: Pairs<'_>) -> String {
    let one = cluster(planes, "n", namespace, pod(pod_labels), &Wanted::default());
    let simulated = simulated(&one);
    assert_eq!(simulated["now"], simulated["after"]);
    let now = &simulated["now"];
    assert_eq!(now["mode"] == "sidecar", now["revision"].is_string(), "{now}");
    now["revision"].as_str().unwrap_or("-").to_owned()
}

const INJECT_NO: (&str, &str) = ("sidecar.istio.io/inject", "false");
const INJECT_YES: (&str, &str) = ("sidecar.istio.io/inject", "true");
const ENABLED: (&str, &str) = ("istio-injection", "enabled");
const DISABLED: (&str, &str) = ("istio-injection", "disabled");

fn rev(revision: &str) -> (&str, &str) {
    ("istio.io/rev", revision)
}

/// The default plane, the revision "canary", and the tag "prod" on it.
const ALL: [&str; 2] = [DEFAULT, CANARY];

#[test]
fn enabled_is_the_default_planes_and_the_revision_is_ignored() {
    assert_eq!(injected(&ALL, &[ENABLED], &[]), "default");
    for revision in ["canary", "default", "ghost"] {
        assert_eq!(injected(&ALL, &[ENABLED, rev(revision)], &[]), "default");
    }
    assert_eq!(injected(&ALL, &[ENABLED], &[rev("canary")]), "default");
}

#[test]
fn enabled_without_a_default_plane_is_nobody() {
    assert_eq!(injected(&[CANARY], &[ENABLED], &[]), "-");
    assert_eq!(injected(&[CANARY], &[ENABLED, rev("canary")], &[]), "-");
    assert_eq!(injected(&[CANARY, TAG_DEFAULT], &[ENABLED], &[]), "canary");
}

#[test]
fn disabled_is_nobody() {
    for namespace in [&[DISABLED][..], &[DISABLED, rev("canary")]] {
        for pod in [&[][..], &[rev("canary")], &[INJECT_YES]] {
            assert_eq!(injected(&ALL, namespace, pod), "-", "{namespace:?} {pod:?}");
        }
    }
}

#[test]
fn a_revision_or_tag_is_its_plane_or_nobody() {
    assert_eq!(injected(&ALL, &[rev("canary")], &[]), "canary");
    assert_eq!(injected(&ALL, &[rev("default")], &[]), "default");
    assert_eq!(injected(&ALL, &[rev("prod")], &[]), "canary");
    assert_eq!(injected(&ALL, &[rev("ghost")], &[]), "-");
}

#[test]
fn the_namespaces_revision_wins_over_the_pods() {
    assert_eq!(injected(&ALL, &[rev("canary")], &[rev("default")]), "canary");
    assert_eq!(injected(&ALL, &[rev("ghost")], &[rev("default")]), "-");
}

#[test]
fn a_pods_revision_counts_where_the_namespace_says_nothing() {
    for (revision, plane) in
        [("canary", "canary"), ("default", "default"), ("prod", "canary"), ("ghost", "-")]
    {
        assert_eq!(injected(&ALL, &[], &[rev(revision)]), plane);
        assert_eq!(injected(&ALL, &[], &[rev(revision), INJECT_YES]), plane);
    }
}

#[test]
fn a_pod_that_asks_gets_the_default_plane() {
    assert_eq!(injected(&ALL, &[], &[INJECT_YES]), "default");
    assert_eq!(injected(&[CANARY], &[], &[INJECT_YES]), "-");
    assert_eq!(injected(&ALL, &[], &[]), "-");
}

#[test]
fn a_pod_that_refuses_gets_nobody() {
    for namespace in [&[][..], &[ENABLED], &[DISABLED], &[rev("canary")], &[ENABLED, rev("canary")]]
    {
        for pod in [&[INJECT_NO][..], &[INJECT_NO, rev("canary")]] {
            assert_eq!(injected(&ALL, namespace, pod), "-", "{namespace:?} {pod:?}");
        }
    }
}

#[test]
fn the_tag_default_takes_all_of_the_plane_without_revision() {
    let tagged = [CANARY, TAG_DEFAULT];
    assert_eq!(injected(&tagged, &[rev("default")], &[]), "canary");
    assert_eq!(injected(&tagged, &[], &[INJECT_YES]), "canary");
    assert_eq!(injected(&tagged, &[], &[rev("default")]), "canary");
}

#[test]
fn namespaces_by_default_are_all_but_those_of_the_system() {
    let tagged = [CANARY, TAG_DEFAULT];
    assert_eq!(injected(&tagged, &[], &[]), "canary");
    assert_eq!(injected(&tagged, &[DISABLED], &[]), "-");
    let system = |namespace: Pairs<'_>| {
        let mut system = pod(&[]);
        system["metadata"]["namespace"] = json!("kube-system");
        let one = cluster(&tagged, "kube-system", namespace, system, &Wanted::default());
        simulated(&one)["now"].take()
    };
    assert_eq!(
        system(&[("kubernetes.io/metadata.name", "kube-system")]),
        json!({"mode": "none", "reason": "no webhook", "webhooks": []})
    );
    // Before Kubernetes 1.21 namespaces have no label of their name: the injector is asked.
    assert_eq!(system(&[])["reason"], "system namespace");
}

#[test]
fn the_injector_itself_leaves_pods_alone() {
    let mut host = pod(&[]);
    host["spec"] = json!({"hostNetwork": true});
    let webhook = "istio-sidecar-injector/namespace.sidecar-injector.istio.io";
    let one = cluster(&ALL, "n", &[ENABLED], host, &Wanted::default());
    assert_eq!(
        simulated(&one)["now"],
        json!({"mode": "none", "reason": "host network", "webhooks": [webhook]})
    );
    // An annotation is no label: webhooks do not see it, the injector does.
    let mut annotated = pod(&[]);
    annotated["metadata"]["annotations"] = json!({"sidecar.istio.io/inject": "false"});
    let one = cluster(&ALL, "n", &[ENABLED], annotated, &Wanted::default());
    assert_eq!(simulated(&one)["now"]["reason"], "sidecar.istio.io/inject");
    let mut system = pod(&[]);
    system["metadata"]["namespace"] = json!("kube-system");
    let one = cluster(&ALL, "kube-system", &[ENABLED], system, &Wanted::default());
    assert_eq!(simulated(&one)["now"]["reason"], "system namespace");
}

#[test]
fn ambient_is_for_pods_without_sidecars() {
    let ambient = ("istio.io/dataplane-mode", "ambient");
    let mode = |namespace: Pairs<'_>, of_pod: Pairs<'_>| {
        simulated(&cluster(&ALL, "n", namespace, pod(of_pod), &Wanted::default()))["now"]["mode"]
            .take()
    };
    assert_eq!(mode(&[ambient], &[]), "ambient");
    assert_eq!(mode(&[ambient, ENABLED], &[]), "sidecar");
    assert_eq!(mode(&[ambient, ENABLED], &[INJECT_NO]), "ambient");
    assert_eq!(mode(&[], &[ambient]), "ambient");
    assert_eq!(mode(&[ambient], &[("istio.io/dataplane-mode", "none")]), "none");
}

/// A pod that runs with a sidecar of this plane, and what a change to `wanted` does to it.
fn restarted(runs: Option<Value>, namespace: Pairs<'_>, data_plane: DataPlane) -> bool {
    let mut pod = pod(&[]);
    if let Some(mark) = runs {
        pod["metadata"]["annotations"] = json!({"sidecar.istio.io/status": mark.to_string()});
    }
    let wanted = Wanted { data_plane: Some(data_plane), network: None };
    let one = cluster(&ALL, "n", namespace, pod, &wanted);
    let restart = simulated(&one)["restart"].as_bool().unwrap();
    assert_eq!(to_restart(&simulate(&one)).len(), usize::from(restart));
    restart
}

#[test]
fn what_runs_with_another_sidecar_has_to_be_restarted() {
    let to = |text: &str| DataPlane::Revision(DnsLabel::parse(text).unwrap());
    let of = |revision: &str| Some(json!({"revision": revision}));
    let unknown = || Some(json!({"version": "1"}));
    assert!(restarted(None, &[], to("canary")));
    assert!(restarted(of("default"), &[ENABLED], to("canary")));
    assert!(restarted(of("canary"), &[rev("canary")], DataPlane::Unlabelled));
    // From a revision to its tag: the labels change, the plane does not.
    assert!(!restarted(of("canary"), &[rev("canary")], to("prod")));
    // Labelled already, not yet restarted.
    assert!(restarted(of("default"), &[rev("canary")], to("canary")));
    assert!(!restarted(unknown(), &[rev("canary")], to("prod")));
    assert!(restarted(unknown(), &[rev("canary")], to("default")));
    // Into ambient without a restart; but a sidecar has to go first.
    assert!(!restarted(None, &[], DataPlane::Ambient));
    assert!(restarted(of("canary"), &[rev("canary")], DataPlane::Ambient));
    assert!(!restarted(None, &[], DataPlane::NoSidecars));
}

#[test]
fn two_planes_for_one_pod_are_told_and_the_last_stays() {
    // Left over when a tag was made and the plane's own webhooks were not switched off.
    let mut one = cluster(&[CANARY], "n", &[ENABLED], pod(&[]), &Wanted::default());
    let leftover =
        TAG_DEFAULT.replace("istio.io/deactivated: never-match", "istio-injection: enabled");
    one.injectors = injectors(&[&leftover.replace("objectSelector", "ignoredSelector")]);
    let all = simulate(&one);
    let planes: &[&str] = &["canary", "default"];
    assert_eq!(all[0].contested(), Some(("n", planes)));
    assert_eq!(serde_json::to_value(&all[0]).unwrap()["after"]["revision"], "default");
}

#[test]
fn the_table_is_for_people() {
    let wanted = Wanted {
        data_plane: Some(DataPlane::Revision(DnsLabel::parse("prod").unwrap())),
        network: None,
    };
    let mut one = cluster(&ALL, "n", &[ENABLED], pod(&[]), &wanted);
    assert_eq!(
        table(&simulate(&one)),
        "NAMESPACE  POD  RUNS  NOW      AFTER   RESTART\n\
         n          p    -     default  canary  yes\n"
    );
    one.context = Some("c".into());
    assert!(table(&simulate(&one)).starts_with("CONTEXT  NAMESPACE"));
}
