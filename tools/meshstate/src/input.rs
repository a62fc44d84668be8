//! The flag by which tools read a mesh: `-f [NAME=]FILE`.

use crate::reader::{Origin, Reader};
use crate::{ClusterState, Mesh};
use meshcore::{Error, Result};
use std::io::{self, BufReader};
use std::path::PathBuf;

/// The flag of tools that read a mesh.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Input {
    /// Captures, cluster records, or a dump of kubectl, of the cluster NAME, instead of standard
    /// input ("-"); may be repeated [default NAME: the file's]
    #[arg(short = 'f', long = "filename", value_name = "[NAME=]FILE", value_parser = NamedFile::parse)]
    pub files: Vec<NamedFile>,
}

/// A file, and the cluster that it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// What the user calls the cluster.
    pub cluster: Option<String>,
    /// `-` for standard input.
    pub file: PathBuf,
}

impl NamedFile {
    /// Reads `[NAME=]FILE`; what has a slash before its first `=` is a file alone.
    pub fn parse(text: &str) -> Result<Self, String> {
        let named = text.split_once('=').filter(|(name, _)| !name.contains('/'));
        let (cluster, file) = match named {
            Some(("", _)) => return Err("has no NAME before the '='".to_owned()),
            Some((name, file)) => (Some(name.to_owned()), file),
            None => (None, text),
        };
        if file.is_empty() {
            return Err("names no file".to_owned());
        }
        Ok(Self { cluster, file: PathBuf::from(file) })
    }

    fn is_stdin(&self) -> bool {
        self.file.as_os_str() == "-"
    }

    /// What to call the cluster of a plain dump.
    fn cluster_name(&self) -> String {
        let stem = || self.file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        match &self.cluster {
            Some(name) => name.clone(),
            None if self.is_stdin() => "stdin".to_owned(),
            None => stem().unwrap_or_default(),
        }
    }
}

impl Input {
    /// Reads all files, or standard input when there are none. Only facts are kept: raw text of
    /// one cluster at a time of a stream of captures, and of one file otherwise.
    ///
    /// # Errors
    /// Where something cannot be read, holds no object or is no Kubernetes object or record,
    /// where two captures have one name, and where a record could be of two clusters.
    pub fn read(&self) -> Result<Mesh> {
        self.read_into(Reader::default())
    }

    /// The same, where hundreds of clusters are too much to be kept as they are: `reduce` may take
    /// what it wants of each, and clear the rest, as soon as all of it was read. Of a cluster in a
    /// stream that is at the end of its capture, so nothing of it may come after that.
    ///
    /// # Errors
    /// As for [`Input::read`].
    pub fn read_reduced(&self, mut reduce: impl FnMut(&mut ClusterState)) -> Result<Mesh> {
        let mut reader = Reader::default();
        reader.reduce = Some(&mut reduce);
        self.read_into(reader)
    }

    fn read_into(&self, mut reader: Reader<'_>) -> Result<Mesh> {
        let stdin = NamedFile { cluster: None, file: PathBuf::from("-") };
        let files = if self.files.is_empty() { std::slice::from_ref(&stdin) } else { &self.files };
        if files.iter().filter(|file| file.is_stdin()).count() > 1 {
            return Err(Error::usage("standard input can be read once: give \"-f -\" once"));
        }
        for file in files {
            let cluster = file.cluster_name();
            let path = file.file.display().to_string();
            let name = if file.is_stdin() { "stdin" } else { &path };
            let origin = Origin { name, cluster: &cluster, is_named: file.cluster.is_some() };
            if file.is_stdin() {
                meshcore::input::refuse_terminal()?;
                reader.read(origin, io::stdin().lock())?;
            } else {
                let opened = meshcore::file::open(&file.file)?;
                reader.read(origin, BufReader::with_capacity(1 << 16, opened))?;
            }
        }
        reader.finish()
    }

    /// Whether the user named any file.
    #[must_use]
    pub fn is_given(&self) -> bool {
        !self.files.is_empty()
    }
}
