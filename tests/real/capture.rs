//! mesh-capture against API servers: what is in it, what is not, and who can read it.

use crate::clusters::{kubectl, namespace, shell, tool, unique, wait_for};
use crate::{Needs, Test};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mesh_tests::{Ran, run};
use serde_json::{Value, json};

pub const TESTS: &[Test] = &[
    ("capture_tells_of_a_joined_mesh", Needs::Clusters, tells_of_a_joined_mesh),
    ("capture_has_no_secret_in_it", Needs::Clusters, has_no_secret_in_it),
    ("capture_needs_get_and_list_alone", Needs::Clusters, needs_get_and_list_alone),
    ("capture_is_read_as_what_kubectl_prints", Needs::Clusters, is_read_as_what_kubectl_prints),
];

/// What stands for everything that must not be told.
const CANARY: &str = "CANARY0hunter2";

fn apply(context: &str, objects: &[Value]) {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let _ = run(&mut kubectl(&["--context", context, "apply", "-f", "-"]), &list.to_string()).ok();
}

fn captured(ran: Ran) -> Vec<Value> {
    let stdout = ran.ok();
    stdout.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

fn capture(args: &[&str]) -> Vec<Value> {
    captured(run(&mut tool("mesh-capture", args), ""))
}

fn find<'a>(capture: &'a Value, kind: &str, namespace: &str, name: &str) -> Option<&'a Value> {
    capture["items"].as_array().expect("a List").iter().find(|item| {
        let metadata = &item["metadata"];
        item["kind"] == kind
            && metadata["name"] == name
            && metadata["namespace"].as_str().unwrap_or_default() == namespace
    })
}

/// The remote Secret of a cluster under an ID of its own, in a namespace of its own.
fn remote_secret(context: &str, id: &str, namespace: &str) -> Value {
    let args = ["-q", "--context", context, "-o", "json"];
    let list: Value = serde_json::from_str(&run(&mut tool("mesh-remote-secret", &args), "").ok())
        .expect("it is JSON");
    let mut secret = list["items"][0].clone();
    secret["metadata"]["name"] = json!(format!("istio-remote-secret-{id}"));
    secret["metadata"]["namespace"] = json!(namespace);
    secret["data"] = json!({id: secret["data"][context]});
    secret
}

/// The kubeconfig under a key, or its text.
fn kubeconfig(secret: &Value, key: &str) -> Value {
    let text = STANDARD.decode(secret["data"][key].as_str().expect("the key")).expect("base64");
    serde_yaml::from_slice(&text).expect("it is YAML")
}

fn tells_of_a_joined_mesh() {
    let (namespace, id) = (namespace("capture"), unique("capture"));
    for (to, of) in [("cluster1", "cluster2"), ("cluster2", "cluster1")] {
        apply(to, &[remote_secret(of, &id, &namespace)]);
    }
    let captures = capture(&["--context", "cluster2", "--context", "cluster1"]);
    let headers: Vec<&Value> = captures.iter().map(|capture| &capture["items"][0]).collect();
    let names: Vec<&Value> = headers.iter().map(|header| &header["metadata"]["name"]).collect();
    assert_eq!(names, ["cluster2", "cluster1"]);
    for (capture, cluster) in captures.iter().zip(["cluster2", "cluster1"]) {
        let header = &capture["items"][0];
        assert!(header["kubernetes"].as_str().is_some_and(|v| v.starts_with("v1.")), "{header}");
        assert!(header["time"].is_string() && header["capturedAt"].is_string(), "{header}");
        assert!(header["notRead"].is_null(), "{header}");
        let istiod = find(capture, "Deployment", "istio-system", "istiod").expect("istiod");
        let env = istiod["spec"]["template"]["spec"]["containers"][0]["env"].to_string();
        assert!(
            env.contains(&format!("{{\"name\":\"CLUSTER_ID\",\"value\":\"{cluster}\"}}")),
            "{env}"
        );
        for (kind, namespace, name) in [
            ("ConfigMap", "istio-system", "istio"),
            ("ConfigMap", "istio-system", "istio-sidecar-injector"),
            ("ConfigMap", "istio-system", "istio-ca-root-cert"),
            ("MutatingWebhookConfiguration", "", "istio-sidecar-injector"),
            ("Namespace", "", "istio-system"),
            ("Service", "istio-system", "istiod"),
            ("ServiceAccount", "istio-system", "istio-reader-service-account"),
        ] {
            assert!(find(capture, kind, namespace, name).is_some(), "{kind} {namespace}/{name}");
        }
        let secret = find(capture, "Secret", &namespace, &format!("istio-remote-secret-{id}"));
        let config = kubeconfig(secret.expect("the remote secret"), &id);
        let token = config["users"][0]["user"]["token"].as_str().expect("a token");
        assert!(token.split('.').count() == 3 && token.contains(".redacted-"), "{token}");
        assert!(config["clusters"][0]["cluster"]["server"].is_string(), "{config}");
    }
    // Records lead to the same, and stay with it.
    let script = "mesh-clusters --contexts cluster1 | mesh-capture | grep -c '\"record\":{'";
    assert_eq!(shell(script).ok(), "1\n");
    let yaml = run(&mut tool("mesh-capture", &["--context", "cluster1", "-o", "yaml"]), "").ok();
    let yaml: Value = serde_yaml::from_str(&yaml).expect("it is YAML");
    assert_eq!(yaml["items"][0]["metadata"]["name"], "cluster1");
}

fn has_no_secret_in_it() {
    let (namespace, id) = (namespace("canary"), unique("canary"));
    let mut remote = remote_secret("cluster2", &id, &namespace);
    let token = kubeconfig(&remote, &id)["users"][0]["user"]["token"].clone();
    let token = token.as_str().expect("a token").to_owned();
    let mut password = kubeconfig(&remote, &id);
    password["users"][0]["user"] = json!({"username": "me", "password": CANARY});
    remote["data"]["other"] = json!(STANDARD.encode(password.to_string()));
    let metadata =
        |name: &str| json!({"name": name, "namespace": namespace, "annotations": {"note": CANARY}});
    let container = json!({"name": "app", "image": "none", "args": [CANARY],
        "env": [{"name": "PASSWORD", "value": CANARY}]});
    let labels = json!({"app": id});
    apply(
        "cluster1",
        &[
            remote,
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata("other"),
            "stringData": {"x": CANARY}}),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata("cacerts"),
            "stringData": {"ca-key.pem": CANARY, "root-cert.pem": "none"}}),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("istio"),
            "data": {"mesh": format!("trustDomain: td\nextensionProviders: [{{name: {CANARY}}}]\n")}}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata("app"),
            "spec": {"replicas": 0, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}}}),
            json!({"apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService",
            "metadata": metadata("app"), "spec": {"hosts": ["a"], "http": [{
                "headers": {"request": {"set": {"authorization": CANARY}}},
                "route": [{"destination": {"host": "a"}}]}]}}),
        ],
    );
    // As Istio's own namespace, so that all of it is looked at.
    let ran = run(&mut tool("mesh-capture", &["--context", "cluster1", "-n", &namespace]), "");
    let text = format!("{}{}", ran.stdout, ran.stderr);
    let capture = captured(ran).remove(0);
    assert!(find(&capture, "Secret", &namespace, "other").is_none());
    for (kind, name) in [
        ("Secret", "cacerts"),
        ("ConfigMap", "istio"),
        ("Deployment", "app"),
        ("VirtualService", "app"),
    ] {
        assert!(find(&capture, kind, &namespace, name).is_some(), "{kind} {name}");
    }
    let remote = find(&capture, "Secret", &namespace, &format!("istio-remote-secret-{id}"));
    let remote = remote.expect("the remote secret");
    // In plain text, and in everything that is encoded in it.
    let hidden = |secret: &Value| -> String {
        let data = secret["data"].as_object().into_iter().flatten();
        let decoded = data.map(|(_, value)| STANDARD.decode(value.as_str().expect("text")));
        decoded.map(|bytes| String::from_utf8(bytes.expect("base64")).expect("text")).collect()
    };
    let cacerts = find(&capture, "Secret", &namespace, "cacerts").expect("cacerts");
    let open = [text, hidden(remote), hidden(cacerts)].concat();
    let signature = token.rsplit_once('.').expect("it is a JWT").1;
    for secret in [CANARY, &STANDARD.encode(CANARY), signature, token.as_str()] {
        assert!(!open.contains(secret), "{secret} is in {open}");
    }
    assert!(open.contains("redacted-"), "the token's fingerprint is lost");
}

/// A user who may get and list some resources; `namespaced` in one namespace only.
fn user(name: &str, cluster: &[(&str, &str)], namespaced: Option<&str>) -> String {
    let user = format!("{name}@example.com");
    let rules = |rules: &[(&str, &str)]| -> Vec<Value> {
        let rule = |(group, resource): &(&str, &str)| json!({"apiGroups": [group], "resources": [resource], "verbs": ["get", "list"]});
        rules.iter().map(rule).collect()
    };
    let subject = json!([{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}]);
    let group = "rbac.authorization.k8s.io";
    let version = format!("{group}/v1");
    let mut objects = vec![
        json!({"apiVersion": version, "kind": "ClusterRole", "metadata": {"name": name},
            "rules": rules(cluster)}),
        json!({"apiVersion": version, "kind": "ClusterRoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name}, "subjects": subject}),
    ];
    if let Some(namespace) = namespaced {
        let metadata = json!({"name": name, "namespace": namespace});
        objects.push(json!({"apiVersion": version, "kind": "Role", "metadata": metadata,
            "rules": rules(&[("", "secrets")])}));
        objects.push(json!({"apiVersion": version, "kind": "RoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name}, "subjects": subject}));
    }
    apply("cluster1", &objects);
    user
}

fn needs_get_and_list_alone() {
    let namespace = namespace("rights");
    let all_but_secrets: Vec<(&str, &str)> =
        ["namespaces", "nodes", "services", "endpoints", "pods", "configmaps", "serviceaccounts"]
            .map(|resource| ("", resource))
            .into_iter()
            .chain([
                ("apps", "*"),
                ("admissionregistration.k8s.io", "*"),
                ("networking.k8s.io", "*"),
            ])
            .chain([("networking.istio.io", "*")])
            .collect();
    let gaps = |user: &str, least: usize| -> Vec<Value> {
        // The API server learns of new rights after a moment.
        wait_for("the rights", || {
            let args = ["-q", "--context", "cluster1", "--as", user, "-n", &namespace];
            let capture = capture(&args).remove(0);
            let gaps = capture["items"][0]["notRead"].as_array().cloned().unwrap_or_default();
            (gaps.len() <= least).then_some(gaps)
        })
    };
    let user_of = |stem: &str, namespaced| user(&unique(stem), &all_but_secrets, namespaced);
    let without = gaps(&user_of("without", None), 1);
    assert_eq!(without[0]["resource"], "secrets");
    assert!(without[0]["reason"].as_str().is_some_and(|reason| reason.contains("cannot list")));
    assert!(without[0]["readIn"].is_null(), "{without:?}");

    let one = user_of("one", Some(&namespace));
    let in_one = wait_for("the rights in one namespace", || {
        gaps(&one, 1).into_iter().find(|gap| gap["readIn"] == namespace.as_str())
    });
    assert_eq!(in_one["resource"], "secrets");

    let args = ["--context", "cluster1", "--as", &one, "-n", &namespace];
    let ran = run(&mut tool("mesh-capture", &args), "");
    let warning =
        format!("context cluster1: you may not read secrets (but for those in {namespace})");
    assert!(ran.stderr.contains(&warning), "{ran:?}");
}

fn is_read_as_what_kubectl_prints() {
    let (namespace, id) = (namespace("readers"), unique("readers"));
    apply("cluster1", &[remote_secret("cluster2", &id, &namespace)]);
    let label =
        format!("kubectl --context cluster1 label namespace {namespace} istio-injection=enabled");
    let _ = shell(&label).ok();
    apply(
        "cluster1",
        &[json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "app", "namespace": namespace},
        "spec": {"schedulerName": "nobody", "containers": [{"name": "app", "image": "none"}]}})],
    );
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str, script: &str| {
        let path = dir.path().join(name).display().to_string();
        let _ = shell(&format!("{script} > {path}")).ok();
        path
    };
    let kubectl = "kubectl --context cluster1 get -o json";
    let same = |dump: &str, reader: &str, mine: &str| {
        let read = |path: &str| -> Vec<String> {
            let ran = shell(&format!("{reader} -f {path}"));
            assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
            ran.stdout.lines().filter(|line| line.contains(mine)).map(str::to_owned).collect()
        };
        // Other tests may change the cluster between the two.
        let both = || {
            let capture = file("capture", "mesh-capture -q --context cluster1");
            (read(&capture), read(&file("dump", &format!("{kubectl} {dump}"))))
        };
        let (of_capture, of_dump) = (0..5)
            .map(|_| both())
            .find(|(of_capture, of_dump)| of_capture == of_dump)
            .unwrap_or_else(both);
        assert_eq!(of_capture, of_dump, "{reader}");
        assert!(!of_capture.is_empty(), "{reader} says nothing of {mine}");
    };
    same("secrets,deployments -A", &format!("mesh-secret-lint -q -o json -n {namespace}"), &id);
    same(
        "namespaces,pods,mutatingwebhookconfigurations -A",
        &format!("mesh-label-ns -q --simulate {namespace}"),
        &namespace,
    );
    let revision = "deployments,pods,mutatingwebhookconfigurations,configmaps -n istio-system";
    same(revision, "mesh-revision -q", "\"name\":\"default\"");
    // Two clusters at once are none of these tools' business.
    let both = file("both", "mesh-capture -q --context cluster1 --context cluster2");
    let ran = shell(&format!("mesh-revision -f {both}"));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""), "{ran:?}");
}
