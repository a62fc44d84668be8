//! The commands of a plan, run by a shell. kubectl and mesh-apply are stand-ins that keep each
//! cluster's objects in a folder and do what istiod does when it starts.

use super::{folder, output};
use std::fs;
use std::path::Path;
use std::process::Command;

/// What the cluster has, with the times of a clock that goes on by a minute whenever something
/// happens. An istiod that starts publishes its roots.
const KUBECTL: &str = r#"#!/bin/sh
set -eu
echo "kubectl $*" >> log
case $1 in
--context=*) context=${1#--context=} ;;
*) context=$2 && shift ;;
esac
shift
cd "clusters/$context"
case "$*" in
"-n istio-system get secret/cacerts secret/istio-ca-secret configmap/istio-ca-root-cert --ignore-not-found --show-managed-fields -o json")
    printf -- '---\nkind: List\nitems:\n'
    for object in cacerts published; do
        [ -e $object ] || continue
        printf -- '- '
        sed "s/^  name: \(cacerts\|istio-ca-root-cert\)$/&\n  managedFields: [{time: \"$(cat $object.at)\"}]/" $object | sed '2,$s/^/  /'
    done
    ;;
"get pods,workloadentries.networking.istio.io -A -o json")
    printf -- '---\nkind: List\nitems:\n'
    pod() {
        printf -- '- kind: Pod\n  metadata:\n    name: %s-abc-1\n    namespace: %s\n' "$1" "$2"
        printf '    labels: {pod-template-hash: abc, app: %s}\n' "$1"
        printf '    ownerReferences: [{kind: ReplicaSet, name: %s-abc, controller: true}]\n' "$1"
        printf '  spec: {containers: [{name: %s}]}\n' "$3"
        printf '  status: {phase: Running, startTime: "%s"}\n' "$(cat "$1.at")"
    }
    pod istiod istio-system discovery
    pod web sample istio-proxy
    pod ingress edge istio-proxy
    ;;
"-n istio-system rollout restart deployment -l app=istiod")
    tick > istiod.at
    tick > published.at
    {
        printf 'kind: ConfigMap\nmetadata:\n  name: istio-ca-root-cert\n  namespace: sample\n'
        printf 'data:\n  root-cert.pem: |\n'
        sed -n 's/^  root-cert.pem: "\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' cacerts | base64 -d | sed 's/^/    /'
    } > published
    ;;
"rollout restart deployment/"*" -n "*) name=${3#deployment/} && tick > "$name.at" ;;
"-n istio-system rollout status deployment -l app=istiod") ;;
"rollout status deployment/"*" --timeout=10m -n "*) ;;
*) exit 1 ;;
esac
"#;

/// A minute later, each time.
const TICK: &str = r#"#!/bin/sh
set -eu
echo tick >> /DIR/ticks
date -u -d "@$(($(cat /DIR/began) + 60 * $(wc -l < /DIR/ticks)))" +%FT%TZ
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
for cluster in clusters/*; do tick > "$cluster/cacerts.at"; done
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
    program(dir.path(), "bin/tick", &TICK.replace("/DIR", &dir.path().display().to_string()));
    shell(
        dir.path(),
        "date +%s > began; for c in clusters/*; do tick > $c/istiod.at; tick > $c/web.at; tick > $c/ingress.at; done",
    );
    // Two meshes, each with a root of its own.
    for cluster in ["west", "east"] {
        let init =
            format!("mesh-cacerts init -q --key ecdsa-p256 --cluster {cluster} | mesh-apply");
        shell(dir.path(), &init);
    }
    let read = "for c in west east; do kubectl --context=$c -n istio-system get secret/cacerts \
                secret/istio-ca-secret configmap/istio-ca-root-cert --ignore-not-found \
                --show-managed-fields -o json; kubectl --context=$c get \
                pods,workloadentries.networking.istio.io -A -o json; done";
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
        let of_istiod = |what: &str| {
            let what = format!("rollout {what} deployment -l app=istiod");
            format!("kubectl --context={cluster} -n istio-system {what}\n")
        };
        let of = |name: &str, what: &str, wait: &str, namespace: &str| {
            let what = format!("rollout {what} deployment/{name}{wait} -n {namespace}");
            format!("kubectl --context {cluster} {what}\n")
        };
        assert_eq!(log.matches(&of_istiod("restart")).count(), 3);
        // The gateway in a namespace without a sidecar, too; each is waited for.
        for (name, namespace) in [("web", "sample"), ("ingress", "edge")] {
            let restart = of(name, "restart", "", namespace);
            let wait = of(name, "status", " --timeout=10m", namespace);
            assert_eq!(log.matches(&restart).count(), 3, "{log}");
            assert_eq!(log.matches(&wait).count(), 3, "{log}");
            // No proxy before its istiod.
            assert!(log.find(&of_istiod("status")).unwrap() < log.find(&restart).unwrap());
            assert!(log.find(&restart).unwrap() < log.find(&wait).unwrap());
        }
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
