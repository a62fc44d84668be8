//! `verify`: one finding for each thing that can be wrong, and none for what is right.

use super::{assert_no_key, at, folder, list, output, root_map, text, tool, two, with, without};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The codes and restarts of what is found.
fn found(dir: &Path, objects: &[Value]) -> Vec<(String, String)> {
    found_at(dir, "2026-01-01T00:00:00Z", objects)
}

fn found_at(dir: &Path, time: &str, objects: &[Value]) -> Vec<(String, String)> {
    let ran = at(dir, time, &["verify", "-o", "json"]).write_stdin(list(objects)).assert();
    let text = String::from_utf8(ran.get_output().stdout.clone()).unwrap();
    let findings: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let fails = findings.iter().any(|finding| finding["severity"] == "error");
    assert_eq!(ran.get_output().status.code(), Some(i32::from(fails)), "{text}");
    let is_whole = |finding: &Value| {
        finding["fix"].as_str().is_some_and(|fix| !fix.is_empty())
            && finding["message"].as_str().is_some_and(|text| text.starts_with("cluster"))
    };
    assert!(findings.iter().all(is_whole), "{text}");
    let told = |finding: &Value| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&finding["code"]), text(&finding["evidence"]["restart"]))
    };
    findings.iter().map(told).collect()
}

fn codes(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(code, restart)| ((*code).to_owned(), (*restart).to_owned())).collect()
}

#[test]
fn a_good_mesh_is_a_silent_yes() {
    let dir = folder();
    let [a, b]: [Value; 2] = two(dir.path()).try_into().unwrap();
    let root = text(&a, "root-cert.pem");
    let objects = [a, root_map("a", "sample", &root), b, root_map("b", "istio-system", &root)];
    tool(dir.path(), &["verify", "--fail-on", "warning"])
        .write_stdin(list(&objects))
        .assert()
        .success()
        .stdout("")
        .stderr("");
}

#[test]
fn what_istiod_refuses_is_told_as_it_looks_for_it() {
    let dir = folder();
    let [a, b]: [Value; 2] = two(dir.path()).try_into().unwrap();
    let other = folder();
    let strange = two(other.path()).remove(0);
    let from = |other: &Value, file: &str| with(a.clone(), file, &text(other, file));
    let root = text(&a, "root-cert.pem");
    for (secret, expected) in [
        (without(a.clone(), "ca-key.pem"), codes(&[("MESH0501", "proxies")])),
        (
            without(a.clone(), "root-cert.pem"),
            codes(&[("MESH0501", "proxies"), ("MESH0516", "none")]),
        ),
        (with(a.clone(), "ca-cert.pem", "x"), codes(&[("MESH0502", "none")])),
        (
            with(a.clone(), "root-cert.pem", "x"),
            codes(&[("MESH0503", "proxies"), ("MESH0516", "none")]),
        ),
        (from(&strange, "root-cert.pem"), codes(&[("MESH0505", "istiod"), ("MESH0516", "none")])),
        (with(a.clone(), "ca-key.pem", "x"), codes(&[("MESH0506", "none")])),
        (from(&b, "ca-key.pem"), codes(&[("MESH0507", "none")])),
        (with(a.clone(), "ca-crl.pem", "x"), codes(&[("MESH0508", "istiod")])),
        // Its chain does not have the root as CA, and that is no harm: it is the root.
        (
            with(a.clone(), "ca-cert.pem", &root),
            codes(&[("MESH0507", "none"), ("MESH0515", "none")]),
        ),
    ] {
        assert_eq!(found(dir.path(), &[secret]), expected);
    }
}

#[test]
fn certificates_end_and_that_is_told_before() {
    let dir = folder();
    let args = ["init", "-q", "--key", "ecdsa-p256", "--cluster", "a", "--lifetime", "90d"];
    let secret = output(tool(dir.path(), &args).args(["--root-lifetime", "120d", "-o", "json"]));
    let secret: Value = serde_json::from_str(&secret).unwrap();
    for (time, expected) in [
        ("2025-12-31T00:00:00Z", codes(&[("MESH0504", "proxies")])),
        ("2026-03-01T00:00:00Z", codes(&[])),
        ("2026-03-30T00:00:00Z", codes(&[("MESH0518", "none")])),
        ("2026-04-01T00:00:00Z", codes(&[("MESH0518", "none"), ("MESH0518", "proxies")])),
        ("2026-04-02T00:00:00Z", codes(&[("MESH0504", "proxies")])),
        ("2026-06-01T00:00:00Z", codes(&[("MESH0504", "proxies")])),
    ] {
        assert_eq!(found_at(dir.path(), time, std::slice::from_ref(&secret)), expected, "{time}");
    }
    at(dir.path(), "2026-06-01T00:00:00Z", &["verify"])
        .write_stdin(secret.to_string())
        .assert()
        .code(1)
        .stdout(contains(
            "error: cluster a: secret istio-system/cacerts: the certificate \
             \"O=Istio, CN=Intermediate CA, L=a\" expired at 2026-04-01T00:00:00Z \
             (MESH0504; restart istiod, then proxies)\n",
        ));
}

#[test]
fn what_only_peers_would_find_is_told() {
    let dir = folder();
    let [a, b]: [Value; 2] = two(dir.path()).try_into().unwrap();
    let root = text(&a, "root-cert.pem");
    let own = text(&a, "ca-cert.pem");
    let other = folder();
    let strange = text(&two(other.path())[0], "root-cert.pem");
    let key = text(&a, "ca-key.pem");
    for (file, content, expected) in [
        ("cert-chain.pem", root.clone(), codes(&[("MESH0514", "none")])),
        ("cert-chain.pem", text(&b, "cert-chain.pem"), codes(&[("MESH0514", "none")])),
        // As tools/certs/Makefile.k8s.mk writes it.
        ("cert-chain.pem", root.clone() + &own, codes(&[("MESH0515", "none")])),
        ("cert-chain.pem", own.clone() + &strange, codes(&[("MESH0516", "none")])),
        ("cert-chain.pem", own.clone(), codes(&[])),
        ("root-cert.pem", root.clone() + &key, codes(&[("MESH0517", "istiod")])),
        ("root-cert.pem", format!("{root}-----BEGIN"), codes(&[("MESH0517", "istiod")])),
        ("root-cert.pem", format!("the root\n{root}"), codes(&[])),
        ("root-cert.pem", root.clone() + &strange, codes(&[])),
    ] {
        let secret = with(a.clone(), file, &content);
        assert_eq!(found(dir.path(), &[secret]), expected, "{file}: {content}");
    }
}

#[test]
fn the_sample_ca_is_known_without_its_key() {
    let dir = folder();
    let ca = include_str!("../../../meshpki/tests/data/sample-ca-2018.pem");
    let root = include_str!("../../../meshpki/tests/data/sample-root-2018.pem");
    let mut secret = two(dir.path()).remove(0);
    for (file, text) in [("ca-cert.pem", ca), ("cert-chain.pem", ca), ("root-cert.pem", root)] {
        secret = with(secret, file, text);
    }
    secret["data"]["ca-key.pem"] = json!("redacted");
    assert_eq!(found(dir.path(), std::slice::from_ref(&secret)), codes(&[("MESH0519", "proxies")]));
    tool(dir.path(), &["verify"])
        .write_stdin(secret.to_string())
        .assert()
        .code(1)
        .stdout(contains("samples/certs/ca-cert.pem of 2018: its key is public"))
        .stderr(contains("keys are redacted, and not checked: a"));
}

#[test]
fn a_redacted_key_is_compared_where_it_can_be() {
    let dir = folder();
    let [a, b]: [Value; 2] = two(dir.path()).try_into().unwrap();
    let public_key = |secret: &Value| {
        let other = with(secret.clone(), "ca-key.pem", &text(&a, "ca-key.pem"));
        let ran = tool(dir.path(), &["verify", "-o", "json", "--only", "MESH0507"])
            .write_stdin(other.to_string())
            .assert()
            .code(1);
        let finding: Value = serde_json::from_slice(&ran.get_output().stdout).unwrap();
        finding["evidence"]["certificateKey"].as_str().unwrap().to_owned()
    };
    let of_b = public_key(&b);
    let redacted = |mut secret: Value| {
        secret["data"]["ca-key.pem"] = json!(format!("redacted:public-key-sha256:{of_b}"));
        secret
    };
    tool(dir.path(), &["verify"])
        .write_stdin(redacted(b).to_string())
        .assert()
        .success()
        .stdout("")
        .stderr("");
    assert_eq!(found(dir.path(), &[redacted(a.clone())]), codes(&[("MESH0507", "none")]));
}

#[test]
fn clusters_are_compared_by_their_roots() {
    let dir = folder();
    let [a, b]: [Value; 2] = two(dir.path()).try_into().unwrap();
    let other = folder();
    let mut c = two(other.path()).remove(0);
    c["metadata"]["annotations"]["meshutils/cluster"] = json!("c");
    let text_of = |objects: &[Value]| {
        let mut verify = tool(dir.path(), &["verify"]);
        let ran = verify.write_stdin(list(objects)).assert().code(1);
        String::from_utf8(ran.get_output().stdout.clone()).unwrap()
    };
    let both = [a.clone(), b.clone(), c.clone()];
    let said = text_of(&both);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("proxies of a, b do not know the root of c"), "{said}");
    assert!(said.contains("proxies of c do not know the root of a, b"), "{said}");
    assert!(said.ends_with("(MESH0531; restart istiod, then proxies)\n"), "{said}");
    // One way is not enough; both ways with different bundles are a rotation on its way.
    let joined = text(&a, "root-cert.pem") + &text(&c, "root-cert.pem");
    let half = [a.clone(), with(c.clone(), "root-cert.pem", &joined)];
    let said = text_of(&half);
    assert!(said.contains("proxies of a do not know the root of c"), "{said}");
    assert!(!said.contains("proxies of c do"), "{said}");
    let on_the_way =
        [with(a.clone(), "root-cert.pem", &joined), with(c.clone(), "root-cert.pem", &joined), b];
    // b does not know the root of c, and has another bundle than a.
    let expected = codes(&[("MESH0531", "proxies"), ("MESH0532", "proxies")]);
    assert_eq!(found(dir.path(), &on_the_way), expected);
    let [a, c, b] = on_the_way;
    assert_eq!(found(dir.path(), &[a.clone(), b]), codes(&[("MESH0532", "proxies")]));
    assert_eq!(found(dir.path(), &[a, c]), codes(&[]));
    // The config maps alone tell as much.
    let roots = [root_map("a", "x", &joined), root_map("d", "x", "nothing")];
    assert_eq!(found(dir.path(), &roots), codes(&[]));
}

#[test]
fn one_key_in_two_clusters_is_told() {
    let dir = folder();
    let a = two(dir.path()).remove(0);
    let mut b = a.clone();
    b["metadata"]["annotations"]["meshutils/cluster"] = json!("b");
    assert_eq!(found(dir.path(), &[a, b]), codes(&[("MESH0533", "none")]));
}

#[test]
fn roots_that_istiod_has_not_taken_up_are_told() {
    let dir = folder();
    let a = two(dir.path()).remove(0);
    let other = folder();
    let old = text(&two(other.path())[0], "root-cert.pem");
    let root = text(&a, "root-cert.pem");
    let maps = |roots: [&str; 2]| [root_map("a", "n1", roots[0]), root_map("a", "n2", roots[1])];
    let with_maps = |roots| [vec![a.clone()], maps(roots).to_vec()].concat();
    assert_eq!(found(dir.path(), &with_maps([&root, &root])), codes(&[]));
    let expected = codes(&[("MESH0534", "proxies")]);
    assert_eq!(found(dir.path(), &with_maps([&root, &old])), expected);
    let ran = tool(dir.path(), &["verify", "-o", "json"])
        .write_stdin(list(&with_maps([&old, &old])))
        .assert()
        .code(1);
    let finding: Value = serde_json::from_slice(&ran.get_output().stdout).unwrap();
    assert_eq!(finding["evidence"]["namespaces"], json!(["n1", "n2"]));
    let fix = finding["fix"].as_str().unwrap();
    let istiod = "kubectl --context a rollout restart deployment -l app=istiod -n istio-system && ";
    assert!(fix.starts_with(istiod) && fix.contains("mesh-cacerts restarts --cluster a"), "{fix}");
}

#[test]
fn a_tls_secret_is_read_by_its_names() {
    let dir = folder();
    let a = two(dir.path()).remove(0);
    let tls = |chain: &str| {
        let data = json!({});
        let mut secret = a.clone();
        secret["data"] = data;
        let secret = with(secret, "tls.crt", &text(&a, chain));
        let secret = with(secret, "tls.key", &text(&a, "ca-key.pem"));
        with(secret, "ca.crt", &text(&a, "root-cert.pem"))
    };
    assert_eq!(found(dir.path(), &[tls("ca-cert.pem")]), codes(&[]));
    let partial = without(tls("ca-cert.pem"), "ca.crt");
    assert_eq!(
        found(dir.path(), std::slice::from_ref(&partial)),
        codes(&[("MESH0501", "proxies")])
    );
    tool(dir.path(), &["verify"])
        .write_stdin(partial.to_string())
        .assert()
        .code(1)
        .stdout(contains("it lacks ca.crt: istiod finds an incomplete signing CA bundle"));
}

#[test]
fn folders_are_verified_with_the_modes_of_their_keys() {
    let dir = folder();
    let init = ["init", "-q", "--root-dir", "ca/root", "--out", "ca", "--key", "ecdsa-p384"];
    output(tool(dir.path(), &init).args(["--cluster", "a", "--cluster", "b"]));
    tool(dir.path(), &["verify", "--dir", "ca"]).assert().success().stdout("");
    tool(dir.path(), &["verify", "--dir", "ca/a"]).assert().success().stdout("");
    for key in ["ca/a/ca-key.pem", "ca/root/root-key.pem"] {
        let mode = fs::Permissions::from_mode(0o640);
        fs::set_permissions(dir.path().join(key), mode).unwrap();
    }
    let line = |path: &str| {
        format!(
            "error: {path}: others than its owner can read this key (mode 0640) \
             (MESH0520; no restart)\n"
        )
    };
    tool(dir.path(), &["verify", "--dir", "ca"])
        .assert()
        .code(1)
        .stdout(line("ca/a/ca-key.pem") + &line("ca/root/root-key.pem"));
    fs::remove_file(dir.path().join("ca/b/ca-cert.pem")).unwrap();
    tool(dir.path(), &["verify", "--dir", "ca", "--only", "MESH0501"])
        .assert()
        .code(1)
        .stdout(contains("error: cluster b: ca/b: it lacks ca-cert.pem"));
    let nothing = ["verify", "--dir", "nothing"];
    tool(dir.path(), &nothing)
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains("nothing: No such file"));
    fs::create_dir(dir.path().join("empty")).unwrap();
    let empty = ["verify", "--dir", "empty"];
    tool(dir.path(), &empty).assert().code(3).stdout("").stderr(contains("empty: has no CA files"));
}

#[test]
fn no_finding_shows_a_key() {
    let dir = folder();
    let secrets = two(dir.path());
    let key = text(&secrets[0], "ca-key.pem");
    let spoiled = [
        with(secrets[0].clone(), "ca-key.pem", &key.replace("PRIVATE KEY", "ODD KEY")),
        with(secrets[0].clone(), "ca-cert.pem", &key),
        with(secrets[0].clone(), "root-cert.pem", &key),
        with(secrets[0].clone(), "cert-chain.pem", &(text(&secrets[0], "cert-chain.pem") + &key)),
        with(secrets[0].clone(), "ca-crl.pem", &key),
    ];
    for secret in spoiled {
        for form in ["json", "lines"] {
            let mut verify = tool(dir.path(), &["verify", "-o", form]);
            let ran = verify.write_stdin(secret.to_string()).assert().code(1);
            let said = ran.get_output();
            assert_no_key(&String::from_utf8_lossy(&said.stdout), &secrets);
            assert_no_key(&String::from_utf8_lossy(&said.stderr), &secrets);
        }
    }
}

#[test]
fn checks_are_listed_left_out_and_picked() {
    let dir = folder();
    let listed = output(&mut tool(dir.path(), &["verify", "--list-checks"]));
    assert!(listed.starts_with("MESH0501 error   an incomplete set of files\n"), "{listed}");
    let json = output(&mut tool(dir.path(), &["verify", "--list-checks", "-o", "json"]));
    assert_eq!(json.lines().count(), listed.lines().count());
    let a = two(dir.path()).remove(0);
    let bad = without(with(a, "ca-cert.pem", "x"), "ca-key.pem").to_string();
    for (args, expected) in [
        (&[][..], vec!["MESH0501", "MESH0502"]),
        (&["--ignore", "MESH0501"], vec!["MESH0502"]),
        (&["--only", "MESH0501,MESH0509"], vec!["MESH0501"]),
        (&["--only", "MESH0501", "--ignore", "MESH0501"], vec![]),
    ] {
        let ran = tool(dir.path(), &["verify"]).args(args).write_stdin(bad.as_str()).assert();
        let ran = ran.code(i32::from(!expected.is_empty()));
        let text = String::from_utf8_lossy(&ran.get_output().stdout).into_owned();
        assert_eq!(text.lines().count(), expected.len(), "{text}");
        assert!(expected.iter().all(|code| text.contains(code)), "{text}");
    }
    let wrong = ["verify", "--only", "MESH0401"];
    tool(dir.path(), &wrong).assert().code(2).stderr(contains("is no code of a check"));
    let warning = ["verify", "--only", "MESH0518", "--within", "11y", "--fail-on", "warning"];
    let good = two(dir.path()).remove(0).to_string();
    tool(dir.path(), &warning).write_stdin(good).assert().code(1).stdout(contains("expires at"));
}

#[test]
fn input_without_a_ca_is_an_error() {
    let dir = folder();
    for (input, reason) in [
        ("", "stdin: is empty"),
        ("{\"kind\": \"ConfigMap\"}", "stdin: document 1: missing field `metadata`"),
        ("{\"kind\": \"Pod\", \"metadata\": {\"name\": \"a\"}}", "has no Secret cacerts"),
    ] {
        tool(dir.path(), &["verify"])
            .write_stdin(input)
            .assert()
            .code(3)
            .stdout("")
            .stderr(contains(reason).and(predicate::str::starts_with("mesh-cacerts: error: ")));
    }
    for (args, reason) in [
        (&["--root-dir", "x"][..], "--root-dir is for init and rotate"),
        (&["-o", "yaml"], "written as lines or json"),
        (&["--dir", "x", "-f", "y"], "cannot be used with"),
        (&["--at", "yesterday"], "is no time"),
    ] {
        let mut verify = mesh_tests::tool("mesh-cacerts");
        let ran = verify.env_clear().arg("verify").args(args).write_stdin("{}").assert();
        ran.code(2).stdout("").stderr(contains(reason));
    }
}

#[test]
fn the_layout_of_tools_certs_is_read() {
    let dir = folder();
    let init = ["init", "-q", "--root-dir", "ca", "--out", "ca", "--key", "ecdsa-p256"];
    output(tool(dir.path(), &init).args(["--cluster", "a"]));
    tool(dir.path(), &["verify", "--dir", "ca"]).assert().success().stdout("");
    let mode = fs::Permissions::from_mode(0o644);
    fs::set_permissions(dir.path().join("ca/root-key.pem"), mode).unwrap();
    tool(dir.path(), &["verify", "--dir", "ca"])
        .assert()
        .code(1)
        .stdout(predicate::str::starts_with("error: ca/root-key.pem: others than its owner"));
}
