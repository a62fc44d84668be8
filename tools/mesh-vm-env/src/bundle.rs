//! The files of one machine, together.

use meshcore::folder::{File, Mode};
use std::collections::BTreeMap;
use tar::{Builder, EntryType, Header};
use zeroize::Zeroizing;

/// Environment of the agent.
pub const CLUSTER_ENV: &str = "cluster.env";
/// Proxy settings.
pub const MESH_YAML: &str = "mesh.yaml";
/// Lines for `/etc/hosts`.
pub const HOSTS: &str = "hosts";
/// The service account's token.
pub const TOKEN: &str = "istio-token";
/// The mesh's roots.
pub const ROOT_CERT: &str = "root-cert.pem";

/// Files by name. No `Debug`: one is a secret.
#[derive(Default)]
pub struct Bundle(BTreeMap<&'static str, (Mode, Zeroizing<String>)>);

impl Bundle {
    /// Adds a file that everybody may read.
    pub fn add(&mut self, name: &'static str, text: String) {
        self.0.insert(name, (Mode::Public, text.into()));
    }

    /// Adds a file for its owner alone.
    pub fn add_secret(&mut self, name: &'static str, text: Zeroizing<String>) {
        self.0.insert(name, (Mode::Secret, text));
    }

    /// The files in the order of their names.
    pub fn files(&self) -> impl Iterator<Item = File<'_>> {
        self.0.iter().map(|(name, (mode, text))| File { name, text, mode: *mode })
    }

    /// All files as a tar archive of root's, without times: the same files, the same bytes. It is
    /// text, as they are: headers are ASCII.
    ///
    /// # Panics
    /// Never: memory takes every write, and the names are short.
    #[must_use]
    pub fn tar(&self) -> String {
        let mut archive = Builder::new(Vec::new());
        for File { name, text, mode } in self.files() {
            let mut header = Header::new_ustar();
            header.set_entry_type(EntryType::Regular);
            header.set_mode(mode.bits());
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            header.set_username("root").expect("the name is short");
            header.set_groupname("root").expect("the name is short");
            header.set_size(text.len() as u64);
            archive
                .append_data(&mut header, name, text.as_bytes())
                .expect("memory takes every write");
        }
        let bytes = archive.into_inner().expect("memory takes every write");
        String::from_utf8(bytes).expect("headers are ASCII and files are text")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    fn bundle() -> Bundle {
        let mut bundle = Bundle::default();
        bundle.add_secret(TOKEN, "t\u{e9}\0".repeat(300).into());
        bundle.add(HOSTS, "h\n".to_owned());
        bundle.add(CLUSTER_ENV, String::new());
        bundle
    }

    #[test]
    fn an_archive_is_roots_sorted_and_the_same_each_time() {
        let text = bundle().tar();
        assert_eq!(text, bundle().tar());
        let mut archive = tar::Archive::new(text.as_bytes());
        let mut read = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let header = entry.header().clone();
            let owner = (header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap());
            assert_eq!(owner, (0, 0, 0));
            assert_eq!(header.username().unwrap(), Some("root"));
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let name = entry.path().unwrap().display().to_string();
            read.push((name, header.mode().unwrap(), text));
        }
        let expected: Vec<_> = bundle()
            .files()
            .map(|file| (file.name.to_owned(), file.mode.bits(), file.text.to_owned()))
            .collect();
        assert_eq!(read, expected);
        let modes: Vec<_> = read.iter().map(|(name, mode, _)| (name.as_str(), *mode)).collect();
        assert_eq!(modes, [(CLUSTER_ENV, 0o644), (HOSTS, 0o644), (TOKEN, 0o600)]);
    }
}
