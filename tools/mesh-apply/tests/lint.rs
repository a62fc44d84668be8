//! Remote Secrets that no mesh should be given, through the program.

use super::cli::{secret_of, with};
use predicates::prelude::*;
use serde_json::{Value, json};

const DRY: [&str; 3] = ["--to-peers", "--dry-run=client", "-q"];

fn server() -> Value {
    json!({"server": "https://a.example"})
}

fn token() -> Value {
    json!({"token": "hush"})
}

/// A token with these claims, of nobody's key.
fn jwt(claims: &Value) -> Value {
    use base64::Engine as _;
    let part =
        |value: &Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    json!({"token": format!("{}.{}.c2ln", part(&json!({"alg": "RS256"})), part(claims))})
}

fn plain(data: &str) -> Value {
    let mut secret = secret_of("a", server(), &token());
    secret["stringData"]["a"] = json!(data);
    secret
}

/// What is refused, and by which check.
fn bad() -> Vec<(Value, &'static str)> {
    let of = |cluster, user: Value| secret_of("a", cluster, &user);
    let with_file = json!({"server": "https://a.example", "certificate-authority": "/ca",
        "certificate-authority-data": ""});
    vec![
        (plain("{"), "MESH0411"),
        (plain("kind: Pod"), "MESH0411"),
        (plain("users: [{name: u, user: {token: hush}}]"), "MESH0412"),
        (of(json!({}), token()), "MESH0412"),
        (of(server(), json!({"exec": {"command": "sh", "apiVersion": "v1"}})), "MESH0413"),
        (of(server(), json!({"tokenFile": "/t"})), "MESH0413"),
        (of(server(), json!({"client-certificate": "/t", "client-key": "/t"})), "MESH0413"),
        (of(server(), json!({"auth-provider": {"name": "gcp"}})), "MESH0413"),
        (of(json!({"server": "http://a.example"}), token()), "MESH0421"),
        (of(json!({"server": "https:///"}), token()), "MESH0421"),
        (of(with_file, token()), "MESH0426"),
        (
            of(json!({"server": "https://192.0.2.1", "certificate-authority-data": ""}), token()),
            "MESH0427",
        ),
        (
            of(
                json!({"server": "https://a.example", "certificate-authority-data": "eA=="}),
                token(),
            ),
            "MESH0428",
        ),
        (of(server(), json!({})), "MESH0431"),
        (of(server(), jwt(&json!({"exp": 1}))), "MESH0434"),
        (of(server(), jwt(&json!({"nbf": 99_999_999_999_i64}))), "MESH0437"),
    ]
}

#[test]
fn what_the_linter_calls_an_error_is_not_spread() {
    for (secret, code) in bad() {
        let ran = with(&DRY, &secret.to_string());
        ran.code(3)
            .stdout("")
            .stderr(predicate::str::contains(format!("({code})")))
            .stderr(predicate::str::contains("secret istio-system/istio-remote-secret-a: "))
            .stderr(predicate::str::contains("make it again: mesh-remote-secret --context"))
            .stderr(predicate::str::contains("hush").not());
        // Who has no server has no https address, either.
        let ignored = format!("{code},MESH0421");
        with(&[&DRY[..], &["--ignore", &ignored]].concat(), &secret.to_string()).success();
        // What is taken away harms nobody.
        with(&["--context", "b", "--delete", "--dry-run=client"], &secret.to_string()).success();
    }
}

#[test]
fn programs_and_files_are_refused_for_named_clusters_too() {
    let named = ["--context", "b", "--dry-run=client", "-q"];
    for (secret, code) in bad() {
        let ran = with(&named, &secret.to_string());
        if ["MESH0411", "MESH0413", "MESH0426"].contains(&code) {
            ran.code(3).stdout("").stderr(predicate::str::contains(code));
        } else {
            ran.success().stderr("");
        }
    }
    // istiod opens the files of clusters that are not the current one, too.
    let mut secret = secret_of("a", server(), &token());
    let text = secret["stringData"]["a"].as_str().unwrap().to_owned();
    let more = r#""clusters":[{"name":"d","cluster":{"server":"https://d","certificate-authority":"/d"}},"#;
    secret["stringData"]["a"] = json!(text.replace("\"clusters\":[", more));
    with(&named, &secret.to_string()).code(3).stderr(predicate::str::contains("MESH0426"));
}

#[test]
fn warnings_are_said_once_a_kind_and_stop_nothing() {
    let of = |name: &str| secret_of(name, json!({"server": "https://a.example"}), &token());
    let input = ["a", "b", "c"].map(|name| of(name).to_string()).concat();
    with(&DRY[..2], &input)
        .success()
        .stderr(predicate::str::contains("its token is no JWT").count(1))
        .stderr(predicate::str::contains("(MESH0433), and 2 more"));
    with(&DRY, &input).success().stderr("");
}

/// A loopback address leads to the other clusters where all are on loopback, as in a test bed.
#[test]
fn loopback_is_for_test_beds() {
    let secret = secret_of("a", json!({"server": "https://127.0.0.1:1"}), &token()).to_string();
    with(&DRY[..2], &secret).success().stderr(predicate::str::contains("(MESH0422)"));
    let kubeconfig = json!({
        "clusters": [{"name": "a", "cluster": {"server": "https://192.0.2.1"}}],
        "users": [{"name": "u", "user": {"token": "hush"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "u"}}],
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, kubeconfig.to_string()).unwrap();
    let run = |more: &[&str]| {
        let mut tool = mesh_tests::tool("mesh-apply");
        tool.env_clear().env("KUBECONFIG", &path).args(DRY).args(more).write_stdin(secret.clone());
        tool.assert()
    };
    run(&[]).code(3).stdout("").stderr(predicate::str::contains("(MESH0422)"));
    run(&["--ignore", "MESH0422"]).success();
    run(&["--ignore", "MESH9999"]).code(2);
}
