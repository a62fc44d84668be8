//! What a cluster that leaves has read stays known to it.

use super::in_both;
use crate::clusters::{kubectl, namespace, shell, wait_for};
use mesh_tests::run;

const READER: &str = "istio-reader-service-account";

/// The token that it had works on; the command that is printed ends it.
pub fn tokens_that_still_work_are_named() {
    let namespace = namespace("leave");
    let args = ["--context", "cluster1", "create", "serviceaccount", READER, "-n", &namespace];
    let _ = run(&mut kubectl(&args), "").ok();
    let mut make = format!("mesh-remote-secret -q --context cluster1 --name c1 -n {namespace}");
    let give = format!("{make} | mesh-apply --context cluster2 -o lines");
    let _ = shell(&give).ok();
    let kubeconfig = tempfile::NamedTempFile::new().expect("a file");
    let stored = "{{range .data}}{{base64decode .}}{{end}}";
    let copy = format!(
        "kubectl --context cluster2 get secret istio-remote-secret-c1 -n {namespace} \
         -o go-template='{stored}' > {0}
         chmod 600 {0}",
        kubeconfig.path().display()
    );
    let _ = shell(&copy).ok();
    let works = || {
        let copied = kubeconfig.path().to_str().expect("a plain path");
        run(&mut kubectl(&["--kubeconfig", copied, "get", "--raw", "/api"]), "").code == Some(0)
    };
    assert!(works());
    let leave = ["--leave", "cluster2", "-n", &namespace, "-o", "lines"];
    let left = in_both(&leave, "");
    assert_eq!(left.code, Some(0), "{left:?}");
    let told =
        "cluster2 had a token of cluster1: whoever has copied it can use it until its Secret is";
    assert!(left.stderr.contains(told), "{left:?}");
    assert!(works());
    let (_, delete) = left.stderr.split_once("hint: ").expect("a hint");
    let delete = delete.lines().next().expect("a command");
    assert_eq!(
        delete,
        format!(
            "kubectl --context cluster1 delete secret -n {namespace} {READER}-istio-remote-secret-token"
        )
    );
    let _ = shell(delete).ok();
    wait_for("the end of the token", || (!works()).then_some(()));
    // There is nothing to say of a cluster that had nothing.
    assert!(!in_both(&leave, "").stderr.contains("had a token"));
    make += " --ttl 1h";
    let _ = shell(&format!("{make} | mesh-apply --context cluster2 -o lines")).ok();
    let left = in_both(&leave, "");
    assert!(
        left.stderr
            .contains("cluster2 had a token of cluster1: whoever has copied it can use it until 2"),
        "{left:?}"
    );
    assert!(left.stderr.contains("it ends with its service account alone"), "{left:?}");
}
