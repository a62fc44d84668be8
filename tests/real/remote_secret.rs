//! mesh-remote-secret against API servers.

mod account;
mod endpoint;
mod rotation;

use crate::clusters::{get, kubeconfig, kubectl, namespace, shell, tool, unique, wait_for};
use crate::{Needs, Test};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mesh_tests::{Ran, run};
use serde_json::{Value, json};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

pub const TESTS: &[Test] = &[
    ("remote_secret_reads_the_other_cluster", Needs::Clusters, reads_the_other_cluster),
    ("remote_secret_is_named_by_istiod", Needs::Clusters, is_named_by_istiod),
    ("remote_secret_makes_a_token_secret", Needs::Clusters, account::makes_a_token_secret),
    ("remote_secret_read_only_writes_nothing", Needs::Clusters, account::read_only_writes_nothing),
    ("remote_secret_several_token_secrets", Needs::Clusters, account::several_token_secrets),
    ("remote_secret_missing_account", Needs::Clusters, account::missing_account),
    ("remote_secret_least_role", Needs::Clusters, account::least_role),
    ("remote_secret_missing_right", Needs::Clusters, account::missing_right),
    (
        "remote_secret_taken_name_is_not_overwritten",
        Needs::Clusters,
        account::taken_name_is_not_overwritten,
    ),
    ("remote_secret_waiting_ends", Needs::Clusters, account::waiting_ends),
    ("remote_secret_from_records", Needs::Clusters, from_records),
    ("remote_secret_tells_every_failure", Needs::Clusters, tells_every_failure),
    ("remote_secret_from_a_token_secret", Needs::Clusters, from_a_token_secret),
    ("remote_secret_ends_with_its_token", Needs::Clusters, rotation::ends_with_its_token),
    ("remote_secret_expired_token_is_refused", Needs::Clusters, rotation::expired_token_is_refused),
    ("remote_secret_rotates_without_a_gap", Needs::Clusters, rotation::rotates_without_a_gap),
    ("remote_secret_checks_the_endpoint", Needs::Clusters, endpoint::checks_the_endpoint),
    ("remote_secret_keeps_the_proxy", Needs::Clusters, endpoint::keeps_the_proxy),
    ("remote_secret_config_and_plugin", Needs::Clusters, config_and_plugin),
    ("remote_secret_shows_no_token", Needs::Clusters, shows_no_token),
];

const READER: &str = "istio-reader-service-account";

/// The acceptance line of the first mesh: cluster1's Secret lies in cluster2, and what is in it
/// lists cluster1's pods and services.
fn reads_the_other_cluster() {
    let name = unique("acceptance");
    let apply = format!(
        "mesh-remote-secret -q --context cluster1 --name {name} --allow-other-id |
         mesh-apply --context cluster2"
    );
    let _ = shell(&apply).ok();
    let secret_name = format!("istio-remote-secret-{name}");
    let secret = get("cluster2", &["secret", &secret_name, "-n", "istio-system"]);
    assert_eq!(secret["metadata"]["labels"]["istio/multiCluster"], "true");
    assert_eq!(secret["metadata"]["annotations"], json!({"networking.istio.io/cluster": name}));
    let (file, config) = stored_kubeconfig(&secret, &name);
    let own: Value = serde_yaml::from_slice(&std::fs::read(kubeconfig()).expect("it is there"))
        .expect("it is YAML");
    assert_eq!(config["clusters"][0]["cluster"]["server"], own["clusters"][0]["cluster"]["server"]);
    for resource in ["pods", "services"] {
        let args = ["get", resource, "--all-namespaces", "-o", "name"];
        let listed = run(Command::new("kubectl").args(args).env("KUBECONFIG", file.path()), "");
        assert!(listed.ok().contains('/'), "no {resource} in cluster1");
    }
    // It is a reader's: it may not write.
    let args = ["create", "namespace", "intruder"];
    let refused = run(Command::new("kubectl").args(args).env("KUBECONFIG", file.path()), "");
    assert!(refused.stderr.contains("forbidden"), "{refused:?}");

    let _ = shell(&apply).ok();
    let again = get("cluster2", &["secret", &secret_name, "-n", "istio-system"]);
    assert_eq!(again["metadata"]["resourceVersion"], secret["metadata"]["resourceVersion"]);
    let args = ["--context", "cluster2", "delete", "secret", &secret_name, "-n", "istio-system"];
    let _ = run(&mut kubectl(&args), "").ok();
}

/// Its name is the CLUSTER_ID of the istiod there; without one it is the UID, as with istioctl.
fn is_named_by_istiod() {
    let name = |args: &[&str]| {
        let mut all = vec!["--context", "cluster1", "-q", "-o", "json"];
        all.extend(args);
        let list: Value =
            serde_json::from_str(&run(&mut tool("mesh-remote-secret", &all), "").ok())
                .expect("JSON");
        let name =
            list["items"][0]["metadata"]["annotations"]["networking.istio.io/cluster"].clone();
        name.as_str().expect("a name").to_owned()
    };
    let uid = get("cluster1", &["namespace", "kube-system"])["metadata"]["uid"].take();
    assert_eq!(name(&[]), "cluster1");
    assert_eq!(name(&["--allow-other-id"]), uid.as_str().expect("a namespace has a UID"));
    let namespace = account_without_token();
    assert_eq!(name(&["-n", &namespace]), uid.as_str().expect("a namespace has a UID"));

    let args = ["--context", "cluster1", "--name", "asm-a"];
    let ran = run(&mut tool("mesh-remote-secret", &args), "");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""), "{ran:?}");
    let told = "context cluster1: it cannot be named asm-a: its istiod's CLUSTER_ID is cluster1";
    assert!(ran.stderr.contains(told), "{ran:?}");
    // API servers take names that are too long for istioctl, and istiod any key they take.
    let long = format!("cn-{}", "long-project.".repeat(17) + "cluster");
    let apply = format!(
        "mesh-remote-secret -q --context cluster1 --allow-other-id --name {long} |
         kubectl apply --server-side --dry-run=server -f - --context cluster2"
    );
    assert!(shell(&apply).ok().contains(&format!("secret/istio-remote-secret-{long} ")));
    // For who may not look at istiod, any name will do.
    let user = unique("limited");
    for args in [
        format!("role {user} --verb=get,list,watch,create --resource=serviceaccounts,secrets"),
        format!("rolebinding {user} --role={user} --user={user}"),
    ] {
        let command = format!("kubectl --context cluster1 -n istio-system create {args}");
        let _ = shell(&command).ok();
    }
    wait_for("the rights of the role", || {
        let asks = "kubectl --context cluster1 -n istio-system auth can-i get serviceaccounts --as";
        (shell(&format!("{asks} {user}")).code == Some(0)).then_some(())
    });
    assert_eq!(name(&["--as", &user, "--name", "asm-a"]), "asm-a");
}

/// The kubeconfig in a remote Secret, as a file and as a value.
fn stored_kubeconfig(secret: &Value, name: &str) -> (tempfile::NamedTempFile, Value) {
    let data = secret["data"][name].as_str().expect("the key is the cluster's name");
    let text = STANDARD.decode(data).expect("it is base64");
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), &text).expect("it can be written");
    (file, serde_yaml::from_slice(&text).expect("it is YAML"))
}

/// A namespace with the reader's account and without any token Secret, as Kubernetes has it.
fn account_without_token() -> String {
    let namespace = namespace("token");
    let args = ["--context", "cluster1", "create", "serviceaccount", READER, "-n", &namespace];
    let _ = run(&mut kubectl(&args), "").ok();
    namespace
}

fn token_secrets(namespace: &str) -> Vec<String> {
    let secrets = get("cluster1", &["secrets", "-n", namespace]);
    let items = secrets["items"].as_array().expect("a list").iter();
    items
        .filter(|secret| {
            secret["metadata"]["annotations"]["kubernetes.io/service-account.name"] == READER
                && secret["metadata"]["deletionTimestamp"].is_null()
        })
        .map(|secret| secret["metadata"]["name"].as_str().expect("a name").to_owned())
        .collect()
}

fn from_records() {
    let ran = shell("mesh-clusters --contexts cluster2,cluster1 | mesh-remote-secret -q -o json");
    let list: Value = serde_json::from_str(&ran.ok()).expect("it is JSON");
    let name = |i: usize| list["items"][i]["metadata"]["name"].as_str().expect("a name").to_owned();
    assert_eq!(list["kind"], "List");
    assert_eq!(
        (name(0), name(1)),
        ("istio-remote-secret-cluster1".to_owned(), "istio-remote-secret-cluster2".to_owned())
    );
}

/// stdout is complete or empty; of the clusters that fail none is left out.
fn tells_every_failure() {
    let args = ["cluster1", "gone1", "cluster2", "gone2"].map(|context| ["--context", context]);
    let ran = run(&mut tool("mesh-remote-secret", args.as_flattened()), "");
    assert_eq!(ran.stdout, "", "{}", ran.stderr);
    assert!(ran.stderr.contains("2 of 4 clusters failed: the kubeconfig has no context \"gone1\""));
    assert!(ran.stderr.contains("the kubeconfig has no context \"gone2\""), "{}", ran.stderr);
}

/// What kubectl says of an API request with this kubeconfig.
fn ask(file: &tempfile::NamedTempFile) -> Ran {
    run(Command::new("kubectl").args(["get", "--raw", "/api"]).env("KUBECONFIG", file.path()), "")
}

fn works(file: &tempfile::NamedTempFile) -> bool {
    ask(file).code == Some(0)
}

/// Offline: kubectl fetches the token Secret, and only the record says where the cluster is.
fn from_a_token_secret() {
    let namespace = account_without_token();
    let live = ["--context", "cluster1", "-q", "--name", "c1", "-n", &namespace];
    let direct = run(&mut tool("mesh-remote-secret", &live), "").ok();
    let secret = format!("{READER}-istio-remote-secret-token");
    let own: Value = serde_yaml::from_slice(&std::fs::read(kubeconfig()).expect("it is there"))
        .expect("it is YAML");
    let server = own["clusters"][0]["cluster"]["server"].as_str().expect("a server");
    let pipe = format!(
        "kubectl --context cluster1 get secret {secret} -n {namespace} -o json |
         KUBECONFIG=/nowhere mesh-remote-secret -q --name c1 --server {server} -n {namespace}"
    );
    assert_eq!(shell(&pipe).ok(), direct);
    let pipe = format!(
        "{{ mesh-clusters --contexts cluster1
            kubectl --context cluster1 get secret {secret} -n {namespace} -o json
         }} | KUBECONFIG=/nowhere mesh-remote-secret -q --name c1 -n {namespace}"
    );
    assert_eq!(shell(&pipe).ok(), direct);
}

fn config_and_plugin() {
    let args = ["--context", "cluster1", "-q", "--type", "config", "--name", "primary"];
    let secret = run(&mut tool("mesh-remote-secret", &args), "").ok();
    let secret: Value = serde_yaml::from_str(&secret).expect("YAML");
    assert_eq!(secret["metadata"]["name"], "istio-kubeconfig");
    let (file, _) = stored_kubeconfig(&secret, "config");
    assert!(works(&file));

    let namespace = namespace("plugin");
    let args = [
        "--context",
        "cluster1",
        "-n",
        &namespace,
        "--name",
        "c1",
        "--auth-type",
        "plugin",
        "--auth-plugin-name",
        "oidc",
        "--auth-plugin-config",
        "client-id=mesh",
        "--check-endpoint",
    ];
    // No service account is there, and none is needed.
    let secret = run(&mut tool("mesh-remote-secret", &args), "").ok();
    let (_, config) = stored_kubeconfig(&serde_yaml::from_str(&secret).expect("YAML"), "c1");
    let provider = json!({"name": "oidc", "config": {"client-id": "mesh"}});
    assert_eq!(config["users"][0]["user"], json!({"auth-provider": provider}));
    let ca = &config["clusters"][0]["cluster"]["certificate-authority-data"];
    assert!(ca.is_string());
    assert_eq!(token_secrets(&namespace), [] as [String; 0]);

    // Without any CA nothing is made: neither the config map may be read nor has the kubeconfig one.
    let text = std::fs::read_to_string(kubeconfig()).expect("it is there");
    let lines = text.lines().map(|line| match line.split_once(", certificate-authority-data:") {
        Some((before, _)) => format!("{before}, insecure-skip-tls-verify: true}}}}\n"),
        None => format!("{line}\n"),
    });
    let insecure = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(insecure.path(), lines.collect::<String>()).expect("it can be written");
    let mut command = tool("mesh-remote-secret", &args[..args.len() - 1]);
    let ran = run(command.args(["--as", "nobody"]).env("KUBECONFIG", insecure.path()), "");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("is not known"), "{}", ran.stderr);
}

/// Neither in the arguments of any process, nor in what is said, nor beside the Secret.
fn shows_no_token() {
    let done = AtomicBool::new(false);
    let name = unique("silent");
    let ran = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut seen = 0;
            while !done.load(Ordering::Relaxed) {
                let processes = std::fs::read_dir("/proc").expect("Linux has it").flatten();
                for process in processes {
                    let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
                    let line = String::from_utf8_lossy(&line);
                    seen += usize::from(line.contains("mesh-remote-secret"));
                    // Every token begins so: it is JSON in base64.
                    assert!(!line.contains("eyJ"), "{line}");
                }
            }
            seen
        });
        let pipe = format!(
            "export RUST_LOG=trace RUST_BACKTRACE=full
             for flags in '' '--ttl 1h' --check-endpoint; do
               mesh-remote-secret --context cluster1 --name {name} --allow-other-id \
                 --log-format json $flags | kubectl apply --server-side -f - --context cluster2
             done
             mesh-remote-secret --context cluster1 --check-endpoint --tls-server-name a.b"
        );
        let ran = shell(&pipe);
        done.store(true, Ordering::Relaxed);
        assert!(watch.join().expect("it watches") > 0);
        ran
    });
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("eyJ"), "{ran:?}");
    assert!(ran.stderr.contains("its certificate is not for a.b"), "{ran:?}");
    let secret = format!("istio-remote-secret-{name}");
    let stored = get("cluster2", &["secret", &secret, "-n", "istio-system"]);
    let annotations = stored["metadata"]["annotations"].as_object().expect("annotations");
    assert!(annotations.values().all(|value| !value.to_string().contains("eyJ")));
    assert!(!annotations.contains_key("kubectl.kubernetes.io/last-applied-configuration"));
    let args = ["--context", "cluster2", "delete", "secret", &secret, "-n", "istio-system"];
    let _ = run(&mut kubectl(&args), "").ok();
}
