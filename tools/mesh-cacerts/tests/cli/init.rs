//! `init`: what it makes, keeps and refuses.

use super::{assert_no_key, at, folder, items, output, text, tool, two};
use predicates::prelude::*;
use predicates::str::{contains, is_empty};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const QUICK: [&str; 4] = ["--key", "ecdsa-p256", "-o", "json"];

fn init(dir: &Path, args: &[&str]) -> assert_cmd::Command {
    let mut init = tool(dir, &["init"]);
    init.args(QUICK).args(args);
    init
}

/// All files below a folder with their bytes, to see that nothing changed.
fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                all.push((path.clone(), Vec::new()));
                folders.push(path);
            } else {
                all.push((path.clone(), fs::read(&path).unwrap()));
            }
        }
    }
    all.sort();
    all
}

#[test]
fn each_cluster_gets_a_secret_that_mesh_apply_puts_into_it() {
    let dir = folder();
    let secrets = two(dir.path());
    for (secret, cluster) in secrets.iter().zip(["a", "b"]) {
        assert_eq!(secret["apiVersion"], "v1");
        assert_eq!(secret["kind"], "Secret");
        assert_eq!(secret["type"], "Opaque");
        let metadata = &secret["metadata"];
        assert_eq!(metadata["name"], "cacerts");
        assert_eq!(metadata["namespace"], "istio-system");
        assert_eq!(metadata["labels"]["app.kubernetes.io/managed-by"], "meshutils");
        assert_eq!(metadata["annotations"]["meshutils/cluster"], cluster);
        assert_eq!(metadata["annotations"]["meshutils/expires"], "2035-12-30T00:00:00Z");
        let keys: Vec<&String> = secret["data"].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem"]);
        assert_eq!(
            text(secret, "cert-chain.pem"),
            text(secret, "ca-cert.pem") + &text(secret, "root-cert.pem")
        );
    }
    let root = fs::read_to_string(dir.path().join("root/root-cert.pem")).unwrap();
    assert!(secrets.iter().all(|secret| text(secret, "root-cert.pem") == root));
    assert_ne!(text(&secrets[0], "ca-key.pem"), text(&secrets[1], "ca-key.pem"));
}

#[test]
fn the_roots_key_is_its_owners_alone_and_never_printed() {
    let dir = folder();
    let ran = init(dir.path(), &["--root-dir", "x/root", "--cluster", "a"]).assert().success();
    let ran = ran.stderr(contains("made a root, and its key in x/root/root-key.pem"));
    let path = dir.path().join("x/root/root-key.pem");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&dir.path().join("x/root"))), (0o600, 0o700));
    let key = fs::read_to_string(path).unwrap();
    let said = ran.get_output();
    for stream in [&said.stdout, &said.stderr] {
        let stream = String::from_utf8_lossy(stream);
        let decoded: String = match serde_json::from_str::<Value>(&stream) {
            Ok(secret) => {
                secret["data"].as_object().unwrap().keys().map(|file| text(&secret, file)).collect()
            }
            Err(_) => stream.into_owned(),
        };
        assert!(key.lines().filter(|l| !l.contains("---")).all(|line| !decoded.contains(line)));
    }
}

#[test]
fn the_same_root_signs_for_a_cluster_that_comes_later() {
    let dir = folder();
    let [a, b]: [Value; 2] = two(dir.path()).try_into().unwrap();
    let mut later = init(dir.path(), &["--root-dir", "root", "--cluster", "c"]);
    let ran = later.assert().success().stderr(is_empty());
    let c = items(&String::from_utf8_lossy(&ran.get_output().stdout)).remove(0);
    for other in [&a, &b] {
        assert_eq!(text(&c, "root-cert.pem"), text(other, "root-cert.pem"));
    }
    let all = super::list(&[a, b, c]);
    tool(dir.path(), &["verify"]).write_stdin(all).assert().success().stdout("").stderr("");
}

#[test]
fn a_root_that_nobody_keeps_is_warned_of() {
    let dir = folder();
    init(dir.path(), &["--cluster", "a"])
        .assert()
        .success()
        .stderr(contains("no cluster can be added later"));
    assert!(files(dir.path()).is_empty());
}

#[test]
fn records_give_names_and_ids() {
    let dir = folder();
    let records = r#"{"apiVersion":"meshutils/v1alpha1","kind":"Cluster","name":"west","id":"cn-p-l-west"}
{"apiVersion":"meshutils/v1alpha1","kind":"Cluster","name":"east"}"#;
    let mut init = init(dir.path(), &["--out", "ca", "-n", "istio-west", "-q"]);
    let secrets = items(&output(init.write_stdin(records)));
    let name = |secret: &Value| secret["metadata"]["annotations"]["meshutils/cluster"].clone();
    assert_eq!(secrets.iter().map(name).collect::<Vec<_>>(), ["east", "west"]);
    assert_eq!(secrets[1]["metadata"]["namespace"], "istio-west");
    for (secret, folder) in secrets.iter().zip(["east", "cn-p-l-west"]) {
        for file in ["ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem"] {
            let path = dir.path().join("ca").join(folder).join(file);
            assert_eq!(fs::read_to_string(path).unwrap(), text(secret, file));
        }
    }
}

#[test]
fn what_is_there_is_kept_and_printed() {
    let dir = folder();
    let args = ["--root-dir", "root", "--out", "ca", "--cluster", "a"];
    let first = output(&mut init(dir.path(), &args));
    let before = files(dir.path());
    let ran = init(dir.path(), &args).assert().success();
    let ran = ran.stdout(first.clone()).stderr(contains("cluster a: kept the intermediate"));
    assert!(!String::from_utf8_lossy(&ran.get_output().stderr).contains("made a root"));
    assert_eq!(files(dir.path()), before);
    // One more cluster, and the first one stays.
    let both = items(&output(init(dir.path(), &args).args(["--cluster", "b"])));
    assert_eq!(both[0], items(&first)[0]);
    assert_eq!(both.len(), 2);
}

/// Each changes what is there, so that the next init refuses it.
type Spoil = fn(&Path);

#[test]
fn an_intermediate_that_is_not_good_is_not_written_over() {
    let other_root: Spoil = |dir| {
        fs::remove_dir_all(dir.join("root")).unwrap();
    };
    let open_key: Spoil = |dir| {
        let mode = fs::Permissions::from_mode(0o644);
        fs::set_permissions(dir.join("ca/a/ca-key.pem"), mode).unwrap();
    };
    let half: Spoil = |dir| fs::remove_file(dir.join("ca/a/ca-cert.pem")).unwrap();
    let no_key: Spoil = |dir| fs::write(dir.join("ca/a/ca-key.pem"), "secret").unwrap();
    let other_key: Spoil = |dir| {
        fs::copy(dir.join("root/root-key.pem"), dir.join("ca/a/ca-key.pem")).unwrap();
    };
    let other_ca: Spoil = |dir| {
        fs::copy(dir.join("ca/a/root-cert.pem"), dir.join("ca/a/ca-cert.pem")).unwrap();
    };
    for (spoil, reason) in [
        (other_root, "has another root in its root-cert.pem"),
        (open_key, "others can read (mode 0644)"),
        (half, "lacks ca-cert.pem"),
        (no_key, "cannot be read: ca-key.pem holds no PEM block"),
        (other_key, "cannot sign: the key is not the CA certificate's"),
        (other_ca, "cannot sign: the key is not the CA certificate's"),
    ] {
        let dir = folder();
        let args = ["--root-dir", "root", "--out", "ca", "--cluster", "a"];
        output(&mut init(dir.path(), &args));
        spoil(dir.path());
        let before = files(dir.path());
        init(dir.path(), &args)
            .args(["--cluster", "b"])
            .assert()
            .code(3)
            .stdout("")
            .stderr(contains(reason).and(contains("it is not written over")));
        assert_eq!(files(dir.path()), before, "{reason}");
    }
}

#[test]
fn an_expired_intermediate_is_told_and_stays() {
    let dir = folder();
    let args = ["--root-dir", "root", "--out", "ca", "--cluster", "a", "--lifetime", "30d"];
    output(&mut init(dir.path(), &args));
    let before = files(dir.path());
    let mut later = at(dir.path(), "2026-03-01T00:00:00Z", &["init"]);
    let expired = "expired at 2026-01-31T00:00:00Z";
    later.args(QUICK).args(args).assert().code(3).stdout("").stderr(contains(expired));
    assert_eq!(files(dir.path()), before);
}

#[test]
fn a_root_that_is_not_good_is_refused() {
    let sample = include_str!("../../../meshpki/tests/data/sample-root-2024.pem");
    let other = folder();
    two(other.path());
    let intermediate = text(&two(other.path())[0], "ca-cert.pem");
    for (certificate, reason) in [
        (sample, "its key is public"),
        (intermediate.as_str(), "is no root: "),
        ("nothing", "holds no PEM block"),
    ] {
        let dir = folder();
        two(dir.path());
        fs::write(dir.path().join("root/root-cert.pem"), certificate).unwrap();
        let before = files(dir.path());
        init(dir.path(), &["--root-dir", "root", "--out", "ca", "--cluster", "c"])
            .assert()
            .code(3)
            .stdout("")
            .stderr(contains("root/root-cert.pem: ").and(contains(reason)));
        assert_eq!(files(dir.path()), before);
    }
    let dir = folder();
    two(dir.path());
    let key = dir.path().join("root/root-key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o604)).unwrap();
    init(dir.path(), &["--root-dir", "root", "--cluster", "c"])
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains("others can read it (mode 0604)").and(contains("chmod 600")));
    let mut late = at(dir.path(), "2036-01-01T00:00:00Z", &["init", "--root-dir", "root"]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    late.args(["--cluster", "c"])
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains("expired at 2035-12-30T00:00:00Z"));
}

#[test]
fn what_cannot_be_made_is_wrong_usage_and_writes_nothing() {
    let dir = folder();
    for (args, reason) in [
        (&["--cluster", "a/b"][..], "has a slash"),
        (&["--cluster", "a", "--cluster", "a"], "has the ID a of cluster a"),
        (&["--cluster", "a", "--lifetime", "11y"], "would outlive its CA"),
        (&["--cluster", "a", "--lifetime", "0d"], "is over at once"),
        (&["--cluster", "a", "--san", "a b"], "is no host name"),
        (&["--cluster", "a", "--organization", ""], "organization (O)"),
        (&["--cluster", "a", "-f", "x"], "by --cluster, or by records"),
        (&["--cluster", "a", "--within", "1d"], "--within is for verify and rotate"),
        (&["--cluster", "a", "--step", "1"], "--step is for rotate"),
        (&["--cluster", "a", "--dir", "x"], "cannot be used with"),
    ] {
        init(dir.path(), &["--root-dir", "root", "--out", "ca"])
            .args(args)
            .assert()
            .failure()
            .stdout("")
            .stderr(contains(reason));
        assert!(files(dir.path()).is_empty(), "{args:?}");
    }
    let mut weak = tool(dir.path(), &["init", "--cluster", "a", "--key", "rsa-1024"]);
    weak.assert().code(2).stdout("").stderr(contains("a key is one of rsa-2048"));
    let mut lines = tool(dir.path(), &["init", "--cluster", "a", "-o", "lines"]);
    lines.assert().code(2).stdout("").stderr(contains("written as yaml or json"));
}

#[test]
fn nothing_is_written_when_one_file_cannot_be() {
    let dir = folder();
    fs::create_dir_all(dir.path().join("ca/b")).unwrap();
    fs::write(dir.path().join("ca/b/notes.txt"), "mine").unwrap();
    let before = files(dir.path());
    init(dir.path(), &["--root-dir", "root", "--out", "ca", "--cluster", "a", "--cluster", "b"])
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains("ca/b: ").and(contains("nothing was written")));
    assert_eq!(files(dir.path()), before);
}

#[test]
fn yaml_and_json_hold_the_same() {
    let dir = folder();
    let args = ["--root-dir", "root", "--out", "ca", "--cluster", "a", "--cluster", "b", "-q"];
    let json = output(&mut init(dir.path(), &args));
    let yaml = output(tool(dir.path(), &["init"]).args(args));
    assert!(yaml.starts_with("apiVersion: v1\ndata:\n  ca-cert.pem: "), "{yaml}");
    let back = |text: &str| {
        output(tool(dir.path(), &["verify", "-o", "json", "--within", "100y"]).write_stdin(text))
    };
    assert_eq!(back(&yaml), back(&json));
    assert_eq!(back(&yaml).matches("MESH0518").count(), 4);
    assert_no_key(&back(&yaml), &items(&json));
}
