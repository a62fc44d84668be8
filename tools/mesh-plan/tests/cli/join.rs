//! Each thing that can be missing, and the step that gives it.

use super::mesh::{Mesh, OTHER_ROOT, file, healthy, pod, remote_secret};
use super::{brief, only, only_of, steps, steps_with};
use serde_json::{Value, json};

#[test]
fn a_wrong_network_is_set() {
    for (mesh, why) in [
        (
            healthy(2).with(1, "Namespace", "istio-system", |one| {
                one["metadata"]["labels"] = json!({"topology.istio.io/network": "other"});
            }),
            "the namespace istio-system is labelled other",
        ),
        (
            healthy(2)
                .with(1, "Namespace", "istio-system", |one| one["metadata"]["labels"] = json!({})),
            "the namespace istio-system has no label topology.istio.io/network",
        ),
    ] {
        let step = only(&mesh);
        assert_eq!(
            (&step["stage"], &step["cluster"], &step["why"]),
            (&json!("networks"), &json!("c1"), &json!(why))
        );
        let command = "mesh-label-ns --network n1 --create istio-system --context ctx-c1";
        assert_eq!(step["command"], command);
        assert_ne!(step["undo"], Value::Null);
    }
}

#[test]
fn missing_gateways_are_installed_and_waited_for() {
    let steps = steps(&healthy(2).without(2, "Service", "istio-eastwestgateway"));
    assert_eq!(brief(&steps), ["gateways c2", "gateways c2", "verification mesh"]);
    assert_eq!(
        steps[0]["command"],
        "mesh-gateway-gen --network n2 --istio-version 1.30.3 -o \
         manifests | mesh-apply --context ctx-c2"
    );
    assert!(steps[0]["undo"].as_str().is_some_and(
        |undo| undo.ends_with("ctx-c2 --delete") || undo.ends_with("--delete --context ctx-c2")
    ));
    // The pods first: an address alone is too early.
    let wait = "kubectl --context ctx-c2 rollout status deployment/istio-eastwestgateway -n \
                istio-system --timeout=5m\nmesh-lbaddr --wait --context ctx-c2";
    assert_eq!(steps[1]["command"], wait);
    let pending =
        healthy(2).with(1, "Service", "istio-eastwestgateway", |one| one["status"] = json!({}));
    let step = only(&pending);
    assert_eq!(step["command"], "mesh-lbaddr --wait --context ctx-c1");
    assert_eq!(step["why"], "service istio-system/istio-eastwestgateway has no address yet");
    let other = healthy(2).with(1, "Service", "istio-eastwestgateway", |one| {
        one["metadata"]["labels"]["topology.istio.io/network"] = json!("n9");
    });
    let step = only_of(&[self::steps(&other)[0].clone(), self::steps(&other)[2].clone()]);
    assert_eq!(step["why"], "service istio-eastwestgateway is of network n9");
    assert!(step["command"].as_str().is_some_and(|line| line.contains("--force-conflicts")));
    assert!(step["undo"].as_str().is_some_and(|line| line.contains("--network n9")));
}

#[test]
fn gateways_are_as_the_file_says() {
    let mesh = healthy(2).without(2, "Service", "istio-eastwestgateway").without(
        2,
        "Gateway",
        "cross-network-gateway",
    );
    let with =
        |networks: &str| steps_with(&mesh, &format!("{}networks: {networks}\n", file(2)), &[]);
    let internal = with("{n2: {loadBalancer: internal, platform: eks}}");
    let command = internal[0]["command"].as_str().expect("it has one");
    assert!(command.contains("--load-balancer internal --platform eks"), "{command}");
    // Where no cluster of the network has one, nothing is exposed there either.
    let three = file(2).replace(
        "- {name: c2, network: n2}",
        "- {name: c2, network: n2}\n- {name: c3, network: n2}",
    );
    let mesh = Mesh([mesh.0, vec![healthy(3).0[2].clone()]].concat());
    let mesh = mesh.with(3, "Namespace", "istio-system", |one| {
        one["metadata"]["labels"]["topology.istio.io/network"] = json!("n2");
    });
    let steps = steps_with(
        &mesh,
        &format!("{three}networks: {{n2: {{gateways: [c3]}}}}\n"),
        &["--stage", "gateways"],
    );
    assert_eq!(brief(&steps), ["gateways c3", "gateways c3"]);
}

#[test]
fn services_are_exposed() {
    let step = only(&healthy(2).without(1, "Gateway", "cross-network-gateway"));
    let command = "mesh-expose services --istio-version 1.30.3 | mesh-apply --context ctx-c1";
    assert_eq!((&step["stage"], &step["command"]), (&json!("exposure"), &json!(command)));
    let steps = steps_with(&healthy(1), &format!("{}expose: [istiod]\n", file(1)), &[]);
    let command = "mesh-expose istiod --istio-version 1.30.3 | mesh-apply --context ctx-c1";
    assert_eq!(only_of(&steps)["command"], command);
}

/// A Gateway lets nobody in to istiod without a route behind it that ends at one that is there.
#[test]
fn istiod_is_exposed_where_a_route_leads_to_it() {
    let object = |kind: &str, name: &str, spec: Value| {
        let group = if kind == "Service" { "v1" } else { "networking.istio.io/v1" };
        json!({"apiVersion": group, "kind": kind,
            "metadata": {"name": name, "namespace": "istio-system"}, "spec": spec})
    };
    let port = json!({"number": 15012, "name": "tls-istiod", "protocol": "TLS"});
    let servers = json!([{"hosts": ["*"], "port": port, "tls": {"mode": "PASSTHROUGH"}}]);
    let gateway = object("Gateway", "istiod-gateway", json!({"servers": servers}));
    let open = healthy(1).and(1, gateway).and(1, object("Service", "istiod", json!({})));
    let steps = |mesh: &Mesh| {
        steps_with(mesh, &format!("{}expose: [istiod]\n", file(1)), &["--stage", "exposure"])
    };
    let missing = steps(&open);
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert_eq!(missing[0]["why"], "no VirtualService leads from istiod's port 15012 to it");
    let leads_to = |host: &str| {
        let spec = json!({"gateways": ["istiod-gateway"],
            "tls": [{"route": [{"destination": {"host": host}}]}]});
        open.clone().and(1, object("VirtualService", "istiod-vs", spec))
    };
    assert_eq!(steps(&leads_to("istiod-1-28.istio-system.svc.cluster.local")).len(), 1);
    assert!(steps(&leads_to("istiod.istio-system.svc.cluster.local")).is_empty());
}

#[test]
fn credentials_are_given_to_all_that_lack_them() {
    let name = "istio-remote-secret-c1";
    let missing = healthy(3).without(2, "Secret", name).without(3, "Secret", name);
    let step = only(&missing);
    assert_eq!(step["cluster"], "c1");
    assert_eq!(step["what"], "give c2, c3 its credentials");
    assert_eq!(
        step["command"],
        "mesh-remote-secret --name c1 --context ctx-c1 | mesh-apply -q --context ctx-c2 --context ctx-c3"
    );
    assert_eq!(step["undo"], "mesh-apply --leave c1 --context ctx-c2 --context ctx-c3");
    let file = file(3).replace("name: c1,", "name: c1, server: 'https://c1.example.com',");
    let step = only_of(&steps_with(&missing, &file, &[]));
    assert!(
        step["command"]
            .as_str()
            .is_some_and(|line| line.contains("--server https://c1.example.com"))
    );
}

#[test]
fn credentials_that_do_not_work_are_renewed() {
    let name = "istio-remote-secret-c1";
    let replaced = |object: Value| healthy(2).without(2, "Secret", name).and(2, object);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut object = remote_secret("c1", None);
        change(&mut object);
        replaced(object)
    };
    for (mesh, why) in [
        (
            replaced(remote_secret("c1", Some(1_700_000_000))),
            "the token ended at 2023-11-14T22:13:20Z",
        ),
        (
            with(&|one| one["metadata"]["namespace"] = json!("default")),
            "does not read the Secret default/",
        ),
        (
            with(&|one| one["metadata"]["labels"] = json!({})),
            "does not read the Secret istio-system/",
        ),
        (with(&|one| one["data"]["c1"] = json!("e30=")), "the kubeconfig in the remote Secret has"),
        (
            healthy(2).without(1, "Secret", "reader-token"),
            "the token's Secret reader-token is gone",
        ),
        (
            healthy(2).with(1, "ServiceAccount", "istio-reader-service-account", |one| {
                one["metadata"]["uid"] = json!("new");
            }),
            "its service account istio-reader-service-account was made anew",
        ),
    ] {
        let step = only(&mesh);
        assert_eq!((&step["stage"], &step["cluster"]), (&json!("secrets"), &json!("c1")));
        assert!(step["why"].as_str().is_some_and(|text| text.contains(why)), "{step}");
    }
    assert_eq!(steps(&replaced(remote_secret("c1", Some(2_000_000_000)))).len(), 0);
    let step = only(&healthy(2).without(1, "ServiceAccount", "istio-reader-service-account"));
    assert!(
        step["command"].as_str().is_some_and(|line| line.contains("--create-service-account")),
        "{step}"
    );
}

#[test]
fn a_cluster_without_istio_gets_all_of_it() {
    let mut mesh = healthy(2);
    mesh.0[1].truncate(1);
    mesh.0[1]
        .push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}));
    let steps = steps(&mesh);
    assert_eq!(
        brief(&steps),
        [
            "roots c2",
            "networks c2",
            "control-planes c2",
            "gateways c2",
            "gateways c2",
            "exposure c2",
            "secrets c1",
            "secrets c2",
            "namespaces c2",
            "verification mesh"
        ]
    );
    let root = steps[0]["command"].as_str().expect("it has one");
    let made = "mesh-cacerts init --root-dir root --cluster c2 | mesh-apply --context ctx-c2";
    assert!(root.contains(made), "{root}");
    let install = steps[2]["command"].as_str().expect("it has one");
    assert!(
        install
            .contains(r#""id":"c2","kind":"Cluster","meshId":"mesh1","name":"c2","network":"n2""#),
        "{install}"
    );
    assert!(install.ends_with("| istioctl install -y -f - --context ctx-c2"), "{install}");
    assert_eq!(steps[2]["undo"], "istioctl uninstall -y --revision default --context ctx-c2");
    assert_eq!(
        steps[8]["command"],
        "mesh-label-ns --injection enabled --create sample --context ctx-c2"
    );
}

#[test]
fn control_planes_that_differ_are_installed_again() {
    let id = |id: &'static str| {
        healthy(2).with(1, "Deployment", "istiod", move |one| {
            one["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = json!(id);
        })
    };
    let file = file(2).replace("name: c1,", "name: c1, id: c1,") + "trustDomain: mesh.example\n";
    let steps = steps_with(&id("Kubernetes"), &file, &["--stage", "control-planes"]);
    assert_eq!(brief(&steps), ["control-planes c1", "control-planes c2"]);
    assert_eq!(
        steps[0]["why"],
        "its cluster is Kubernetes, not c1; its trust domain is cluster.local, not mesh.example"
    );
    let mesh = healthy(2).with(1, "ConfigMap", "istio-sidecar-injector", |one| {
        one["data"]["values"] = json!("{\"global\": {\"meshID\": \"m2\", \"network\": \"n2\"}}");
    });
    assert_eq!(only(&mesh)["why"], "its mesh is m2, not mesh1; its network is n2, not n1");
    let file = self::file(2).replace("name: c1,", "name: c1, revision: canary,");
    let steps = steps_with(&healthy(2), &file, &["--stage", "control-planes"]);
    assert_eq!(steps[0]["what"], "install the control plane canary");
    assert!(
        steps[0]["command"]
            .as_str()
            .is_some_and(|line| line.contains("mesh-install-gen --revision canary"))
    );
}

#[test]
fn roots_that_differ_are_rotated() {
    let step = only(&healthy(3).with(3, "ConfigMap", "istio-ca-root-cert", |one| {
        one["data"]["root-cert.pem"] = json!(OTHER_ROOT);
    }));
    assert_eq!(step["why"], "they trust 2 different sets of roots");
    let command = step["command"].as_str().expect("it has one");
    assert!(command.contains(
        "mesh-cacerts rotate --root-dir root --cluster ctx-c1 --cluster ctx-c2 --cluster ctx-c3)"
    ));
    assert!(command.ends_with("printf '%s\\n' \"$steps\" | sh -eu"), "{command}");
    let stale = healthy(1).and(
        1,
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cacerts", "namespace": "istio-system"},
            "data": {"root-cert.pem": base64::Engine::encode(&base64::engine::general_purpose::STANDARD, OTHER_ROOT)}}),
    );
    let step = only(&stale);
    assert_eq!((&step["stage"], &step["what"]), (&json!("restarts"), &json!("restart istiod")));
}

#[test]
fn namespaces_are_labelled_and_pods_restarted() {
    let mesh = healthy(2)
        .with(1, "Namespace", "sample", |one| {
            one["metadata"]["labels"] = json!({"istio.io/rev": "old"});
        })
        .and(1, pod("web-2", ""));
    let steps = steps(&mesh);
    assert_eq!(brief(&steps), ["namespaces c1", "restarts c1", "verification mesh"]);
    assert_eq!(steps[0]["why"], "sample is istio.io/rev=old");
    assert_eq!(steps[0]["undo"], "mesh-label-ns --rev old sample --context ctx-c1");
    assert_eq!(steps[1]["why"], "pod sample/web-2 has not the sidecar that it would get");
    assert_eq!(
        steps[1]["command"],
        "steps=$(mesh-label-ns --injection enabled --restart-list sample --context ctx-c1)\n\
         printf '%s\\n' \"$steps\" | sh -eu"
    );
    // Another label of the same control plane does as well.
    let same = healthy(2).with(1, "Namespace", "sample", |one| {
        one["metadata"]["labels"] = json!({"istio.io/rev": "default"});
    });
    assert_eq!(self::steps(&same).len(), 0);
    let both = healthy(2).with(1, "Namespace", "sample", |one| {
        one["metadata"]["labels"] = json!({"istio-injection": "disabled"});
    });
    assert_eq!(only(&both)["undo"], "mesh-label-ns --injection disabled sample --context ctx-c1");
    let old = healthy(2).and(2, pod("web-3", "canary"));
    assert_eq!(only(&old)["stage"], "restarts");
    let mut kept = pod("web-4", "");
    kept["metadata"]["labels"]["sidecar.istio.io/inject"] = json!("false");
    assert_eq!(self::steps(&healthy(2).and(2, kept)).len(), 0);
    let missing = healthy(2).without(1, "Namespace", "sample");
    assert_eq!(self::steps(&missing)[0]["why"], "there is no sample");
}
