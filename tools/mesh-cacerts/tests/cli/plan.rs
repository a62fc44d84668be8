//! The commands of a plan, run by a shell. kubectl and mesh-apply are stand-ins that keep each
//! cluster's objects in a folder and do what istiod does when it starts.

use super::{folder, output};
use std::fs;
use std::path::Path;
use std::process::Command;

/// A List of what the cluster has; an istiod that starts publishes its roots.
const KUBECTL: &str = r#"#!/bin/sh
set -eu
echo "kubectl $*" >> log
cd "clusters/${1#--context=}"
case "$*" in
*" get secret/cacerts secret/istio-ca-secret configmap/istio-ca-root-cert --ignore-not-found -o json")
    printf -- '---\nkind: List\nitems:\n'
    for object in cacerts published; do
        if [ -e $object ]; then echo '-'; sed 's/^/  /' $object; fi
    done
    ;;
*" rollout restart deployment -l app=istiod")
    {
        printf 'kind: ConfigMap\nmetadata: {name: istio-ca-root-cert, namespace: sample}\n'
        printf 'data:\n  root-cert.pem: |\n'
        sed -n 's/^  root-cert.pem: "\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' cacerts | base64 -d | sed 's/^/    /'
    } > published
    ;;
*" rollout status deployment -l app=istiod") ;;
*" get pods -A -l security.istio.io/tlsMode=istio -o jsonpath="*) printf 'sample\nother\nsample\n' ;;
*" rollout restart deployment,statefulset,daemonset -l app!=istiod -n "*) ;;
*) exit 1 ;;
esac
"#;

/// Each object goes to its cluster, without the annotation that says which.
const MESH_APPLY: &str = r#"#!/bin/sh
set -eu
echo "mesh-apply $*" >> log
awk '
    function put() { if (cluster != "") printf "%s", text > ("clusters/" cluster "/cacerts"); text = cluster = "" }
    /^---$/ { put(); next }
    /^    meshutils\/cluster: / { cluster = $2; next }
    { text = text $0 "\n" }
    END { put() }
'
"#;

/// A process of its own writes it: what another test's thread starts meanwhile would hold a file
/// of this process open for a moment, and it could not be executed.
fn program(dir: &Path, name: &str, text: &str) {
    let script = "cat >\"$0\" && chmod 755 \"$0\"";
    let mut sh = assert_cmd::Command::new("sh");
    sh.args(["-c", script, name]).current_dir(dir).write_stdin(text).assert().success();
}

fn shell(dir: &Path, script: &str) -> String {
    let own = mesh_tests::program_dir();
    let path = format!("{}/bin:{}:/usr/bin:/bin", dir.display(), own.display());
    // A plan waits until proxies have what they need: a mistake must not wait for ever.
    let ran = Command::new("timeout")
        .args(["60", "sh", "-eu", "-c", script])
        .current_dir(dir)
        .env_clear()
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{script}\n{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn a_plan_runs_as_printed_and_leaves_nothing_to_do() {
    let dir = folder();
    for folder in ["bin", "clusters/west", "clusters/east"] {
        fs::create_dir_all(dir.path().join(folder)).unwrap();
    }
    program(dir.path(), "bin/kubectl", KUBECTL);
    program(dir.path(), "bin/mesh-apply", MESH_APPLY);
    // Two meshes, each with a root of its own.
    for cluster in ["west", "east"] {
        let init =
            format!("mesh-cacerts init -q --key ecdsa-p256 --cluster {cluster} | mesh-apply");
        shell(dir.path(), &init);
    }
    let read = "for c in west east; do kubectl --context=$c -n istio-system get secret/cacerts \
                secret/istio-ca-secret configmap/istio-ca-root-cert --ignore-not-found -o json; done";
    let clusters = "--cluster west --cluster east";
    let plan =
        format!("{read} | mesh-cacerts rotate --key ecdsa-p256 --root-dir 'a root' {clusters}");
    let script = shell(dir.path(), &plan);
    assert_eq!(script.matches("# step ").count(), 4, "{script}");
    fs::write(dir.path().join("log"), "").unwrap();
    shell(dir.path(), &script);

    assert_eq!(shell(dir.path(), &plan), "");
    let verify = format!("{read} | mesh-cacerts verify --fail-on warning {clusters}");
    assert_eq!(shell(dir.path(), &verify), "");
    let log = fs::read_to_string(dir.path().join("log")).unwrap();
    assert_eq!(
        log.matches("mesh-apply --force-conflicts --context east --context west").count(),
        3
    );
    for cluster in ["west", "east"] {
        let restart = |what: &str| format!("kubectl --context={cluster} {what}\n");
        let of = |what: &str| log.matches(&restart(what)).count();
        assert_eq!(of("-n istio-system rollout restart deployment -l app=istiod"), 3);
        assert_eq!(
            of("rollout restart deployment,statefulset,daemonset -l app!=istiod -n sample"),
            3
        );
        assert_eq!(
            of("rollout restart deployment,statefulset,daemonset -l app!=istiod -n other"),
            3
        );
        // No proxy before its istiod.
        let first = |what: &str| log.find(&restart(what)).unwrap();
        assert!(
            first("-n istio-system rollout restart deployment -l app=istiod")
                < first("rollout restart deployment,statefulset,daemonset -l app!=istiod -n other")
        );
    }
}

#[test]
fn a_plan_repeats_the_flags_that_make_certificates() {
    let dir = folder();
    let plan = |args: &[&str]| {
        let mut init = mesh_tests::tool("mesh-cacerts");
        init.env_clear().current_dir(dir.path());
        init.args(["init", "-q", "--key", "ecdsa-p256", "--cluster", "a b", "-n", "istio"]);
        let secret = output(&mut init);
        let mut rotate = mesh_tests::tool("mesh-cacerts");
        rotate.env_clear().current_dir(dir.path()).args(["rotate", "--root-dir", "next"]);
        output(rotate.args(args).write_stdin(secret))
    };
    let flags = "--key ecdsa-p384 --organization 'A B' --crl-sign";
    let args = ["--key", "ecdsa-p384", "--organization", "A B", "--crl-sign"];
    let more =
        ["--root-lifetime", "20y", "--lifetime", "1y", "--path-length", "1", "--san", "spiffe://a"];
    let text = plan(&[&args[..], &more, &["--within", "60d"]].concat());
    for part in [
        "for c in 'a b'; do kubectl --context=\"$c\" -n istio get ",
        &format!("--step 1 --cluster 'a b' {flags} --root-lifetime 7300d | "),
        &format!(
            "--step 3 --cluster 'a b' {flags} --lifetime 365d --path-length 1 --san spiffe://a \
             --within 60d | "
        ),
        "--step 4 --cluster 'a b' | mesh-apply --force-conflicts --context 'a b'\n",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}
