//! `scripts/package`: what users get, through the programs that they install it with.

use crate::install::all_below;
use crate::{Needs, Nightly, Test, is_program};
use mesh_tests::{outside_cargo, program_dir, programs, root, run};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use tempfile::TempDir;

pub const TESTS: &[Test] = &[
    ("package_for_debian_comes_and_goes", Needs::Nightly(Nightly::Debian), debian_comes_and_goes),
    ("package_has_the_same_bytes_every_time", Needs::Nightly(Nightly::Packages), same_bytes),
    ("package_tarball_runs_anywhere", Needs::Nightly(Nightly::Musl), tarball_runs_anywhere),
    ("package_image_is_what_it_says", Needs::Nightly(Nightly::Musl), image_is_what_it_says),
    ("package_bill_names_all_that_is_linked", Needs::Nightly(Nightly::Musl), bill_names_all),
    ("package_refuses_wrong_usage", Needs::Nothing, refuses_wrong_usage),
];

/// Those with every way of cryptography, and those of the jobs.
const TOOLS: [&str; 3] = ["mesh-apply", "mesh-cert", "mesh-remote-secret"];
const TIME: &str = "1750000000";

/// What the Debian package cannot be made and tried without.
pub fn lacks_debian() -> Option<&'static str> {
    let needed = ["dpkg", "dpkg-shlibdeps", "lintian", "strip", "python3"];
    let missing = needed.iter().any(|name| !is_program(name));
    missing.then_some("dpkg, dpkg-shlibdeps (dpkg-dev), lintian, strip and python3 on PATH")
}

/// What static programs cannot be made without.
pub fn lacks_musl() -> Option<&'static str> {
    let print = ["--print", "target-libdir", "--target", &target()];
    let rustc = Command::new("rustc").args(print).stderr(Stdio::null()).output();
    let dir = rustc.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    let has_target = dir.is_some_and(|dir| Path::new(dir.trim()).is_dir());
    let needed = ["musl-gcc", "strip", "python3", "cargo-auditable"];
    let programs = needed.iter().all(|name| is_program(name));
    (!has_target || !programs).then_some(
        "musl-gcc (musl-tools), strip, python3, cargo-auditable, and rustup target add *-musl",
    )
}

fn target() -> String {
    format!("{}-unknown-linux-musl", std::env::consts::ARCH)
}

fn package(out: &Path, args: &[&str]) -> Command {
    package_of(root(), out, args)
}

/// Packs what is in a checkout.
fn package_of(checkout: &Path, out: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(checkout.join("scripts/package"));
    command.args(args).arg("--out").arg(out);
    command.arg("--meshdocs").arg(program_dir().join("meshdocs")).env("SOURCE_DATE_EPOCH", TIME);
    outside_cargo(&mut command);
    command
}

/// The static packages of a few tools, made once.
fn statics() -> &'static Path {
    static DIR: LazyLock<TempDir> = LazyLock::new(|| {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let args = ["--tools", &TOOLS.join(","), "tarball", "image"];
        let _ = run(&mut package(dir.path(), &args), "").ok();
        dir
    });
    DIR.path()
}

fn file(ending: &str) -> PathBuf {
    let files = all_below(statics());
    let ends = |path: &&PathBuf| path.to_str().is_some_and(|path| path.ends_with(ending));
    files.iter().find(ends).unwrap_or_else(|| panic!("no {ending} in {files:?}")).clone()
}

/// The image for jobs.
pub fn image() -> PathBuf {
    file(".oci.tar")
}

fn unpack(archive: &Path) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let _ = run(Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(dir.path()), "").ok();
    dir
}

/// The tarball, and the one folder in it.
fn unpack_tarball() -> (TempDir, PathBuf) {
    let unpacked = unpack(&file(".tar.gz"));
    let top = fs::read_dir(unpacked.path()).expect("a folder").next().expect("it is not empty");
    let top = top.expect("it can be read").path();
    (unpacked, top)
}

fn debian_comes_and_goes() {
    let out = tempfile::tempdir().expect("a temporary folder");
    let _ = run(&mut package(out.path(), &["deb"]), "").ok();
    let is_deb = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "deb");
    let deb = all_below(out.path()).into_iter().find(is_deb).expect("it is made");
    let lintian = ["--fail-on", "error", "--allow-root", "--tag-display-limit", "0"];
    let said = run(Command::new("lintian").args(lintian).arg(&deb), "").ok();
    assert!(!said.contains("E: "), "{said}");

    let system = tempfile::tempdir().expect("a temporary folder");
    let data = system.path().join("var/lib/dpkg");
    for folder in ["info", "updates"] {
        fs::create_dir_all(data.join(folder)).expect("it can be made");
    }
    fs::write(data.join("status"), "").expect("it can be written");
    let before = all_below(system.path());
    let dpkg = |args: &[&str]| {
        let mut command = Command::new("dpkg");
        command.arg(format!("--root={}", system.path().display()));
        // There is nothing but the package: neither a C library nor a place for the log.
        command.args(["--force-depends", "--force-not-root", "--log=/dev/null"]);
        let _ = run(command.args(args), "").ok();
    };
    dpkg(&["-i", deb.to_str().expect("a plain path")]);
    for name in programs().keys() {
        let program = system.path().join("usr/bin").join(name);
        assert!(run(Command::new(program).arg("--version"), "").ok().starts_with(name));
    }
    for path in ["copyright", "changelog.Debian.gz", "THIRD-PARTY.gz"] {
        assert!(system.path().join("usr/share/doc/meshutils").join(path).is_file(), "{path}");
    }
    dpkg(&["--verify", "meshutils"]);
    dpkg(&["-r", "meshutils"]);
    let after: Vec<_> = all_below(system.path())
        .into_iter()
        // dpkg's own: the state before, and locks.
        .filter(|path| !path.starts_with(&data))
        .collect();
    let before: Vec<_> = before.into_iter().filter(|path| !path.starts_with(&data)).collect();
    assert_eq!(after, before);
    assert!(!data.join("info/meshutils.list").exists());
}

/// A copy of the checkout, without what was built in it.
fn copy_checkout(to: &Path) {
    let script = "tar --exclude=./.git --exclude=./target -cf - . | tar -xf - -C \"$0\"";
    let mut copy = Command::new("sh");
    let _ = run(copy.current_dir(root()).args(["-c", script]).arg(to), "").ok();
}

/// Two builds from nothing, with other folders for the sources and for what is built.
fn same_bytes() {
    let copy = tempfile::tempdir().expect("a temporary folder");
    copy_checkout(copy.path());
    let out = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
    let packed = [(root(), &out[0]), (copy.path(), &out[1])].map(|(checkout, out)| {
        let target = tempfile::tempdir().expect("a temporary folder");
        let mut command = package_of(checkout, out.path(), &["--tools", &TOOLS.join(",")]);
        let _ = run(command.env("CARGO_TARGET_DIR", target.path()), "").ok();
        all_below(out.path())
    });
    assert!(packed.iter().all(|files| files.len() == 6), "{packed:?}");
    for (first, second) in packed[0].iter().zip(&packed[1]) {
        assert_eq!(first.file_name(), second.file_name());
        let is_same = fs::read(first).expect("a file") == fs::read(second).expect("a file");
        assert!(is_same, "{}", first.display());
    }
    let check = ["--check", "--strict", "--quiet", "SHA256SUMS"];
    let _ = run(Command::new("sha256sum").args(check).current_dir(out[0].path()), "").ok();
}

fn tarball_runs_anywhere() {
    let (_unpacked, top) = unpack_tarball();
    for name in TOOLS {
        let program = top.join("bin").join(name);
        let ldd = run(Command::new("ldd").arg(&program), "");
        assert!((ldd.stdout + &ldd.stderr).contains("static"), "{name}");
        assert!(run(Command::new(&program).arg("--version"), "").ok().starts_with(name));
        // It holds no path of the machine that it was built on.
        let text = fs::read(&program).expect("it is there");
        let cargo = std::env::var("CARGO_HOME").unwrap_or(".cargo/registry".to_owned());
        for place in [root().to_str().expect("a plain path"), &cargo] {
            let is_there = text.windows(place.len()).any(|part| part == place.as_bytes());
            assert!(!is_there, "{name}: {place}");
        }
        assert!(top.join(format!("share/man/man1/{name}.1")).is_file());
    }
    let licences = fs::read_to_string(top.join("share/doc/meshutils/THIRD-PARTY"));
    let licences = licences.expect("it is there");
    for mark in ["Apache License", "Permission is hereby granted", "kube@", "rustls@"] {
        assert!(licences.contains(mark), "{mark}");
    }
}

/// A blob of the image by the digest in `reference`, as it is and as JSON.
fn blob(layout: &Path, reference: &Value) -> (PathBuf, Value) {
    let digest = reference["digest"].as_str().expect("a digest").trim_start_matches("sha256:");
    let path = layout.join("blobs/sha256").join(digest);
    let sum = run(Command::new("sha256sum").arg(&path), "").ok();
    assert!(sum.starts_with(digest), "{sum}");
    let bytes = fs::read(&path).expect("it is there");
    assert_eq!(reference["size"], bytes.len());
    (path, serde_json::from_slice(&bytes).unwrap_or_default())
}

fn image_is_what_it_says() {
    let layout = unpack(&image());
    let json = |name| -> Value {
        let text = fs::read_to_string(layout.path().join(name)).expect("it is there");
        serde_json::from_str(&text).expect("it is JSON")
    };
    assert_eq!(json("oci-layout")["imageLayoutVersion"], "1.0.0");
    let (_, manifest) = blob(layout.path(), &json("index.json")["manifests"][0]);
    let (_, config) = blob(layout.path(), &manifest["config"]);
    assert_eq!(config["config"]["User"], "65532:65532");
    assert_eq!(manifest["layers"].as_array().map(Vec::len), Some(1));
    let (layer, _) = blob(layout.path(), &manifest["layers"][0]);
    let unzipped = Command::new("gzip").arg("-dc").arg(&layer).stdout(Stdio::piped()).spawn();
    let unzipped = unzipped.expect("gzip runs").stdout.expect("it is piped");
    let sum = Command::new("sha256sum").stdin(unzipped).output().expect("sha256sum runs").stdout;
    let sum = String::from_utf8_lossy(&sum);
    let diff_id = config["rootfs"]["diff_ids"][0].as_str().expect("a digest");
    assert_eq!(diff_id, format!("sha256:{}", sum.split(' ').next().expect("a sum")));
    let listed = run(Command::new("tar").arg("-tvf").arg(&layer), "").ok();
    let names: Vec<&str> = listed.lines().filter_map(|line| line.split("bin/").nth(1)).collect();
    assert_eq!(names, [&[""], &TOOLS[..]].concat(), "{listed}");
    assert!(listed.lines().skip(1).all(|line| line.starts_with("-rwxr-xr-x 0/0 ")), "{listed}");
}

fn bill_names_all() {
    let bill = fs::read_to_string(file(".cdx.json")).expect("it is there");
    let bill: Value = serde_json::from_str(&bill).expect("it is JSON");
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.6".into()));
    assert_eq!(bill["metadata"]["timestamp"], "2025-06-15T15:06:40Z");
    let components = bill["components"].as_array().expect("a list");
    let mut refs = BTreeSet::new();
    for one in components {
        assert!(one["name"].is_string() && one["version"].is_string(), "{one}");
        assert!(matches!(one["type"].as_str(), Some("library" | "application")), "{one}");
        assert!(one["licenses"][0]["expression"].is_string(), "{one}");
        let is_ours = one["name"].as_str().is_some_and(|name| name.starts_with("mesh"));
        assert_eq!(one["hashes"][0]["content"].is_string(), !is_ours, "{one}");
        assert!(refs.insert(one["bom-ref"].as_str().expect("it has one")), "{one}");
    }
    let depend = bill["dependencies"].as_array().expect("a list");
    let targets = depend.iter().flat_map(|one| one["dependsOn"].as_array().expect("a list"));
    assert!(targets.into_iter().all(|target| refs.contains(target.as_str().expect("a name"))));
    assert_eq!(depend.len(), components.len() + 1);
    let (_unpacked, top) = unpack_tarball();
    // Against other sources: what programs say of themselves, and cargo of the tools and what
    // they link.
    for tool in TOOLS {
        let tree = ["tree", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "none"];
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(root()).args(tree).args(["--target", &target(), "-p", tool]);
        let tree = run(cargo.args(["--format", "{p}"]), "").ok();
        assert!(tree.lines().count() > 50, "{tree}");
        let named = named_by_itself(&top.join("bin").join(tool));
        for line in tree.lines() {
            let (name, version) = line.split_once(" v").expect("a name and a version");
            let version = version.split(' ').next().expect("a word");
            let purl = format!("pkg:cargo/{name}@{version}");
            assert!(refs.contains(purl.as_str()), "{line}");
            // It names macros, too, of which nothing is in it.
            assert!(named.contains(&purl), "{line}");
        }
    }
}

/// The crates that a program was made of, as cargo-auditable has written them into it.
fn named_by_itself(program: &Path) -> BTreeSet<String> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let section = dir.path().join("section");
    let mut objcopy = Command::new("objcopy");
    objcopy.arg("--dump-section").arg(format!(".dep-v0={}", section.display()));
    let _ = run(objcopy.arg(program).arg(dir.path().join("copy")), "").ok();
    let unzip = "import sys, zlib; print(zlib.decompress(open(sys.argv[1], 'rb').read()).decode())";
    let json = run(Command::new("python3").args(["-c", unzip]).arg(&section), "").ok();
    let json: Value = serde_json::from_str(&json).expect("it is JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let purl = |one: &Value| format!("pkg:cargo/{}@{}", text(&one["name"]), text(&one["version"]));
    json["packages"].as_array().expect("a list").iter().map(purl).collect()
}

fn refuses_wrong_usage() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (args, told) in [
        (&["--tools", "mesh-none", "image"][..], "there is no tool mesh-none"),
        (&["rpm"], "unknown argument rpm"),
    ] {
        let ran = run(&mut package(dir.path(), args), "");
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.contains(told), "{ran:?}");
    }
    assert_eq!(all_below(dir.path()), [] as [PathBuf; 0]);
}
