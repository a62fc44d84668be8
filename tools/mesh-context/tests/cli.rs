//! The program as a user runs it.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-context");
    tool.env_clear().args(args);
    tool
}

const CA: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

const TWO: &str = "\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: Q0E=
    server: https://34.1.1.1
  name: gke_my-proj_us-west2-a_asm-a
- cluster:
    extensions:
    - extension:
        last-update: Mon, 01 Jan 2024 00:00:00 UTC
      name: cluster_info
    server: https://127.0.0.1:6443
  name: dev
contexts:
- context:
    cluster: dev
    namespace: default
    user: dev
  name: kind-dev
- context:
    cluster: gke_my-proj_us-west2-a_asm-a
    user: gke_my-proj_us-west2-a_asm-a
  name: gke_my-proj_us-west2-a_asm-a
current-context: gke_my-proj_us-west2-a_asm-a
kind: Config
preferences: {}
users:
- name: dev
  user:
    token: very-secret
- name: gke_my-proj_us-west2-a_asm-a
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      command: gke-gcloud-auth-plugin
      provideClusterInfo: true
";

/// What kubeadm gives to every cluster.
fn kubeadm(server: &str, token: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "kubernetes-admin@kubernetes",
        "clusters": [{"name": "kubernetes", "cluster": {"server": server}}],
        "users": [{"name": "kubernetes-admin", "user": {"token": token}}],
        "contexts": [{"name": "kubernetes-admin@kubernetes",
            "context": {"cluster": "kubernetes", "user": "kubernetes-admin"}}],
    })
    .to_string()
}

/// The JSON output of a run that succeeds.
fn json_of(tool: &mut assert_cmd::Command) -> Value {
    let assert = tool.args(["-o", "json"]).assert().success();
    serde_json::from_slice(&assert.get_output().stdout).unwrap()
}

fn path<'a>(dir: &'a tempfile::TempDir, name: &str, text: &str) -> std::borrow::Cow<'a, str> {
    let path = dir.path().join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned().into()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn nothing_asked_changes_only_the_order_of_entries() {
    let sorted =
        tool(&[]).write_stdin(TWO).assert().success().stderr("").get_output().stdout.clone();
    let sorted = String::from_utf8(sorted).unwrap();
    assert_eq!(sorted.lines().count(), TWO.lines().count());
    assert!(sorted.contains("    extensions:\n    - extension:\n        last-update: "));
    assert!(sorted.contains("      provideClusterInfo: true\n"));
    assert!(sorted.ends_with("provideClusterInfo: true\n"));
    tool(&[]).write_stdin(sorted.as_str()).assert().success().stdout(sorted.clone());
}

#[test]
fn a_context_gets_another_name_and_stays_current() {
    tool(&["--rename", "asma=gke_my-proj_us-west2-a_asm-a"])
        .write_stdin(TWO)
        .assert()
        .success()
        .stdout(contains("\n  name: asma\n").and(contains("\ncurrent-context: asma\n")));
    for (args, message) in [
        (&["--rename", "x=dev"][..], "there is no context \"dev\""),
        (&["--rename", "kind-dev=gke_my-proj_us-west2-a_asm-a"], "would be named \"kind-dev\""),
        (&["--rename", "x"], "NEW=OLD"),
        (&["--use", "dev"], "no context \"dev\""),
        (&["--minify", "--context", "dev"], "no context \"dev\""),
        (&["--context", "kind-dev"], "--minify"),
        (&["--in-place"], "--kubeconfig"),
        (&["--short", "--rename", "a=b"], "cannot be used with"),
        (&["--list", "-o", "json"], "cannot be used with"),
    ] {
        tool(args).write_stdin(TWO).assert().code(2).stdout("").stderr(contains(message));
    }
    tool(&["--use", "dev"])
        .write_stdin(TWO)
        .assert()
        .stderr(contains("hint: it has: gke_my-proj_us-west2-a_asm-a, kind-dev"));
}

#[test]
fn short_names_are_given_to_all() {
    let config = json_of(tool(&["--short", "--use", "kind-dev"]).write_stdin(TWO));
    assert_eq!(config["contexts"][0]["name"], "asm-a");
    assert_eq!(config["contexts"][1]["name"], "kind-dev");
    assert_eq!(config["current-context"], "kind-dev");
    assert_eq!(config["contexts"][0]["context"]["cluster"], "gke_my-proj_us-west2-a_asm-a");
}

#[test]
fn equally_named_clusters_of_two_files_are_not_mixed() {
    let dir = tempfile::tempdir().unwrap();
    let a = path(&dir, "a", &kubeadm("https://1", "secret-1"));
    let b = path(&dir, "b", &kubeadm("https://2", "secret-2"));
    let mut merge = tool(&["-f", &a, "-f", &b, "-f", &a]);
    let config = json_of(&mut merge);
    let second = &config["contexts"][1];
    assert_eq!(second["name"], "kubernetes-admin@kubernetes-2");
    assert_eq!(second["context"], json!({"cluster": "kubernetes-2", "user": "kubernetes-admin-2"}));
    assert_eq!(config["clusters"][1]["cluster"]["server"], "https://2");
    assert_eq!(config["users"][1]["user"]["token"], "secret-2");
    assert_eq!(config["clusters"].as_array().unwrap().len(), 2);
    merge.assert().stderr(
        contains(format!(
            "warning: {b}: document 1: context \"kubernetes-admin@kubernetes\" is not"
        ))
        .and(contains(format!("of {a}: document 1: now \"kubernetes-admin@kubernetes-2\"")))
        .and(contains("secret").not()),
    );
}

#[test]
fn relative_paths_become_absolute_and_files_become_data() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("sub")).unwrap();
    fs::write(dir.path().join("sub/ca.crt"), CA).unwrap();
    let file = path(
        &dir,
        "sub/config",
        "clusters: [{name: k, cluster: {server: 's', certificate-authority: ca.crt}}]\n\
         users: [{name: u, user: {tokenFile: ./token, exec: {command: bin/plugin}}}]\n\
         contexts: [{name: c, context: {cluster: k, user: u}}]\n",
    );
    let folder = dir.path().join("sub");
    let at = |name: &str| json!(folder.join(name).to_str().unwrap());
    let config = json_of(tool(&["-f", "sub/config"]).current_dir(&dir));
    assert_eq!(config["clusters"][0]["cluster"]["certificate-authority"], at("ca.crt"));
    assert_eq!(config["users"][0]["user"]["tokenFile"], at("token"));
    assert_eq!(config["users"][0]["user"]["exec"]["command"], at("bin/plugin"));
    let config =
        json_of(&mut tool(&["--kubeconfig", &file, "--minify", "--context=c", "--flatten"]));
    assert_eq!(
        config["clusters"][0]["cluster"],
        json!({"server": "s", "certificate-authority-data": STANDARD.encode(CA)})
    );
    assert_eq!(config["current-context"], "c");
    fs::remove_file(folder.join("ca.crt")).unwrap();
    tool(&["-f", &file, "--flatten"]).assert().code(3).stdout("").stderr(
        contains("cluster k: certificate-authority: ").and(contains("ca.crt: No such file")),
    );
    tool(&[]).write_stdin(fs::read(&*file).unwrap()).assert().success().stderr(contains(
        "warning: stdin: document 1: relative paths stay as they are: ca.crt, bin/plugin, ./token",
    ));
}

#[test]
fn one_context_is_extracted_with_what_it_needs() {
    let config = json_of(tool(&["--minify", "--context", "kind-dev"]).write_stdin(TWO));
    for list in ["clusters", "contexts", "users"] {
        assert_eq!(config[list].as_array().unwrap().len(), 1, "{list}");
    }
    assert_eq!(config["current-context"], "kind-dev");
    assert_eq!(config["users"][0]["user"]["token"], "very-secret");
    tool(&["--minify"]).write_stdin(TWO).assert().success().stdout(contains("very-secret").not());
    tool(&["--minify"])
        .write_stdin("contexts: [{name: c, context: {cluster: k}}]\ncurrent-context: c\n")
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains("context c: its cluster \"k\" is not in the kubeconfig"));
    tool(&["--minify"])
        .write_stdin("contexts: [{name: c}]")
        .assert()
        .code(2)
        .stderr(contains("which context?").and(contains("it has: c")));
}

#[test]
fn a_list_holds_records_and_no_credentials() {
    tool(&["--list"]).write_stdin(TWO).assert().success().stderr("").stdout(concat!(
        r#"{"apiVersion":"meshutils/v1alpha1","kind":"Cluster","name":"asm-a","provider":"gke","#,
        r#""project":"my-proj","location":"us-west2-a","context":"gke_my-proj_us-west2-a_asm-a","#,
        r#""endpoints":[{"url":"https://34.1.1.1","kind":"public","caData":"Q0E="}]}"#,
        "\n",
        r#"{"apiVersion":"meshutils/v1alpha1","kind":"Cluster","name":"kind-dev","#,
        r#""context":"kind-dev","endpoints":[{"url":"https://127.0.0.1:6443","kind":"private"}]}"#,
        "\n",
    ));
    let dir = tempfile::tempdir().unwrap();
    let file = path(&dir, "config", TWO);
    let named = format!("\"kubeconfig\":\"{file}\"");
    tool(&["--list", "--kubeconfig", &file]).assert().success().stdout(contains(&named).count(2));
    tool(&["--list", "--short", "--kubeconfig", &file])
        .assert()
        .success()
        .stdout(contains(&named).not().and(contains("\"context\":\"asm-a\"")));
}

#[test]
fn files_are_replaced_whole_and_for_their_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let file = path(&dir, "config", TWO);
    fs::set_permissions(&*file, fs::Permissions::from_mode(0o644)).unwrap();
    let link = dir.path().join("link");
    symlink("config", &link).unwrap();
    let link = link.to_str().unwrap();
    tool(&["--kubeconfig", link, "--use", "kind-dev", "--in-place"])
        .assert()
        .success()
        .stdout("")
        .stderr(format!("mesh-context: note: {link}: written\n"));
    assert!(fs::symlink_metadata(link).unwrap().is_symlink());
    assert!(fs::read_to_string(&*file).unwrap().contains("\ncurrent-context: kind-dev\n"));
    assert_eq!(mode(Path::new(&*file)), 0o600);

    let out = dir.path().join("new");
    tool(&["-q", "--out", out.to_str().unwrap()]).write_stdin(TWO).assert().success().stderr("");
    assert_eq!(mode(&out), 0o600);
    tool(&["-q", "--out", "here", "-ojson"]).current_dir(&dir).write_stdin(TWO).assert().success();
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 4);
}

#[test]
fn what_cannot_be_replaced_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = path(&dir, "config", TWO);
    for (target, reason) in
        [("/dev/null", "is not a regular file"), (dir.path().to_str().unwrap(), "is a folder")]
    {
        tool(&["--out", target])
            .write_stdin(TWO)
            .assert()
            .code(3)
            .stdout("")
            .stderr(contains(format!("{target}: {reason}")));
    }
    let nowhere = dir.path().join("no/folder");
    tool(&["--out", nowhere.to_str().unwrap()])
        .write_stdin(TWO)
        .assert()
        .code(3)
        .stderr(contains("No such file"));
    tool(&["--kubeconfig", &file, "--in-place", "--rename", "x=y"]).assert().code(2);
    assert_eq!(fs::read_to_string(&*file).unwrap(), TWO);
}

#[test]
fn in_place_keeps_relative_paths_and_takes_other_files_in() {
    let dir = tempfile::tempdir().unwrap();
    let own = "clusters: [{name: k, cluster: {certificate-authority: ca.crt}}]\nusers: null\n";
    let file = path(&dir, "config", own);
    let other = path(&dir, "other", TWO);
    tool(&["-q", "--kubeconfig", &file, "-f", &other, "--in-place"]).assert().success();
    let text = fs::read_to_string(&*file).unwrap();
    assert!(text.contains("certificate-authority: ca.crt\n"), "{text}");
    assert!(text.contains("name: kind-dev\n"), "{text}");
}

#[test]
fn what_is_no_kubeconfig_is_refused_and_never_shown() {
    for (input, message) in [
        ("", "stdin: is empty"),
        ("{\"kind\":\"Pod\"}", "stdin: document 1: is no kubeconfig but a Pod"),
        ("{\"a\":1}", "stdin: document 1: is no kubeconfig"),
        ("kind: Config\nkind: Config\n", "stdin: document 1: has the key \"kind\" twice"),
        ("users: [{name: u}, {name: u}]", "stdin: document 1: .users: has two entries named \"u\""),
        ("users: [{name: u, user: secret}]", "invalid type: string"),
        ("contexts: [{name: c, context: {cluster: [secret]}}]", "stdin: document 1: .contexts[0]"),
        ("users: secret", "stdin: document 1: .users: invalid type: string"),
    ] {
        tool(&[])
            .write_stdin(input)
            .assert()
            .code(3)
            .stdout("")
            .stderr(contains(message).and(contains("secret").not()));
    }
    tool(&["--kubeconfig", "/nowhere/config"])
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains("/nowhere/config: No such file"));
}

/// Whoever wrote the kubeconfig names these files: nothing but certificates and keys leaves them.
#[test]
fn only_certificates_and_keys_are_embedded() {
    let dir = tempfile::tempdir().unwrap();
    path(&dir, "shadow", "root:$6$hash:1:0\n");
    fs::create_dir(dir.path().join("folder")).unwrap();
    for (file, reason) in [
        ("shadow", "has neither certificates nor a key in PEM"),
        ("folder", "is not a regular file"),
        ("/dev/zero", "is a device and not a file"),
    ] {
        let config = format!(
            "clusters: [{{name: k, cluster: {{server: 's', certificate-authority: {file}}}}}]\n"
        );
        let config = path(&dir, "config", &config);
        tool(&["-f", &config, "--flatten"])
            .assert()
            .code(3)
            .stdout("")
            .stderr(contains(reason).and(contains("cluster k: certificate-authority")));
    }
}
