//! `rotate`: what is missing, the Secrets of each step, and what is refused.

use super::{at, folder, items, list, output, root_map, text, tool, two, with, without};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn rotate(dir: &Path, args: &[&str], objects: &[Value]) -> assert_cmd::Command {
    let mut rotate = tool(dir, &["rotate", "--root-dir", "next", "-o", "json"]);
    if args.first() != Some(&"--plan") {
        rotate.args(args);
    }
    rotate.write_stdin(list(objects));
    rotate
}

/// The missing steps and their clusters.
fn plan(dir: &Path, objects: &[Value]) -> Vec<(u64, Vec<String>)> {
    let plan = output(&mut rotate(dir, &["--plan"], objects));
    let step = |line: &str| {
        let step: Value = serde_json::from_str(line).unwrap();
        assert!(!step["commands"].as_array().unwrap().is_empty());
        let clusters = step["clusters"].as_array().unwrap();
        let names = clusters.iter().map(|name| name.as_str().unwrap().to_owned());
        (step["step"].as_u64().unwrap(), names.collect())
    };
    plan.lines().map(step).collect()
}

/// The Secrets of a step.
fn after(dir: &Path, step: &str, objects: &[Value]) -> Vec<Value> {
    let args = ["--step", step, "--key", "ecdsa-p256", "-q"];
    items(&output(&mut rotate(dir, &args, objects)))
}

fn verify(dir: &Path, objects: &[Value]) -> String {
    let mut verify = tool(dir, &["verify"]);
    let ran = verify.write_stdin(list(objects)).assert();
    String::from_utf8(ran.get_output().stdout.clone()).unwrap()
}

fn steps(numbers: &[u64]) -> Vec<(u64, Vec<String>)> {
    numbers.iter().map(|&number| (number, vec!["a".to_owned(), "b".to_owned()])).collect()
}

/// As proxies have it once istiod was restarted with these Secrets.
fn taken_up(secrets: &[Value]) -> Vec<Value> {
    let map = |secret: &Value| {
        let cluster = secret["metadata"]["annotations"]["meshutils/cluster"].as_str().unwrap();
        root_map(cluster, "sample", &text(secret, "root-cert.pem"))
    };
    let maps = secrets.iter().map(map);
    secrets.iter().cloned().chain(maps).collect()
}

#[test]
fn a_root_is_changed_in_four_steps_and_no_cluster_ever_distrusts_another() {
    let dir = folder();
    let first = two(dir.path());
    assert_eq!(plan(dir.path(), &first), steps(&[1, 2, 3, 4]));
    assert!(!dir.path().join("next").exists());

    let trusting = after(dir.path(), "1", &first);
    let new_root = fs::read_to_string(dir.path().join("next/root-cert.pem")).unwrap();
    for (before, now) in first.iter().zip(&trusting) {
        assert_eq!(text(now, "root-cert.pem"), text(before, "root-cert.pem") + &new_root);
        for file in ["ca-cert.pem", "ca-key.pem", "cert-chain.pem"] {
            assert_eq!(text(now, file), text(before, file));
        }
        assert_eq!(now["metadata"], before["metadata"]);
    }
    // Half of the clusters have it: still one mesh.
    for mixed in [[&trusting[0], &first[1]], [&first[0], &trusting[1]]] {
        assert!(!verify(dir.path(), &mixed.map(Clone::clone)).contains("error:"));
    }
    assert_eq!(plan(dir.path(), &trusting), steps(&[2, 3, 4]));
    assert_eq!(after(dir.path(), "1", &trusting), trusting);

    let old_maps = taken_up(&first)[2..].to_vec();
    let not_restarted = [trusting.clone(), old_maps].concat();
    assert_eq!(plan(dir.path(), &not_restarted), steps(&[2, 3, 4]));
    rotate(dir.path(), &["--step", "3"], &not_restarted)
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains("cluster a: has not given the new root to its proxies yet"));
    assert_eq!(plan(dir.path(), &taken_up(&trusting)), steps(&[3, 4]));

    let signing = after(dir.path(), "3", &taken_up(&trusting));
    for (before, now) in trusting.iter().zip(&signing) {
        assert_eq!(text(now, "root-cert.pem"), text(before, "root-cert.pem"));
        assert_eq!(text(now, "cert-chain.pem"), text(now, "ca-cert.pem") + &new_root);
        assert_ne!(text(now, "ca-key.pem"), text(before, "ca-key.pem"));
    }
    for mixed in [[&signing[0], &trusting[1]], [&trusting[0], &signing[1]]] {
        assert_eq!(verify(dir.path(), &mixed.map(Clone::clone)), "");
    }
    assert_eq!(plan(dir.path(), &taken_up(&signing)), steps(&[4]));
    assert_eq!(after(dir.path(), "3", &signing), signing);

    let done = after(dir.path(), "4", &signing);
    for (before, now) in signing.iter().zip(&done) {
        assert_eq!(text(now, "root-cert.pem"), new_root);
        // A part of what istiod has, byte by byte: it is loaded without a restart.
        assert!(text(before, "root-cert.pem").contains(&new_root));
        assert_eq!(text(now, "ca-key.pem"), text(before, "ca-key.pem"));
    }
    for mixed in [[&done[0], &signing[1]], [&signing[0], &done[1]]] {
        assert!(!verify(dir.path(), &mixed.map(Clone::clone)).contains("error:"));
    }
    let old_maps = taken_up(&signing)[2..].to_vec();
    assert_eq!(plan(dir.path(), &[done.clone(), old_maps].concat()), steps(&[4]));
    assert_eq!(plan(dir.path(), &taken_up(&done)), steps(&[]));
    assert_eq!(verify(dir.path(), &taken_up(&done)), "");
    rotate(dir.path(), &["--plan"], &done)
        .assert()
        .success()
        .stderr(contains("no step is missing"));
    assert_eq!(after(dir.path(), "4", &done), done);
}

#[test]
fn clusters_that_are_further_are_left_as_they_are() {
    let dir = folder();
    let first = two(dir.path());
    let trusting = after(dir.path(), "1", &first);
    let mixed = [first[0].clone(), trusting[1].clone()];
    assert_eq!(plan(dir.path(), &mixed)[0], (1, vec!["a".to_owned()]));
    assert_eq!(after(dir.path(), "1", &mixed), trusting);
    rotate(dir.path(), &["--step", "3"], &mixed).assert().code(3).stdout("").stderr(
        contains("cluster a: does not trust the new root yet").and(contains("step 1 comes")),
    );
    rotate(dir.path(), &["--step", "4"], &trusting).assert().code(3).stdout("").stderr(
        contains("does not sign below the new root yet").and(contains("step 3 comes first")),
    );
    let signing = after(dir.path(), "3", &trusting);
    let mixed = [signing[0].clone(), trusting[1].clone()];
    assert_eq!(plan(dir.path(), &mixed)[1], (3, vec!["b".to_owned()]));
    assert_eq!(after(dir.path(), "3", &mixed)[0], signing[0]);
}

#[test]
fn new_intermediates_below_the_same_root_are_one_step() {
    let dir = folder();
    let first = two(dir.path());
    fs::rename(dir.path().join("root"), dir.path().join("next")).unwrap();
    assert_eq!(plan(dir.path(), &first), steps(&[]));
    let renew = |args: &[&str]| output(&mut rotate(dir.path(), args, &first));
    let step: Value = serde_json::from_str(&renew(&["--renew"])).unwrap();
    assert_eq!((step["step"].as_u64(), &step["restart"]), (Some(3), &json!("none")));
    assert!(step["commands"][0].as_str().unwrap().contains("--renew"), "{step}");
    assert_eq!(step["commands"].as_array().unwrap().len(), 1);
    let renewed = items(&renew(&["--renew", "--step", "3", "--lifetime", "60d"]));
    for (before, now) in first.iter().zip(&renewed) {
        assert_eq!(text(now, "root-cert.pem"), text(before, "root-cert.pem"));
        assert_ne!(text(now, "ca-key.pem"), text(before, "ca-key.pem"));
    }
    assert_eq!(verify(dir.path(), &renewed), "");
    // Those that end soon are renewed without being asked.
    let soon = ["rotate", "--root-dir", "next", "-o", "json"];
    let mut soon = at(dir.path(), "2026-02-15T00:00:00Z", &soon);
    let mixed = list(&[renewed[0].clone(), first[1].clone()]);
    let step: Value = serde_json::from_str(&output(soon.write_stdin(mixed))).unwrap();
    assert_eq!((step["step"].as_u64(), &step["clusters"]), (Some(3), &json!(["a"])));
}

#[test]
fn the_roots_key_is_needed_for_the_third_step_alone() {
    let dir = folder();
    let first = two(dir.path());
    let trusting = after(dir.path(), "1", &first);
    let key = dir.path().join("next/root-key.pem");
    let hidden = dir.path().join("elsewhere");
    fs::rename(&key, &hidden).unwrap();
    assert_eq!(after(dir.path(), "1", &first), trusting);
    rotate(dir.path(), &["--step", "3"], &trusting)
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains("next/root-key.pem: is not there"));
    fs::rename(&hidden, &key).unwrap();
    let signing = after(dir.path(), "3", &trusting);
    fs::rename(&key, &hidden).unwrap();
    after(dir.path(), "4", &signing);
}

#[test]
fn istiods_own_ca_is_left_for_a_root_that_others_have_too() {
    let dir = folder();
    let mut own = two(dir.path()).remove(0);
    let root = fs::read_to_string(dir.path().join("root/root-cert.pem")).unwrap();
    let key = fs::read_to_string(dir.path().join("root/root-key.pem")).unwrap();
    own["metadata"]["name"] = json!("istio-ca-secret");
    own["data"] = json!({});
    let own = with(with(own, "ca-cert.pem", &root), "ca-key.pem", &key);
    let a = vec!["a".to_owned()];
    let numbers = |steps: &[u64]| steps.iter().map(|&step| (step, a.clone())).collect::<Vec<_>>();
    assert_eq!(plan(dir.path(), std::slice::from_ref(&own)), numbers(&[1, 2, 3, 4]));
    let trusting = after(dir.path(), "1", std::slice::from_ref(&own));
    assert_eq!(trusting[0]["metadata"]["name"], "cacerts");
    assert_eq!(text(&trusting[0], "ca-cert.pem"), root);
    assert_eq!(text(&trusting[0], "cert-chain.pem"), root);
    assert!(text(&trusting[0], "root-cert.pem").starts_with(&root));
    assert_eq!(verify(dir.path(), &trusting), "");
    // The Secret that istiod made stays in the cluster, and counts no more.
    let both = [trusting[0].clone(), own];
    let done = after(dir.path(), "4", &after(dir.path(), "3", &both));
    assert_eq!(plan(dir.path(), &done), numbers(&[]));
    assert_eq!(verify(dir.path(), &done), "");
}

#[test]
fn an_old_bundle_without_a_line_feed_at_its_end_stays_as_it_is() {
    let dir = folder();
    let a = two(dir.path()).remove(0);
    let bare = text(&a, "root-cert.pem").trim_end().to_owned();
    let now = after(dir.path(), "1", &[with(a, "root-cert.pem", &bare)]);
    let bundle = text(&now[0], "root-cert.pem");
    assert!(bundle.starts_with(&bare) && bundle.contains("-----END CERTIFICATE-----\n-----BEGIN"));
    assert_eq!(verify(dir.path(), &now), "");
}

#[test]
fn what_cannot_be_rotated_is_told_and_nothing_is_written() {
    let dir = folder();
    let [a, b]: [Value; 2] = two(dir.path()).try_into().unwrap();
    let mut redacted = a.clone();
    redacted["data"]["ca-key.pem"] = json!("redacted");
    let mut tls = with(without(a.clone(), "ca-cert.pem"), "tls.crt", &text(&a, "cert-chain.pem"));
    tls = with(tls, "tls.key", &text(&a, "ca-key.pem"));
    tls = with(tls, "ca.crt", &text(&a, "root-cert.pem"));
    let unnamed = |secret: &Value| {
        let mut secret = secret.clone();
        secret["metadata"].as_object_mut().unwrap().remove("annotations");
        secret["metadata"]["namespace"] = json!("other");
        secret
    };
    for (objects, reason) in [
        (vec![redacted.clone()], "its key is redacted"),
        (vec![tls], "whoever writes it, as cert-manager, has to rotate it"),
        (vec![without(a.clone(), "ca-key.pem")], "it lacks ca-key.pem"),
        (vec![with(a.clone(), "ca-key.pem", &text(&b, "ca-key.pem"))], "is not the key of"),
        (vec![with(a.clone(), "ca-cert.pem", "x")], "its ca-cert.pem holds no PEM block"),
        (vec![a.clone(), root_map("c", "x", "y")], "cluster c: its CA is not in the input"),
        (vec![a.clone(), unnamed(&b)], "the Secret has to find its cluster"),
    ] {
        rotate(dir.path(), &["--step", "1", "--key", "ecdsa-p256"], &objects)
            .assert()
            .failure()
            .stdout("")
            .stderr(contains(reason).and(contains("made a root").not()));
        assert!(!dir.path().join("next").exists(), "{reason}");
    }
    // A plan needs no keys.
    assert_eq!(plan(dir.path(), &[redacted]).len(), 4);
    let mut late = at(dir.path(), "2036-01-01T00:00:00Z", &["rotate", "--root-dir", "next"]);
    late.write_stdin(a.to_string())
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains("expired at 2035-12-30T00:00:00Z").and(contains("cannot be rotated")));
    for (step, reason) in [
        ("2", "step 2 restarts istiod and proxies, and has no Secrets"),
        ("3", "has no root yet"),
        ("4", "has no root yet"),
        ("5", "steps have the numbers 1 to 4"),
    ] {
        let mut rotate = rotate(dir.path(), &["--step", step], std::slice::from_ref(&a));
        rotate.assert().failure().stdout("").stderr(contains(reason));
    }
    let no_root = ["rotate"];
    tool(dir.path(), &no_root).assert().code(2).stderr(contains("rotate needs --root-dir"));
    let crl = with(after(dir.path(), "1", &[a]).remove(0), "ca-crl.pem", "x");
    rotate(dir.path(), &["--step", "3"], &[crl])
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains("ca-crl.pem"));
}

#[test]
fn names_come_from_the_command_line_where_kubectl_has_none() {
    let dir = folder();
    let unnamed = |secret: Value| {
        let mut secret = secret;
        secret["metadata"].as_object_mut().unwrap().remove("annotations");
        secret
    };
    let documents: Vec<String> =
        two(dir.path()).into_iter().map(|secret| format!("{:#}", unnamed(secret))).collect();
    // As kubectl prints one after the other.
    let stream = documents.join(
        "
",
    );
    let args = ["rotate", "--root-dir", "next", "--key", "ecdsa-p256", "--step", "1", "-q"];
    let mut named = tool(dir.path(), &args);
    named.args(["--cluster", "west", "--cluster", "east", "-o", "json"]);
    let secrets = items(&output(named.write_stdin(stream)));
    let name = |secret: &Value| secret["metadata"]["annotations"]["meshutils/cluster"].clone();
    assert_eq!(secrets.iter().map(name).collect::<Vec<_>>(), ["east", "west"]);
    let one = documents[0].as_str();
    let alone = items(&output(tool(dir.path(), &args).args(["-o", "json"]).write_stdin(one)));
    assert_eq!(name(&alone[0]), Value::Null);
    // The third step writes the name into the certificate.
    let mut third = tool(dir.path(), &["rotate", "--root-dir", "next", "--step", "3"]);
    third
        .write_stdin(alone[0].to_string())
        .assert()
        .code(2)
        .stdout("")
        .stderr(contains("--cluster NAME gives it"));
}
