//! The program as a user runs it on files that others made.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use meshpki::issue::{self, CaSpec, Signer, WorkloadSpec};
use meshpki::{Certificate, KeyKind, PrivateKey};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// 2026-01-01T00:00:00Z
const NOW: i64 = 1_767_225_600;

/// A folder that nothing is wrong with.
struct Folder(TempDir);

fn ca() -> (Certificate, PrivateKey) {
    issue::root(&CaSpec { key: KeyKind::EcdsaP256, ..CaSpec::root() }, NOW).unwrap()
}

fn token(more: &Value) -> String {
    let mut claims =
        json!({"aud": ["istio-ca"], "exp": NOW + 3600, "sub": "system:serviceaccount:vms:shop"});
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    format!("e30.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

const ENV: &str = "ISTIO_INBOUND_PORTS='*'\nISTIO_META_CLUSTER_ID='c'\nISTIO_NAMESPACE='vms'\n\
    ISTIO_SERVICE='shop.vms'\nISTIO_SERVICE_CIDR='*'\nSERVICE_ACCOUNT='shop'\n";

impl Folder {
    fn current() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("cluster.env", ENV, 0o644);
        folder.write("hosts", "203.0.113.1 istiod.istio-system.svc\n", 0o644);
        folder.write("istio-token", &token(&json!({})), 0o600);
        folder.write(
            "mesh.yaml",
            "defaultConfig:\n  proxyMetadata: {SERVICE_ACCOUNT: shop}\n",
            0o644,
        );
        folder.write("root-cert.pem", &ca().0.to_pem(), 0o644);
        folder
    }

    fn old() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let (root, key) = ca();
        let signer = Signer::new(root.clone(), key).unwrap();
        let identity = "spiffe://cluster.local/ns/vms/sa/shop".parse().unwrap();
        let (leaf, key) = issue::workload(&WorkloadSpec::new(identity), &signer, NOW).unwrap();
        folder.write(
            "cluster.env",
            "ISTIO_SERVICE_CIDR=10.8.0.0/20\nISTIO_INBOUND_PORTS=3550\n",
            0o644,
        );
        folder.write("hosts", "203.0.113.1 istiod.istio-system.svc istio-pilot\n", 0o644);
        folder.write("root-cert.pem", &root.to_pem(), 0o644);
        folder.write("cert-chain.pem", &leaf.to_pem(), 0o644);
        folder.write("key.pem", &key.to_pem(), 0o600);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    fn replace_by_link(&self, name: &str, to: &Path) {
        fs::remove_file(self.path(name)).unwrap();
        std::os::unix::fs::symlink(to, self.path(name)).unwrap();
    }

    fn check(&self, args: &[&str]) -> assert_cmd::assert::Assert {
        let mut tool = mesh_tests::tool("mesh-vm-env");
        tool.env_clear().args(["--at", "2026-01-01T00:30:00Z", "--check"]).arg(self.0.path());
        tool.args(args).assert()
    }

    fn findings(&self, args: &[&str]) -> Vec<Value> {
        let ran = self.check(&[&["-o", "json", "--fail-on", "warning"], args].concat());
        let text = String::from_utf8(ran.get_output().stdout.clone()).unwrap();
        let code = ran.get_output().status.code();
        assert_eq!(code, Some(i32::from(!text.is_empty())), "{text}");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn codes(&self) -> Vec<String> {
        let code = |finding: Value| finding["code"].as_str().unwrap()["MESH".len()..].to_owned();
        self.findings(&[]).into_iter().map(code).collect()
    }
}

#[test]
fn good_files_are_a_silent_yes() {
    for folder in [Folder::current(), Folder::old()] {
        folder.check(&["--fail-on", "warning"]).success().stdout("").stderr("");
    }
}

#[test]
fn a_file_that_is_gone_or_unreadable_is_told() {
    for (folder, names) in [
        (Folder::current(), ["cluster.env", "hosts", "istio-token", "mesh.yaml", "root-cert.pem"]),
        (Folder::old(), ["cert-chain.pem", "cluster.env", "hosts", "key.pem", "root-cert.pem"]),
    ] {
        for name in names {
            let file = folder.path(name);
            let (bytes, mode) =
                (fs::read(&file).unwrap(), fs::metadata(&file).unwrap().permissions().mode());
            fs::write(&file, b"\xff").unwrap();
            assert!(folder.codes().contains(&"0802".to_owned()), "{name}");
            fs::remove_file(&file).unwrap();
            let missing =
                folder.findings(&[]).into_iter().find(|finding| finding["code"] == "MESH0801");
            assert_eq!(missing.unwrap()["object"], file.to_str().unwrap());
            folder.write(name, &String::from_utf8(bytes).unwrap(), mode & 0o777);
        }
        assert_eq!(folder.codes(), [] as [&str; 0]);
    }
}

/// Of an attack: it waited for ever, took all memory, and showed what a link led to.
#[test]
fn what_a_link_leads_to_is_not_waited_for_and_not_shown() {
    let folder = Folder::current();
    let pipe = folder.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (to, why) in
        [(&*pipe, "is not a regular file"), (Path::new("/dev/zero"), "is a device and not a file")]
    {
        folder.replace_by_link("cluster.env", to);
        folder.check(&[]).code(1).stdout(contains(format!("cannot be read: {why}")));
    }
    let folder = Folder::current();
    folder.write("other", "token: SECRET\n", 0o600);
    folder.replace_by_link("hosts", &folder.path("other"));
    folder.check(&["-o", "json"]).code(1).stdout(contains("SECRET").not());
    folder.check(&[]).code(1).stdout(contains("line 1").and(contains("SECRET").not()));
}

#[test]
fn modes_keep_secrets_and_what_root_executes() {
    let folder = Folder::current();
    // As istioctl writes all of them.
    let text = token(&json!({}));
    folder.write("istio-token", &text, 0o744);
    folder.write("cluster.env", ENV, 0o666);
    let token_file = folder.path("istio-token").display().to_string();
    let findings = folder.findings(&[]);
    let fixes: Vec<_> = findings.iter().map(|finding| finding["fix"].as_str().unwrap()).collect();
    assert_eq!(fixes[1], format!("chmod 600 {token_file}"));
    assert!(fixes[0].starts_with("chmod 644 "), "{fixes:?}");
    assert_eq!(folder.codes(), ["0804", "0803"]);
    let line = format!(
        "error: {token_file} is a secret, and its mode 0744 is not for its owner alone (MESH0803)\n"
    );
    folder.check(&["--ignore", "MESH0804"]).code(1).stdout(line);
}

#[test]
fn a_token_that_istiod_would_refuse_is_told_and_not_shown() {
    let folder = Folder::current();
    for (more, code, text) in [
        (json!({"exp": NOW + 1800}), "0807", "has expired, on 2026-01-01T00:30:00Z"),
        (json!({"nbf": NOW + 1861}), "0808", "is valid from 2026-01-01T00:31:01Z on only"),
        (json!({"aud": "api"}), "0809", "is for api, and istiod's CA takes those for istio-ca"),
        (
            json!({"sub": "system:serviceaccount:vms:other"}),
            "0810",
            "is that of vms/other, and not",
        ),
    ] {
        let token = token(&more);
        folder.write("istio-token", &(token.clone() + "\n"), 0o600);
        let findings = folder.findings(&[]);
        assert_eq!(folder.codes(), [code]);
        assert!(findings[0]["message"].as_str().unwrap().contains(text), "{findings:?}");
        assert!(
            findings[0]["fix"].as_str().unwrap().starts_with("kubectl create token shop -n vms ")
        );
        let shown = json!(findings).to_string();
        assert!(token.split('.').all(|part| !shown.contains(part)), "{shown}");
    }
    folder.write("istio-token", &token(&json!({"aud": "p.svc.id.goog"})), 0o600);
    folder.check(&["--token-audience", "p.svc.id.goog"]).success();
    folder.write("istio-token", "opaque", 0o600);
    assert_eq!(folder.codes(), ["0806"]);
}

#[test]
fn cluster_env_is_read_as_a_shell_and_the_agent_do() {
    let folder = Folder::current();
    for (more, codes) in [
        ("X=$(reboot)", &["0816"][..]),
        ("ISTIO_INBOUND_PORTS=3306, 8080", &["0816", "0820", "0823"]),
        ("X=\"$HOME\"", &["0817"]),
        ("X='a", &["0818"]),
        ("X=a\r", &["0818"]),
        ("ISTIO_SERVICE_CIDR=*", &["0819"]),
        ("SERVICE_ACCOUNT=", &["0810", "0820", "0821", "0826"]),
        ("ISTIO_SERVICE_CIDR=10.8.0.1/20", &["0820", "0822"]),
        ("ISTIO_SERVICE_CIDR='10.8.0.0/20, 10.4.0.0/20'", &["0820", "0822"]),
        ("ISTIO_INBOUND_PORTS='0'", &["0820", "0823"]),
        ("ISTIO_SVC_IP='vm1'", &["0824"]),
        ("export X='y' # z", &[]),
    ] {
        folder.write("cluster.env", &format!("{ENV}{more}\n"), 0o644);
        let mut found = folder.codes();
        found.sort();
        assert_eq!(found, codes, "{more}");
    }
    folder.write("cluster.env", "A=1\n", 0o644);
    let missing = folder.findings(&[]).iter().filter(|it| it["code"] == "MESH0821").count();
    assert_eq!(missing, 6);
}

#[test]
fn istiod_is_looked_for_where_the_files_say() {
    let folder = Folder::current();
    for (hosts, mesh, codes) in [
        ("", "{defaultConfig: {}}", &["0811"][..]),
        ("10.0.0.7 istiod.istio-system.svc", "{defaultConfig: {}}", &["0814"]),
        (
            "203.0.113.1 istiod.istio-system.svc",
            "{defaultConfig: {discoveryAddress: 'istiod-a.istio-system.svc:15012'}}",
            &["0815"],
        ),
        (
            "203.0.113.1 istiod-a.istio-system.svc",
            "{defaultConfig: {discoveryAddress: 'istiod-a.istio-system.svc:15012'}}",
            &[],
        ),
        (
            "203.0.113.1 istiod.istio-system.svc",
            "{defaultConfig: {proxyMetadata: {SERVICE_ACCOUNT: b}}}",
            &["0826"],
        ),
        (
            "203.0.113.1 istiod.istio-system.svc",
            "defaultConfig: {proxyMetadata: {A: 1}}",
            &["0825"],
        ),
        ("203.0.113.1 istiod.istio-system.svc", "a: b: c", &["0825"]),
    ] {
        folder.write("hosts", hosts, 0o644);
        folder.write("mesh.yaml", mesh, 0o644);
        assert_eq!(folder.codes(), codes, "{hosts} {mesh}");
    }
}

#[test]
fn roots_are_cas_and_alive() {
    let folder = Folder::current();
    let life = |days: u64| {
        let lifetime = std::time::Duration::from_secs(days * 24 * 3600);
        let spec = CaSpec { key: KeyKind::EcdsaP256, lifetime, ..CaSpec::root() };
        issue::root(&spec, NOW - 10 * 24 * 3600).unwrap().0.to_pem()
    };
    folder.write("root-cert.pem", &(life(1) + &life(100)), 0o644);
    assert_eq!(folder.codes(), ["0828"]);
    folder.write("root-cert.pem", "hidden", 0o644);
    assert_eq!(folder.codes(), ["0827"]);
    let leaf = fs::read_to_string(Folder::old().path("cert-chain.pem")).unwrap();
    folder.write("root-cert.pem", &leaf, 0o644);
    assert_eq!(folder.codes(), ["0829"]);
}

/// What `generate_cert --mode self-signed --host spiffee://…` made in the guide.
fn typo() -> (String, String) {
    let mut params =
        rcgen::CertificateParams::new(["spiffee://cluster.local/ns/vms/sa/shop".to_owned()])
            .unwrap();
    params.not_before = time::OffsetDateTime::from_unix_timestamp(NOW).unwrap();
    params.not_after = time::OffsetDateTime::from_unix_timestamp(NOW + 86_400).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[test]
fn the_certificate_of_the_guide_is_not_believed() {
    let folder = Folder::old();
    let (certificate, key) = typo();
    folder.write("cert-chain.pem", &certificate, 0o644);
    folder.write("key.pem", &key, 0o644);
    let lines = folder.check(&[]).code(1);
    let lines = String::from_utf8(lines.get_output().stdout.clone()).unwrap();
    assert!(
        lines.contains("has \"spiffee://cluster.local/ns/vms/sa/shop\" for the name of a host"),
        "{lines}"
    );
    assert!(lines.contains("signed itself: nobody in the mesh believes it"), "{lines}");
    assert_eq!(folder.codes(), ["0832", "0834", "0803"]);
}

#[test]
fn a_certificate_leads_to_the_roots_and_has_its_key() {
    let folder = Folder::old();
    let other = Folder::old();
    let copy = |name: &str, mode| {
        let text = fs::read_to_string(other.path(name)).unwrap();
        folder.write(name, &text, mode);
    };
    copy("root-cert.pem", 0o644);
    assert_eq!(folder.codes(), ["0835"]);
    copy("cert-chain.pem", 0o644);
    assert_eq!(folder.codes(), ["0837"]);
    copy("key.pem", 0o600);
    assert_eq!(folder.codes(), [] as [&str; 0]);
    folder.write("cert-chain.pem", "none", 0o644);
    assert_eq!(folder.codes(), ["0831"]);
    copy("cert-chain.pem", 0o644);
    folder.write("key.pem", "none", 0o600);
    assert_eq!(folder.codes(), ["0837"]);
    // A day later, with a root that still lives.
    copy("key.pem", 0o600);
    let mut tool = mesh_tests::tool("mesh-vm-env");
    tool.env_clear().args(["--at", "2026-01-03T00:00:00Z", "--check"]).arg(folder.0.path());
    tool.assert().code(1).stdout(contains("(MESH0836)\n").and(contains("expired at 2026-01-02")));
}

#[test]
fn a_leaf_without_an_identity_is_told() {
    let folder = Folder::old();
    let (root, key) = ca();
    folder.write("root-cert.pem", &root.to_pem(), 0o644);
    // The root itself: no name at all, and signed by itself.
    folder.write("cert-chain.pem", &root.to_pem(), 0o644);
    folder.write("key.pem", &key.to_pem(), 0o600);
    assert_eq!(folder.codes(), ["0833", "0834"]);
}

#[test]
fn the_recipe_can_be_said() {
    let folder = Folder::old();
    let findings = folder.findings(&["--format", "current"]);
    let missing: Vec<_> = findings
        .iter()
        .filter(|finding| finding["code"] == "MESH0801")
        .map(|finding| finding["object"].as_str().unwrap().rsplit('/').next().unwrap())
        .collect();
    assert_eq!(missing, ["istio-token", "mesh.yaml"]);
}

#[test]
fn a_folder_that_is_none_is_an_error() {
    let folder = Folder::current();
    let file = folder.path("hosts");
    for (path, message) in [(&file, "is no folder"), (&folder.path("none"), "No such file")] {
        let mut tool = mesh_tests::tool("mesh-vm-env");
        let ran = tool.env_clear().arg("--check").arg(path).assert();
        ran.code(3).stdout("").stderr(contains(message));
    }
}

#[test]
fn the_checks_can_be_listed() {
    let list = |args: &[&str]| {
        let mut tool = mesh_tests::tool("mesh-vm-env");
        let ran = tool.env_clear().arg("--list-checks").args(args).assert().success();
        String::from_utf8(ran.get_output().stdout.clone()).unwrap()
    };
    let lines = list(&[]);
    assert!(
        lines.starts_with("MESH0801 error   a file that the machine needs and is not there\n"),
        "{lines}"
    );
    assert_eq!(list(&["-o", "json"]).lines().count(), lines.lines().count());
}

#[test]
fn a_variable_that_takes_the_machine_over_is_an_error() {
    let folder = Folder::current();
    for name in ["PATH", "LD_PRELOAD", "BASH_ENV", "EXEC_USER", "ISTIO_BIN_BASE"] {
        folder.write("cluster.env", &format!("{ENV}{name}='/tmp'\n"), 0o644);
        let says = format!("sets {name}, which changes which programs");
        folder.check(&[]).code(1).stdout(contains(says).and(contains("MESH0838")));
    }
}
