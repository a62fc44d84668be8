//! scripts/vm-join against API servers.

use crate::clusters::{get, kubectl, shell_command, tool, unique};
use crate::stand_in::StandIn;
use crate::vm_install::{Tree, tree, write};
use crate::{Needs, Test};
use mesh_tests::{Ran, root, run, write_program};
use serde_json::{Value, json};

pub const TESTS: &[Test] = &[
    ("vm_join_joins_and_changes_nothing_twice", Needs::Clusters, joins),
    ("vm_join_lets_machines_register_themselves", Needs::Clusters, auto_registers),
    ("vm_join_makes_a_ca_where_there_is_none", Needs::Clusters, makes_a_ca),
    ("vm_join_makes_no_ca_when_it_gets_no_answer", Needs::Clusters, no_answer),
    ("vm_join_sends_nothing_where_istiod_is_not_exposed", Needs::Clusters, wants_istiod),
    ("vm_join_hands_the_package_on", Needs::Clusters, hands_the_package_on),
    ("vm_join_lets_pods_in", Needs::ClustersAndGcloud, lets_pods_in),
    ("vm_join_shows_its_steps", Needs::Clusters, shows_its_steps),
    ("vm_join_refuses_wrong_usage", Needs::Clusters, refuses_wrong_usage),
];

/// The script in a folder of its own, where the machine's root is, too.
fn vm_join(dir: &tempfile::TempDir, args: &[&str]) -> Ran {
    let mut shell = shell_command();
    shell.arg(root().join("scripts/vm-join")).args(args).current_dir(dir);
    shell.env("ROOT", dir.path().join("machine"));
    run(&mut shell, "")
}

fn new_namespace() -> String {
    let namespace = unique("vm");
    let args = ["--context", "cluster1", "create", "namespace", &namespace];
    let _ = run(&mut kubectl(&args), "").ok();
    let root = get("cluster1", &["configmap", "istio-ca-root-cert", "-n", "istio-system"]);
    // istiod puts its root into every namespace; the test bed has none that runs.
    let copy = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": root["data"],
        "metadata": {"name": "istio-ca-root-cert", "namespace": namespace}});
    let args = ["--context", "cluster1", "apply", "-f", "-"];
    let _ = run(&mut kubectl(&args), &copy.to_string()).ok();
    namespace
}

fn version(kind: &str, name: &str, namespace: &str) -> Value {
    let object = get("cluster1", &[kind, name, "-n", namespace]);
    assert_eq!(object["metadata"]["labels"]["app.kubernetes.io/managed-by"], "meshutils");
    object["metadata"]["resourceVersion"].clone()
}

fn joins() {
    let namespace = new_namespace();
    let dir = tempfile::tempdir().expect("a temporary folder");
    write(&dir, "machine/etc/hosts", "127.0.0.1 localhost\n");
    let args = [
        "--context",
        "cluster1",
        "--namespace",
        &namespace,
        "--service-account",
        "catalog",
        "--ingress-ip",
        "192.0.2.1",
        "--out",
        "vm",
        "--ssh",
        "sh -c",
        "productcatalogservice",
        "10.128.0.9",
        "grpc:3550",
    ];
    let versions = || {
        [
            version("workloadentry", "productcatalogservice-10.128.0.9", &namespace),
            version("service", "productcatalogservice", &namespace),
        ]
    };
    let first = vm_join(&dir, &args);
    assert_eq!((first.code, first.stdout.as_str()), (Some(0), ""), "{first:?}");
    let before = (versions(), tree(dir.path()));
    let machine = |name: &str| before.1[&format!("machine/{name}")].1.clone();
    assert!(machine("etc/hosts").contains("192.0.2.1 istiod.istio-system.svc"));
    assert!(machine("var/lib/istio/envoy/cluster.env").contains("ISTIO_INBOUND_PORTS='3550'"));
    assert!(machine("etc/certs/root-cert.pem").contains("BEGIN CERTIFICATE"));
    assert_eq!(before.1["machine/var/run/secrets/tokens/istio-token"].0, 0o600);
    let account = get("cluster1", &["serviceaccount", "catalog", "-n", &namespace]);
    assert_eq!(account["metadata"]["name"], "catalog");

    let second = vm_join(&dir, &args);
    assert_eq!((second.code, second.stdout.as_str()), (Some(0), ""), "{second:?}");
    let without_token = |tree: &Tree| {
        tree.clone().into_iter().filter(|(path, _)| !path.ends_with("istio-token")).collect()
    };
    let after: (_, Tree) = (versions(), without_token(&tree(dir.path())));
    assert_eq!(after, (before.0, without_token(&before.1)));
    assert!(!format!("{first:?}{second:?}").contains("eyJ"), "a token in {first:?}");
}

/// A cluster as mesh-capture tells of it, with a way to an istiod or without; the rest is real.
fn capture(dir: &tempfile::TempDir, istiod: Option<&str>) {
    let text = run(&mut tool("mesh-capture", &["--context", "cluster1"]), "").ok();
    let mut capture: Value = serde_json::from_str(&text).expect("one capture");
    let items = capture["items"].as_array_mut().expect("a list");
    // Other tests have ways of their own.
    let is_way = |kind: &Value| kind == "Gateway" || kind == "VirtualService";
    items.retain(|item| !is_way(&item["kind"]));
    if let Some(istiod) = istiod {
        let exposed = run(&mut tool("mesh-expose", &["istiod", "-o", "json"]), "").ok();
        let host = "istiod.istio-system.svc.cluster.local";
        let exposed = exposed.replace(host, &format!("{istiod}.istio-system.svc.cluster.local"));
        let exposed: Value = serde_json::from_str(&exposed).expect("a list");
        items.extend(exposed["items"].as_array().expect("a list").iter().cloned());
    }
    write(dir, "capture.jsonl", &format!("{capture}\n"));
    write_program(&dir.path().join("bin/mesh-capture"), "#!/bin/sh\ncat capture.jsonl\n");
}

fn wants_istiod() {
    let namespace = new_namespace();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let ports = json!([{"name": "tls-istiod", "port": 15012}]);
    let gateway = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "east", "namespace": namespace},
        "spec": {"ports": ports, "externalIPs": ["192.0.2.1"]}});
    let args = ["--context", "cluster1", "apply", "-f", "-"];
    let _ = run(&mut kubectl(&args), &gateway.to_string()).ok();
    let service = format!("--ingress-service east.{namespace}");
    let join = |istiod: Option<&str>| {
        capture(&dir, istiod);
        let mut shell = shell_command();
        shell.args(["-c", "PATH=$PWD/bin:$PATH exec \"$0\" \"$@\""]);
        shell.arg(root().join("scripts/vm-join")).current_dir(&dir);
        shell.env("ROOT", dir.path().join("machine"));
        shell.args(["--context", "cluster1", "--namespace", &namespace, "--vm-env", &service]);
        run(shell.args(["--ssh", "sh -c", "shop", "10.128.0.9", "grpc:3550"]), "")
    };
    let machine = || dir.path().join("machine").exists();
    let none = join(None);
    let command = "mesh-expose istiod | kubectl --context cluster1 apply --server-side \
                   --field-manager meshutils -f -\n";
    assert_eq!((none.code, none.stdout.as_str()), (Some(4), command), "{none:?}");
    assert!(none.stderr.contains("MESH0842") && !machine(), "{none:?}");
    // Exposing an istiod that is gone once more does not help.
    let gone = join(Some("istiod-1-20"));
    assert_eq!((gone.code, gone.stdout.as_str()), (Some(4), ""), "{gone:?}");
    assert!(gone.stderr.contains("MESH0843") && !machine(), "{gone:?}");
    let there = join(Some("istiod"));
    assert_eq!((there.code, there.stdout.as_str()), (Some(0), ""), "{there:?}");
    assert!(machine() && !there.stderr.contains("exposed"), "{there:?}");
}

fn hands_the_package_on() {
    let namespace = new_namespace();
    let dir = tempfile::tempdir().expect("a temporary folder");
    write(&dir, "a folder/istio-sidecar.deb", "a package");
    // The machine's shell: what comes to it, and what it does with that.
    write_program(
        &dir.path().join("machine-shell"),
        "#!/bin/sh\ntee sent.tar | sh -c \"$1\" && printf '%s\\n' \"$1\" >command\n",
    );
    let args = |package: &'static str| {
        ["--namespace", &namespace, "--ingress-ip", "192.0.2.1", "--package", package]
            .map(str::to_owned)
    };
    let join = |package| {
        let ssh = ["--ssh", "./machine-shell", "shop", "10.128.0.9", "grpc:3550"];
        let given = args(package);
        let given = given.iter().map(String::as_str);
        vm_join(
            &dir,
            &["--context", "cluster1"].into_iter().chain(given).chain(ssh).collect::<Vec<_>>(),
        )
    };
    std::fs::create_dir(dir.path().join("machine")).expect("it can be made");
    let ran = join("a folder/istio-sidecar.deb");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
    // Nobody saw whether that address leads to istiod.
    assert!(ran.stderr.contains("unless 192.0.2.1 does in another way, run: mesh-expose istiod"));
    let command = std::fs::read_to_string(dir.path().join("command")).expect("it was run");
    assert!(command.contains("vm-install\" --package \"$d/istio-sidecar.deb\" \"$d/files\""));
    let mut list = std::process::Command::new("tar");
    let sent = run(list.args(["-tf", "sent.tar"]).current_dir(&dir), "").ok();
    assert!(sent.lines().any(|line| line == "istio-sidecar.deb"), "{sent}");
    for wrong in ["no-such.deb", "a folder/istio-sidecar.zip", "a$b.deb"] {
        let ran = join(wrong);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
    }
}

fn auto_registers() {
    let namespace = new_namespace();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let args = [
        "--context",
        "cluster1",
        "--namespace",
        &namespace,
        "--ingress-ip",
        "192.0.2.1",
        "--auto-register",
        "--probe",
        "tcp:3550",
        "catalog",
        "grpc:3550",
    ];
    let ran = vm_join(&dir, &args);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let group = get("cluster1", &["workloadgroup", "catalog", "-n", &namespace]);
    assert_eq!(group["spec"]["probe"], json!({"tcpSocket": {"port": 3550}}));
    let service = get("cluster1", &["service", "catalog", "-n", &namespace]);
    assert_eq!(service["spec"]["selector"], group["spec"]["metadata"]["labels"]);
    let files = tree(&dir.path().join("catalog-vm/files"));
    assert!(files["cluster.env"].1.contains("ISTIO_META_AUTO_REGISTER_GROUP='catalog'"));
    // Nobody said how to reach the machine: the operator gets the command, and no token in it.
    assert!(ran.stdout.starts_with("tar -cf - -C catalog-vm files -C "), "{ran:?}");
    assert!(ran.stdout.lines().count() == 1 && !ran.stdout.contains("eyJ"), "{ran:?}");
}

fn makes_a_ca() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let script = r#"
        secret() { kubectl -n istio-system get secret cacerts -o "jsonpath=$1"; }
        join() { status=0; "$JOIN" --context cluster1 a 10.0.0.1 80 2>err || status=$?; }
        join
        first=$(secret '{.metadata.resourceVersion}')
        [ "$status" = 4 ] && grep -q 'install Istio, then run this again' err || { cat err; exit 1; }
        join
        [ "$first" = "$(secret '{.metadata.resourceVersion}')" ] || exit 1
        grep -q 'the cluster has a CA$' err || { cat err; exit 1; }
        secret '{.data.root-cert\.pem}' | base64 -d | cmp - root/root-cert.pem
        stat -c %a root/root-key.pem
    "#;
    let mut shell = shell_command();
    shell
        .args(["-c", "exec \"$0\" \"$@\""])
        .arg(root().join("scripts/testbed"))
        .args(["run", "-n", "1", "--", "sh", "-c", script])
        .current_dir(&dir)
        .env("JOIN", root().join("scripts/vm-join"));
    assert_eq!(run(&mut shell, "").ok(), "600\n");
}

fn no_answer() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let kubectl = "#!/bin/sh\ncase \"$*\" in *' secret '*) exit 1 ;; *) PATH=${PATH#*:} ;; esac\n\
                   exec kubectl \"$@\"\n";
    write_program(&dir.path().join("bin/kubectl"), kubectl);
    let before = tree(dir.path());
    let script = "PATH=$PWD/bin:$PATH \"$0\" --context cluster1 a 10.0.0.1 80";
    let mut shell = shell_command();
    shell.args(["-c", script]).arg(root().join("scripts/vm-join")).current_dir(&dir);
    let ran = run(&mut shell, "");
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(4), "", ""));
    assert_eq!(tree(dir.path()), before);
}

/// The guide's rule: from the pods' ranges to the machine's port.
fn lets_pods_in() {
    let stand_in = StandIn::start();
    let namespace = new_namespace();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let join = |flags: &[&str]| {
        let mut shell = shell_command();
        let script = root().join("scripts/vm-join");
        shell.arg(script).current_dir(&dir).env("ROOT", dir.path().join("machine"));
        shell.args([
            "--context",
            "cluster1",
            "--namespace",
            &namespace,
            "--ingress-ip",
            "192.0.2.1",
        ]);
        shell
            .args(["--vpc", "default", "--target-tags", "istio-gce", "--ssh", "sh -c"])
            .args(flags);
        shell.args(["productcatalogservice", "10.128.0.9", "grpc:3550"]);
        let ran = run(stand_in.set(&mut shell), "");
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.stdout
    };
    let printed = join(&[]);
    assert!(printed.contains("gcloud compute firewall-rules create k8s-to-productcatalogservice"));
    assert_eq!(stand_in.take_written(), []);
    assert_eq!(join(&["--open"]), "");
    let written = stand_in.take_written();
    assert_eq!(written.len(), 1, "{written:?}");
    let body = &written[0].body;
    assert_eq!(body["targetTags"], json!(["istio-gce"]));
    assert_eq!(body["allowed"], json!([{"IPProtocol": "tcp", "ports": ["3550"]}]));
    assert_eq!(body["sourceRanges"], json!(["10.0.0.0/13", "10.64.0.0/14"]));
}

fn shows_its_steps() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let args = [
        "-n",
        "--context",
        "cluster1",
        "--revision",
        "r",
        "--vpc",
        "default",
        "--target-tags",
        "istio-gce",
        "--ssh",
        "ssh vm1",
        "productcatalogservice",
        "10.128.0.9,fd00::9",
        "grpc:3550,udp:53",
    ];
    let steps = vm_join(&dir, &args).ok();
    for step in [
        "mesh-cacerts init --cluster cluster1 --root-dir root | kubectl --context cluster1 apply \
         --server-side --field-manager meshutils -f -",
        "mesh-vm-service productcatalogservice -n default -s default --modern 10.128.0.9 fd00::9 \
         grpc:3550 udp:53 | kubectl --context cluster1 apply --server-side --field-manager \
         meshutils -f -",
        "mesh-vm-service productcatalogservice -n default -s default --group grpc:3550 udp:53 > \
         productcatalogservice-vm/workloadgroup.yaml",
        "mesh-vm-env --check productcatalogservice-vm/files",
        "gcloud container clusters list --format=json | mesh-cidrs --kind pod | mesh-firewall \
         --name k8s-to-productcatalogservice --network default --target-tags istio-gce --allow \
         tcp:3550,udp:53 --existing productcatalogservice-vm/firewall-rules.json",
    ] {
        assert!(steps.lines().any(|line| line == step), "no {step} in {steps}");
    }
    let last = steps.lines().last().expect("there are steps");
    assert!(last.contains(" | ssh vm1 '"), "{last}");
    assert_eq!(tree(dir.path()), Tree::new());
}

fn refuses_wrong_usage() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for args in [
        &[][..],
        &["a", "10.0.0.1", "80"],
        &["--context", "cluster1", "a"],
        &["--context", "cluster1", "a", "80"],
        &["--context", "cluster1", "a", "10.0.0.1"],
        &["--context", "cluster1", "a", "10.0.0.1", "3550"],
        &["--context", "cluster1", "a", "vm1.example.com", "80"],
        &["--context", "cluster1", "--auto-register", "a", "10.0.0.1", "80"],
        &["--context", "cluster1", "--probe", "tcp:80", "a", "10.0.0.1", "80"],
        &["--context", "cluster1", "--auto-register", "--probe", "x", "a", "80"],
        &["--context", "cluster1", "--namespace", "a b", "a", "10.0.0.1", "80"],
        &["--context", "cluster1", "--network", "$(touch x)", "a", "10.0.0.1", "80"],
        &["--context", "cluster1", "a", "10.0.0.1", "80", "-f.x"],
        &["--context", "cluster1", "--istio-version", "1.6", "a", "10.0.0.1", "80"],
        &["--context", "cluster1", "--vpc", "default", "a", "10.0.0.1", "80"],
        &["--context", "cluster1", "--open", "a", "10.0.0.1", "80"],
        &["--context", "no-such-context", "a", "10.0.0.1", "80"],
        &["--no-such-flag", "--context", "cluster1", "a", "10.0.0.1", "80"],
    ] {
        let ran = vm_join(&dir, args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?} {ran:?}");
        assert!(ran.stderr.starts_with("vm-join: ") || ran.stderr.contains("error:"), "{ran:?}");
        assert_eq!(tree(dir.path()), Tree::new(), "{args:?}");
    }
}
