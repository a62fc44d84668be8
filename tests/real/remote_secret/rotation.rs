//! Tokens that end, and new ones for old.

use super::{READER, account_without_token, ask, stored_kubeconfig, token_secrets, works};
use crate::clusters::{get, kubeconfig, shell, tool, wait_for};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mesh_tests::run;
use serde_json::{Value, json};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A token with an end works, and lint knows when it will not any more.
pub fn ends_with_its_token() {
    let namespace = account_without_token();
    let mut args = vec!["--context", "cluster1", "--name", "c1", "-n", &namespace, "--ttl", "1h"];
    let ran = run(&mut tool("mesh-remote-secret", &args), "");
    assert!(!ran.stderr.contains("only"), "{}", ran.stderr);
    let manifest = ran.ok();
    assert_eq!(token_secrets(&namespace), [] as [String; 0]);
    let secret: Value = serde_yaml::from_str(&manifest).expect("YAML");
    let (file, config) = stored_kubeconfig(&secret, "c1");
    assert!(works(&file));
    assert!(config["clusters"][0]["cluster"]["certificate-authority-data"].is_string());
    let expires = secret["metadata"]["annotations"]["meshutils/expires"].as_str().expect("a time");
    let rotate = secret["metadata"]["annotations"]["meshutils/rotate-after"].as_str();
    assert!(rotate.expect("a time") < expires);

    let lint = |at: &str| {
        let args = ["--own-id", "c2", "-n", &namespace, "--ignore", "MESH0422", "--at", at];
        run(&mut tool("mesh-secret-lint", &args), &manifest)
    };
    let before = lint(rotate.expect("a time"));
    assert!(!before.stdout.contains("MESH0434") && before.code == Some(0), "{before:?}");
    let after = lint(expires);
    assert!(after.stdout.contains("MESH0434") && after.code == Some(1), "{after:?}");

    // The next one leaves this one as it is.
    args.push("--rotate");
    let ran = run(&mut tool("mesh-remote-secret", &args), "");
    assert!(ran.stderr.contains("stay valid until their own end"), "{}", ran.stderr);
    let (next, _) = stored_kubeconfig(&serde_yaml::from_str(&ran.ok()).expect("YAML"), "c1");
    assert!(works(&file) && works(&next));
    // The test bed's istiod says that it is of a version that does not take changes well.
    let ran = run(&mut tool("mesh-remote-secret", &["--context", "cluster1", "--ttl", "1h"]), "");
    assert!(ran.stderr.contains("istiod 1.30.3 forgets the endpoints"), "{}", ran.stderr);
}

/// A token of the test bed's own making, for the time from `issued` to `expires` (seconds from
/// now), signed with the key of cluster1's API server.
fn signed_token(issued: i64, expires: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let now = i64::try_from(now).expect("before the year 292277026596");
    let issuer = "https://kubernetes.default.svc.cluster.local";
    let account = get("cluster1", &["serviceaccount", READER, "-n", "istio-system"]);
    let claims = json!({
        "iss": issuer, "aud": [issuer], "iat": now + issued, "nbf": now + issued,
        "exp": now + expires, "sub": format!("system:serviceaccount:istio-system:{READER}"),
        "kubernetes.io": {"namespace": "istio-system",
            "serviceaccount": {"name": READER, "uid": account["metadata"]["uid"]}},
    });
    let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
    let signed =
        format!("{}.{}", encode(json!({"alg": "ES256"}).to_string()), encode(claims.to_string()));
    let key = kubeconfig().with_file_name("cluster1/pki/sa.key");
    let mut openssl = Command::new("openssl");
    openssl.args(["dgst", "-sha256", "-hex", "-sign"]).arg(key);
    let hex = run(&mut openssl, &signed).ok();
    let hex = hex.trim().rsplit(' ').next().expect("a signature").to_owned();
    let der: Vec<u8> = (0..hex.len() / 2)
        .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hexadecimal"))
        .collect();
    // SEQUENCE { INTEGER r, INTEGER s }, each to be 32 bytes long.
    let (r, rest) = der[4..].split_at(usize::from(der[3]));
    let s = &rest[2..2 + usize::from(rest[1])];
    let mut signature = Vec::new();
    for number in [r, s] {
        let number = &number[number.len().saturating_sub(32)..];
        signature.extend(vec![0; 32 - number.len()]);
        signature.extend(number);
    }
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The real API server ends a token at its end, and --check-endpoint sees it. The server grants
/// one minute, and remembers an answer for some seconds.
pub fn expired_token_is_refused() {
    let token = signed_token(-600, -54);
    let ca = std::fs::read(kubeconfig().with_file_name("cluster1/pki/ca.crt")).expect("a CA");
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "t", "annotations": {"kubernetes.io/service-account.name": READER}},
        "data": {"token": STANDARD.encode(&token), "ca.crt": STANDARD.encode(ca)},
    });
    let server = std::fs::read_to_string(kubeconfig().with_file_name("cluster1/server"));
    let server = server.expect("the server's address");
    let args = ["-q", "--name", "c1", "--server", server.trim(), "--check-endpoint"];
    let check = || run(&mut tool("mesh-remote-secret", &args), &secret.to_string());
    let manifest: Value = serde_yaml::from_str(&check().ok()).expect("YAML");
    let (file, _) = stored_kubeconfig(&manifest, "c1");
    assert!(works(&file));
    let refused = wait_for("the end of the token", || Some(check()).filter(|r| r.code == Some(4)));
    assert_eq!(refused.stdout, "");
    assert!(refused.stderr.contains("does not accept the token"), "{}", refused.stderr);
    assert!(!refused.stderr.contains(&token), "{}", refused.stderr);
    assert!(ask(&file).stderr.contains("Unauthorized"));
}

/// New credentials while the old are in use: whoever polls never meets a closed door.
pub fn rotates_without_a_gap() {
    let namespace = account_without_token();
    let make = |flags: &str| {
        shell(&format!(
            "mesh-remote-secret --context cluster1 --name c1 -n {namespace} {flags} |
             mesh-apply --context cluster2 -o lines"
        ))
    };
    let stored = || {
        let secret = get("cluster2", &["secret", "istio-remote-secret-c1", "-n", &namespace]);
        stored_kubeconfig(&secret, "c1")
    };
    let _ = make("").ok();
    let (old, _) = stored();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let poll = scope.spawn(|| {
            let mut answers = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                answers.push(ask(&stored().0).code);
            }
            answers
        });
        let base = format!("{READER}-istio-remote-secret-token");
        // However often nobody takes what it gives, one Secret is left behind, and is given next.
        assert!(works(&old));
        let fail = format!(
            "mesh-remote-secret --context cluster1 --name c1 -n {namespace} --rotate | false"
        );
        let failed = shell(&fail);
        assert!(failed.stderr.contains(&format!("made secret {namespace}/{base}-2")), "{failed:?}");
        let failed = shell(&fail);
        assert!(!failed.stderr.contains("made secret"), "{failed:?}");
        let ran = make("--rotate");
        let unused = format!("nobody has used the token in secret {namespace}/{base}-2 yet");
        assert!(ran.stderr.contains(&unused), "{ran:?}");
        assert_eq!(token_secrets(&namespace), [base.clone(), format!("{base}-2")]);
        assert!(works(&old) && works(&stored().0));
        // Without --rotate the newest stays the current one.
        let version = || {
            get("cluster2", &["secret", "istio-remote-secret-c1", "-n", &namespace])["metadata"]
                ["resourceVersion"]
                .take()
        };
        let before = version();
        let _ = make("-q").ok();
        assert_eq!(version(), before);
        // The old one is deleted as the note says.
        let (_, delete) = ran.stderr.split_once("new secret: ").expect("a command");
        let delete = delete.lines().next().expect("a command");
        assert_eq!(
            delete,
            format!("kubectl delete secret {base} -n {namespace} --context cluster1")
        );
        let _ = shell(delete).ok();
        wait_for("the end of the old token", || (!works(&old)).then_some(()));
        let ran = make("--rotate");
        assert!(ran.stderr.contains(&format!("made secret {namespace}/{base}-3")), "{ran:?}");
        stop.store(true, Ordering::Relaxed);
        let answers = poll.join().expect("it polls");
        assert!(answers.len() > 5 && answers.iter().all(|code| *code == Some(0)), "{answers:?}");
    });
}
