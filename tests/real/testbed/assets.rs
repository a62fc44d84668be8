//! scripts/testbed-assets: what it finds and what it builds, with a stand-in for Go.

use super::signal;
use crate::clusters::wait_for;
use mesh_tests::{Ran, root, run, write_program};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A `go` that makes empty programs, and notes each call. While there is a file `hang` beside it,
/// its builds do not end.
const GO: &str = r#"#!/bin/sh
here=$(dirname "$0")
echo "$*" >>"$here/calls"
case $1 in
  version) echo 'go version go1.26.0 linux/amd64' ;;
  list) printf 'one/package\nanother/package\n' ;;
  build)
    [ ! -e "$here/broken" ] || { echo '# one/package: it does not compile'; exit 1; }
    while [ $# -gt 1 ]; do [ "$1" != -o ] || out=$2; shift; done
    case $PWD in */etcd) names=etcd ;; *) names='kube-apiserver kube-controller-manager kubectl' ;; esac
    mkdir -p "$out"
    while [ -e "$here/hang" ]; do echo half >"$out/kubectl"; sleep 0.1; done
    for name in $names; do
      printf '#!/bin/sh\n' >"$out/$name"; chmod +x "$out/$name"
    done ;;
esac
"#;

/// A cache of its own, and stand-ins that come first on PATH.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a temporary folder"));
        write_program(&place.bin("go"), GO);
        place
    }

    fn bin(&self, name: &str) -> PathBuf {
        self.0.path().join("bin").join(name)
    }

    fn put(&self, name: &str) {
        std::fs::write(self.bin(name), "").expect("it can be written");
    }

    /// The version that is always built, whatever is on this machine's PATH.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(root().join("scripts/testbed-assets"));
        let path = std::env::var("PATH").unwrap_or_default();
        command.args(args).env("MESHUTILS_KUBERNETES", "1.34").env_remove("KUBEBUILDER_ASSETS");
        command.env("MESHUTILS_CACHE", self.0.path().join("cache"));
        command.env("PATH", format!("{}:{path}", self.0.path().join("bin").display()));
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        run(&mut self.command(args), "")
    }

    fn calls(&self) -> String {
        std::fs::read_to_string(self.bin("calls")).unwrap_or_default()
    }

    /// What the cache holds, sorted; without the lock of builds and folders of links.
    fn kept(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.0.path().join("cache/servers")) else {
            return Vec::new();
        };
        let names = entries.flatten().map(|entry| entry.file_name().display().to_string());
        let mut kept: Vec<_> =
            names.filter(|name| name != "lock" && !name.starts_with("links-")).collect();
        kept.sort();
        kept
    }

    fn holds_both_groups(&self) {
        let kept = self.kept();
        let [etcd, kubernetes] = &kept[..] else { panic!("{kept:?}") };
        assert!(etcd.starts_with("etcd-v3."), "{kept:?}");
        assert!(kubernetes.starts_with("kubernetes-v1.34."), "{kept:?}");
    }
}

fn has_programs(dir: &str) {
    for name in ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"] {
        assert!(Path::new(dir.trim_end()).join(name).is_file(), "{name} in {dir:?}");
    }
}

pub fn are_built_once() {
    let place = Place::new();
    assert_eq!(place.run(&["--print"]).code, Some(1));
    assert_eq!(place.calls(), "");
    let first = place.run(&[]);
    has_programs(&first.stdout);
    for stage in ["kubernetes-1.34 v1.34.", "fetching the sources", "compiling", "built in"] {
        assert!(first.stderr.contains(stage), "{first:?}");
    }
    place.holds_both_groups();
    let calls = place.calls();
    let again = place.run(&[]);
    assert_eq!((again.ok(), place.calls()), (first.ok(), calls));
}

pub fn are_built_by_one_of_two() {
    let place = Place::new();
    place.put("hang");
    let start = || {
        let mut command = place.command(&[]);
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts")
    };
    let both = [start(), start()];
    wait_for("a build", || place.calls().contains("build ").then_some(()));
    std::fs::remove_file(place.bin("hang")).expect("it is there");
    let [one, other] = both.map(|child| child.wait_with_output().expect("it ends"));
    assert!(one.status.success() && other.status.success());
    assert_eq!(one.stdout, other.stdout);
    has_programs(&String::from_utf8(one.stdout).expect("it is a path"));
    assert_eq!(place.calls().matches("build ").count(), 2, "one for each group");
}

pub fn are_not_left_half_built() {
    let place = Place::new();
    place.put("hang");
    let mut child = place.command(&[]).stderr(Stdio::null()).spawn().expect("it starts");
    wait_for("a build", || place.calls().contains("build ").then_some(()));
    signal(&child, "TERM");
    assert_eq!(child.wait().expect("it ends").code(), Some(143));
    assert_eq!(super::processes_of(&place.0.path().join("bin/go")), Vec::<String>::new());
    // Go's caches are there, for the next time.
    assert_eq!(place.kept(), ["work"]);
    assert_eq!(place.run(&["--print"]).code, Some(1));
    std::fs::remove_file(place.bin("hang")).expect("it is there");
    has_programs(&place.run(&[]).ok());
    place.holds_both_groups();
}

pub fn say_what_could_not_be_built() {
    let place = Place::new();
    place.put("broken");
    let ran = place.run(&[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    for part in ["it does not compile", "kubernetes-1.34 v1.34.", "run it again"] {
        assert!(ran.stderr.contains(part), "{part} in {ran:?}");
    }
    assert!(!ran.stderr.contains("etcd could"), "{ran:?}");
    let ran = run(place.command(&[]).env("MESHUTILS_KUBERNETES", "1.2"), "");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
}

pub fn say_that_go_is_needed() {
    let place = Place::new();
    write_program(&place.bin("go"), "#!/bin/sh\necho 'go version go1.19.8 linux/amd64'\n");
    write_program(&place.bin("python3"), "#!/bin/sh\necho 'No module named pip' >&2; exit 1\n");
    let ran = place.run(&[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    for part in ["only 1.19 on PATH", "No module named pip", "needs Go 1.21 or newer"] {
        assert!(ran.stderr.contains(part), "{part} in {ran:?}");
    }
}

pub fn are_envtests() {
    let place = Place::new();
    let envtest = place.0.path().join("envtest");
    for name in ["etcd", "kube-apiserver", "kubectl"] {
        write_program(&envtest.join(name), "#!/bin/sh\n");
    }
    let given = || {
        let mut command = place.command(&[]);
        command.env_remove("MESHUTILS_KUBERNETES").env("KUBEBUILDER_ASSETS", &envtest);
        // Nothing else of this machine is found.
        command.env("PATH", format!("{}:/usr/bin:/bin", place.0.path().join("bin").display()));
        run(&mut command, "")
    };
    let ran = given();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    assert!(ran.stderr.contains("without kube-controller-manager"), "{ran:?}");
    write_program(&envtest.join("kube-controller-manager"), "#!/bin/sh\n");
    assert_eq!(given().ok().trim_end(), envtest.to_str().expect("a plain path"));
    assert_eq!(place.calls(), "");
}
