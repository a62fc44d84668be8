//! scripts/vm-install, into a folder and on a machine of its own.

use crate::{Needs, Test};
use mesh_tests::{Ran, root, run, write_program};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

pub const TESTS: &[Test] = &[
    ("vm_install_changes_nothing_twice", Needs::Clusters, installs),
    ("vm_install_replaces_names_of_hosts", Needs::Clusters, replaces_names),
    ("vm_install_leaves_certificates_to_the_agent", Needs::Clusters, leaves_certificates),
    ("vm_install_removes_certificates_of_a_root_that_is_gone", Needs::Clusters, follows_roots),
    ("vm_install_refuses_a_faulty_folder", Needs::Clusters, refuses),
    ("vm_install_leaves_what_links_lead_to", Needs::Clusters, leaves_links),
    ("vm_install_follows_no_link_of_istios_user", Needs::Nodes, follows_no_link),
    ("vm_install_restarts_istio_when_something_changed", Needs::Nodes, restarts),
];

/// Path, mode and content of all that is in a folder; folders have no content.
pub type Tree = BTreeMap<String, (u32, String)>;

pub fn tree(dir: &Path) -> Tree {
    let mut found = Tree::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(path) = open.pop() {
        for entry in std::fs::read_dir(&path).expect("it is a folder").flatten() {
            let path = entry.path();
            let mode = entry.metadata().expect("it is there").permissions().mode() & 0o777;
            let content = if path.is_dir() {
                open.push(path.clone());
                String::new()
            } else {
                std::fs::read_to_string(&path).expect("it is text")
            };
            let name = path.strip_prefix(dir).expect("it is inside").display().to_string();
            found.insert(name, (mode, content));
        }
    }
    found
}

const ROOT: &str = "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n";
const OTHER_ROOT: &str = "-----BEGIN CERTIFICATE-----\nYg==\n-----END CERTIFICATE-----\n";

/// A folder as mesh-vm-env makes it, beside an empty root.
fn bundle() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in [
        ("files/root-cert.pem", ROOT),
        ("files/cluster.env", "ISTIO_NAMESPACE='default'\n"),
        ("files/istio-token", "a token"),
        ("files/mesh.yaml", "defaultConfig: {}\n"),
        ("files/hosts", "192.0.2.1 istiod.istio-system.svc\n"),
        ("root/etc/hosts", "127.0.0.1 localhost\n"),
    ] {
        write(&dir, name, text);
    }
    dir
}

pub fn write(dir: &tempfile::TempDir, name: &str, text: &str) {
    let path = dir.path().join(name);
    std::fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
    std::fs::write(path, text).expect("it can be written");
}

fn vm_install(dir: &tempfile::TempDir, args: &[&str]) -> Ran {
    let mut shell = Command::new("sh");
    shell.arg(root().join("scripts/vm-install")).args(args).current_dir(dir).env("ROOT", "root");
    run(&mut shell, "")
}

fn installs() {
    let dir = bundle();
    let before = tree(dir.path());
    let steps = vm_install(&dir, &["-n", "files"]).ok();
    assert!(steps.contains("install -m 600 files/istio-token root/var/run/secrets/tokens/"));
    assert_eq!(tree(dir.path()), before);

    assert_eq!(vm_install(&dir, &["files"]).ok(), "");
    let first = tree(&dir.path().join("root"));
    for (path, mode, content) in [
        ("etc/certs/root-cert.pem", 0o644, ROOT),
        ("var/lib/istio/envoy/cluster.env", 0o644, "ISTIO_NAMESPACE='default'\n"),
        ("var/run/secrets/tokens/istio-token", 0o600, "a token"),
        ("etc/istio/config/mesh", 0o644, "defaultConfig: {}\n"),
        ("etc/hosts", 0o644, "127.0.0.1 localhost\n192.0.2.1 istiod.istio-system.svc\n"),
    ] {
        assert_eq!(first[path], (mode, content.to_owned()), "{path}");
    }
    let files = first.values().filter(|(_, content)| !content.is_empty()).count();
    assert_eq!(files, 5, "{first:?}");

    let second = vm_install(&dir, &["files"]);
    assert_eq!(second.stderr, "vm-install: all was as it should be\n");
    assert_eq!(tree(&dir.path().join("root")), first);

    // What a new token changes is the token.
    write(&dir, "files/istio-token", "another");
    let third = vm_install(&dir, &["files"]);
    assert_eq!(third.stderr, "vm-install: root/var/run/secrets/tokens/istio-token is new\n");
    let after = tree(&dir.path().join("root"));
    assert_eq!(after["var/run/secrets/tokens/istio-token"], (0o600, "another".to_owned()));
}

/// Where Istio's agent keeps its certificates: what it writes over what was put there.
fn agent_writes(dir: &tempfile::TempDir, roots: &str) {
    for (name, text) in [
        ("key.pem", "the agent's key\n"),
        ("cert-chain.pem", "the agent's chain\n"),
        ("root-cert.pem", roots.trim_end()),
    ] {
        write(dir, &format!("root/etc/certs/{name}"), text);
    }
}

fn leaves_certificates() {
    let nothing = "vm-install: all was as it should be\n";
    // Roots are sorted by the agent, and lack the end of the last line.
    let dir = bundle();
    write(&dir, "files/root-cert.pem", &format!("{OTHER_ROOT}{ROOT}"));
    let _ = vm_install(&dir, &["files"]).ok();
    agent_writes(&dir, &format!("{ROOT}{OTHER_ROOT}"));
    let before = tree(&dir.path().join("root"));
    let ran = vm_install(&dir, &["files"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), nothing));
    assert_eq!(tree(&dir.path().join("root")), before);
    assert!(!vm_install(&dir, &["-n", "files"]).ok().contains("root-cert.pem"));
    // The first certificate of Istio 1.6 is replaced by the agent, too.
    let dir = bundle();
    std::fs::remove_file(dir.path().join("files/istio-token")).expect("it is there");
    write(&dir, "files/key.pem", "a key\n");
    write(&dir, "files/cert-chain.pem", "a chain\n");
    let _ = vm_install(&dir, &["files"]).ok();
    agent_writes(&dir, ROOT);
    let before = tree(&dir.path().join("root"));
    assert_eq!(vm_install(&dir, &["files"]).stderr, nothing);
    assert_eq!(tree(&dir.path().join("root")), before);
    write(&dir, "files/cert-chain.pem", "another\n");
    let _ = vm_install(&dir, &["files"]).ok();
    let after = tree(&dir.path().join("root"));
    assert_eq!(after["etc/certs/key.pem"], (0o600, "a key\n".to_owned()));
    assert_eq!(after["etc/certs/cert-chain.pem"].1, "another\n");
}

fn follows_roots() {
    let both = format!("{ROOT}{OTHER_ROOT}");
    for (old, new, goes) in [
        (ROOT, both.as_str(), false),
        (&both, OTHER_ROOT, true),
        (ROOT, OTHER_ROOT, true),
        (&both, &both, false),
    ] {
        let dir = bundle();
        write(&dir, "files/root-cert.pem", old);
        let _ = vm_install(&dir, &["files"]).ok();
        agent_writes(&dir, old);
        write(&dir, "files/root-cert.pem", new);
        let steps = vm_install(&dir, &["-n", "files"]).ok();
        assert_eq!(steps.contains("rm root/etc/certs/key.pem\n"), goes, "{steps}");
        let ran = vm_install(&dir, &["files"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
        let after = tree(&dir.path().join("root"));
        for name in ["etc/certs/key.pem", "etc/certs/cert-chain.pem"] {
            assert_eq!(after.contains_key(name), !goes, "{old} {new}");
        }
        let written = if old == new { new.trim_end() } else { new };
        assert_eq!(after["etc/certs/root-cert.pem"].1, written);
    }
}

fn replaces_names() {
    let ours = "192.0.2.1 istiod.istio-system.svc\n";
    for (before, after) in [
        ("", ours.to_owned()),
        ("127.0.0.1 localhost", format!("127.0.0.1 localhost\n{ours}")),
        ("198.51.100.1 istiod.istio-system.svc\n::1 localhost\n", format!("{ours}::1 localhost\n")),
        // Twice, as istioctl's instructions leave it.
        (&format!("{ours}{ours}"), ours.to_owned()),
        (
            " 10.0.0.1\tdb  istiod.istio-system.svc www # shop\n",
            format!("{ours}10.0.0.1 db www # shop\n"),
        ),
        (
            "# istiod.istio-system.svc\n10.0.0.1 xistiod.istio-system.svc\n",
            format!("# istiod.istio-system.svc\n10.0.0.1 xistiod.istio-system.svc\n{ours}"),
        ),
    ] {
        let dir = bundle();
        write(&dir, "root/etc/hosts", before);
        for _ in 0..2 {
            let _ = vm_install(&dir, &["files"]).ok();
            assert_eq!(tree(dir.path())["root/etc/hosts"].1, after, "{before:?}");
        }
    }
    // The names of Istio 1.6, of which each had its own line before.
    let dir = bundle();
    write(&dir, "files/hosts", "192.0.2.1 istio-pilot istio-pilot.istio-system\n192.0.2.1 b.c\n");
    write(&dir, "root/etc/hosts", "1.1.1.1 istio-pilot\n1.1.1.1 a\n1.1.1.1 b.c\n");
    for _ in 0..2 {
        let _ = vm_install(&dir, &["files"]).ok();
        let expected = "192.0.2.1 istio-pilot istio-pilot.istio-system\n192.0.2.1 b.c\n1.1.1.1 a\n";
        assert_eq!(tree(dir.path())["root/etc/hosts"].1, expected);
    }
}

fn refuses() {
    for (file, text, message) in [
        ("files/hosts", "", "files/hosts must have lines with an address and names"),
        ("files/hosts", "192.0.2.1\n", "files/hosts must have lines"),
        ("files/hosts", "istiod 192.0.2.1\n", "files/hosts must have lines"),
        ("files/hosts", "192.0.2.1 istiod\x1b[31m\n", "files/hosts must have lines"),
        ("files/hosts", "192.0.2.1 istiod\r\n", "files/hosts must have lines"),
        ("files/istio-token", "", "files/istio-token is missing or empty"),
        ("files/cluster.env", "", "files/cluster.env is missing or empty"),
        ("files/root-cert.pem", "a root\n", "files/root-cert.pem has no certificate"),
        ("files/mesh.yaml", "", "files/mesh.yaml is missing or empty"),
    ] {
        let dir = bundle();
        write(&dir, file, text);
        let before = tree(dir.path());
        let ran = vm_install(&dir, &["files"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""), "{file} {ran:?}");
        assert!(ran.stderr.contains(message), "{ran:?}");
        assert_eq!(tree(dir.path()), before, "{file}");
    }
    let dir = bundle();
    for (args, code) in [
        (&[][..], 2),
        (&["files", "files"], 2),
        (&["--no-such-flag", "files"], 2),
        (&["--package"], 2),
        (&["--package", "istio-sidecar.zip", "files"], 2),
        (&["--package", "istio-sidecar.deb", "files"], 3),
        (&["no-such-folder"], 3),
    ] {
        let ran = vm_install(&dir, args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{args:?} {ran:?}");
        assert!(ran.stderr.starts_with("vm-install: "), "{ran:?}");
    }
}

/// Of an attack: the token went to this machine's /run, and its /etc/hosts was written.
fn leaves_links() {
    let link = |dir: &tempfile::TempDir, name: &str| {
        let path = dir.path().join(name);
        let _ = std::fs::remove_file(&path);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
        std::os::unix::fs::symlink(dir.path().join("outside"), path).expect("it can be made");
    };
    for name in [
        "root/etc",
        "root/etc/hosts",
        "root/etc/certs",
        "root/var/lib",
        "root/var/lib/istio/envoy",
        "root/run",
        "root/run/secrets",
        "files/root-cert.pem",
        "files/istio-token",
        "files/hosts",
    ] {
        let dir = bundle();
        write(&dir, "outside/hosts", "127.0.0.1 localhost\n");
        std::fs::create_dir_all(dir.path().join("root/var")).expect("it can be made");
        // As in an image.
        std::os::unix::fs::symlink("/run", dir.path().join("root/var/run")).expect("it is new");
        link(&dir, name);
        let ran = vm_install(&dir, &["files"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""), "{name} {ran:?}");
        assert!(ran.stderr.contains(name), "{name} {ran:?}");
        assert_eq!(tree(&dir.path().join("outside")).len(), 1, "{name}");
    }
    // A pipe would be waited for.
    let dir = bundle();
    let pipe = |name: &str| {
        let made = Command::new("mkfifo").arg(dir.path().join(name)).status();
        assert!(made.expect("it starts").success());
    };
    std::fs::create_dir_all(dir.path().join("root/etc/certs")).expect("it can be made");
    pipe("root/etc/certs/root-cert.pem");
    assert_eq!(vm_install(&dir, &["files"]).ok(), "");
    assert_eq!(tree(dir.path())["root/etc/certs/root-cert.pem"].1, ROOT);
    std::fs::remove_file(dir.path().join("root/etc/hosts")).expect("it is there");
    pipe("root/etc/hosts");
    assert_eq!(vm_install(&dir, &["files"]).code, Some(3));
    let dir = bundle();
    std::fs::create_dir_all(dir.path().join("root/var")).expect("it can be made");
    std::os::unix::fs::symlink("/run", dir.path().join("root/var/run")).expect("it is new");
    assert_eq!(vm_install(&dir, &["files"]).ok(), "");
    let token = dir.path().join("root/run/secrets/tokens/istio-token");
    assert_eq!(std::fs::read_to_string(token).expect("it is there"), "a token");
}

/// What a script says that sees the folders of a machine as its own.
fn in_own_folders(dir: &tempfile::TempDir, script: &str) -> String {
    let mut unshare = Command::new("unshare");
    unshare
        .args(["--mount", "sh", "-c", script])
        .current_dir(dir)
        .env("INSTALL", root().join("scripts/vm-install"));
    run(&mut unshare, "").ok()
}

/// Of an attack: Istio's user owns the folders, and root wrote through the links that it put there.
fn follows_no_link() {
    let dir = bundle();
    write_program(&dir.path().join("bin/systemctl"), "#!/bin/sh\n");
    let script = r#"
        set -e
        cp -a /etc/alternatives . # awk is one
        mount -t tmpfs etc /etc
        mount -t tmpfs var /var
        cp -a alternatives /etc
        printf 'root:x:0:0::/:/bin/sh\nistio-proxy:x:1337:1337::/:/bin/false\n' >/etc/passwd
        PATH=$PWD/bin:$PATH
        install() { status=0; sh "$INSTALL" files 2>/dev/null || status=$?; echo "exit $status"; }
        install
        mkdir /etc/victim
        for name in file mark; do echo precious >/etc/victim/$name; done
        hurt() { stat -c '%a %U %s' /etc/victim /etc/victim/*; }
        hurt
        as_user() { setpriv --reuid 1337 --regid 1337 --clear-groups "$@"; }
        as_user ln -s /etc/victim/file /etc/certs/root-cert.pem.new
        as_user ln -sf /etc/victim/file /var/run/secrets/tokens/istio-token
        as_user ln -s /etc/victim/mark /var/lib/istio/envoy/restart-wanted
        printf -- '-----BEGIN CERTIFICATE-----\nYg==\n-----END CERTIFICATE-----\n' >files/root-cert.pem
        install
        as_user ln -sf /etc/victim/file /etc/certs/root-cert.pem
        install
        hurt
        as_user mv /var/lib/istio/envoy /var/lib/istio/other
        as_user ln -s /etc/victim /var/lib/istio/envoy
        install
        hurt
        stat -c '%a %U %F' /etc/certs/root-cert.pem /var/run/secrets/tokens/istio-token
    "#;
    let victim = "755 root 80\n644 root 9\n644 root 9\n";
    assert_eq!(
        in_own_folders(&dir, script),
        format!(
            "exit 0\n{victim}exit 0\nexit 0\n{victim}exit 3\n{victim}\
             644 istio-proxy regular file\n600 istio-proxy regular file\n"
        )
    );
}

/// Without ROOT, in folders that only this test sees: it has a user for Istio, and a systemctl and
/// a dpkg that say what they were asked.
fn restarts() {
    let dir = bundle();
    write(&dir, "istio-sidecar.deb", "a package");
    for (program, effect) in [
        ("systemctl", "[ ! -e fail ]"),
        ("dpkg", "echo 'istio-proxy:x:1337:1337::/:/bin/false' >>/etc/passwd"),
    ] {
        let text = format!("#!/bin/sh\necho {program} \"$@\" >>log\n{effect}\n");
        write_program(&dir.path().join("bin").join(program), &text);
    }
    let script = r#"
        set -e
        cp -a /etc/alternatives . # awk is one
        mount -t tmpfs etc /etc
        mount -t tmpfs var /var
        cp -a alternatives /etc
        echo root:x:0:0::/:/bin/sh >/etc/passwd
        : >log
        PATH=$PWD/bin:$PATH
        install() { status=0; sh "$INSTALL" "$@" files 2>/dev/null || status=$?; echo "exit $status" >>log; }
        install
        install --package istio-sidecar.deb
        install --package istio-sidecar.deb
        echo "A='1'" >>files/cluster.env
        install --no-restart
        : >fail
        install
        rm fail
        install
        install
        # Istio reads a new token by itself.
        echo other >files/istio-token
        install
        stat -c '%a %U' /var/run/secrets/tokens/istio-token
        cat /var/run/secrets/tokens/istio-token log
    "#;
    let restart = "systemctl enable istio\nsystemctl restart istio\n";
    assert_eq!(
        in_own_folders(&dir, script),
        format!(
            "600 istio-proxy\n\
             other\n\
             exit 3\n\
             dpkg -i istio-sidecar.deb\n{restart}exit 0\n\
             exit 0\n\
             exit 0\n\
             systemctl enable istio\nexit 1\n\
             {restart}exit 0\n\
             exit 0\n\
             exit 0\n"
        )
    );
}
