//! A mesh with a root and a CA on the disk, for the tests of the program.

use meshpki::issue::{self, CaSpec, Signer};
use meshpki::{Certificate, KeyKind};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// 2026-01-01T00:00:00Z, as the tests tell the program.
pub const NOW: i64 = 1_767_225_600;
pub const AT: &str = "2026-01-01T00:00:00Z";
pub const VM: &str = "spiffe://cluster.local/ns/vm/sa/vm";

/// A folder `ca` with the four files of a CA that lives 30 days, below a root that lives longer.
pub struct Bed {
    pub dir: TempDir,
    pub root: Signer,
    pub ca: Signer,
}

pub fn root(name: &str, key: KeyKind) -> Signer {
    let mut spec = CaSpec { key, ..CaSpec::root() };
    spec.subject.common_name = Some(name.to_owned());
    let (certificate, key) = issue::root(&spec, NOW).unwrap();
    Signer::new(certificate, key).unwrap()
}

impl Bed {
    pub fn new() -> Self {
        Self::of(KeyKind::EcdsaP256, |spec| spec)
    }

    pub fn of(key: KeyKind, change: fn(CaSpec) -> CaSpec) -> Self {
        let root = root("Root CA", key);
        let lifetime = Duration::from_secs(30 * 86_400);
        let spec = change(CaSpec { key, lifetime, ..CaSpec::intermediate("cluster1") });
        let (certificate, key) = issue::intermediate(&spec, &root, NOW).unwrap();
        let bed = Self {
            dir: tempfile::tempdir().unwrap(),
            root,
            ca: Signer::new(certificate, key).unwrap(),
        };
        let (root, ca) = (bed.root.certificate().to_pem(), bed.ca.certificate().to_pem());
        fs::create_dir(bed.path("ca")).unwrap();
        bed.write("ca/ca-cert.pem", &ca, 0o644);
        bed.write("ca/ca-key.pem", &bed.ca.key().to_pem(), 0o600);
        bed.write("ca/root-cert.pem", &root, 0o644);
        bed.write("ca/cert-chain.pem", &(ca + &root), 0o644);
        bed
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o7777
    }

    pub fn certificates(&self, name: &str) -> Vec<Certificate> {
        Certificate::all_from_pem(&self.read(name)).unwrap()
    }

    /// The program in the folder, with words that have no blanks.
    pub fn run(&self, words: &str) -> assert_cmd::Command {
        let mut tool = mesh_tests::tool("mesh-cert");
        tool.env_clear().current_dir(self.dir.path()).args(words.split_whitespace());
        tool
    }

    /// The same at the time of the tests.
    pub fn tool(&self, words: &str) -> assert_cmd::Command {
        let mut tool = self.run(words);
        tool.args(["--at", AT]);
        tool
    }
}
