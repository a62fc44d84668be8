//! Makes an intermediate for each cluster below one root, or takes the one that is there.

use crate::folder::{open_mode, read_file};
use crate::member::Member;
use crate::recipe::Recipe;
use crate::root::RootDir;
use meshcore::folder::{File, Mode, Stage, name_left_behind};
use meshcore::{Console, Error, Message, Result};
use meshpki::Certificate;
use meshpki::bundle::{BundleError, CA_KEY, CaBundle, Files, NAMES, ROOT_CERT};
use meshpki::issue::Signer;
use std::path::{Path, PathBuf};

/// A CA for a cluster.
pub struct Issued {
    /// The cluster.
    pub member: Member,
    /// The four files that istiod reads.
    pub files: Files,
    /// When the CA certificate ends, as Unix time.
    pub expires: i64,
}

/// Where things are kept.
pub struct Places {
    /// The namespace of istiod.
    pub namespace: String,
    /// The root's folder; none for a root that nobody keeps.
    pub root: Option<RootDir>,
    /// The folder with a folder for each cluster; none if the Secrets are enough.
    pub out: Option<PathBuf>,
}

/// Makes what is missing and writes all files at once, or none.
pub fn init(
    members: Vec<Member>,
    recipe: &Recipe,
    places: &Places,
    now: i64,
    console: &Console,
) -> Result<Vec<Issued>> {
    for folder in places.root.iter().map(|root| &root.0).chain(&places.out) {
        name_left_behind(folder, console);
    }
    let mut stage = Stage::default();
    let mut notes = Vec::new();
    let root = if let Some(dir) = &places.root {
        let (root, note) = dir.signer_or_new(recipe, now, &mut stage)?;
        notes.extend(note);
        root
    } else {
        console.warn(&throw_away());
        let (certificate, key) = recipe.root(now)?;
        Signer::new(certificate, key).expect("it was made as a CA")
    };
    let mut all = Vec::new();
    for member in members {
        let folder = places.out.as_ref().map(|out| out.join(&member.id));
        let kept = match &folder {
            Some(folder) => existing(folder, root.certificate(), now)?,
            None => None,
        };
        let (files, expires) = if let Some(kept) = kept {
            notes.push(Message::new("kept the intermediate that is there").at(place(&member)));
            kept
        } else {
            let made = recipe
                .intermediate((&member.id, &places.namespace), &root, now)
                .map_err(|error| error.at(place(&member)))?;
            if let Some(folder) = &folder {
                stage.folder(folder, &with_modes(&made.0))?;
            }
            made
        };
        all.push(Issued { member, files, expires });
    }
    stage.commit()?;
    for note in &notes {
        console.note(note);
    }
    Ok(all)
}

fn throw_away() -> Message {
    Message::new("the root's key is kept nowhere: no cluster can be added later")
        .hint("--root-dir DIR keeps it, or reads the one that is there")
}

fn place(member: &Member) -> String {
    format!("cluster {}", member.name)
}

fn with_modes(files: &Files) -> Vec<File<'_>> {
    let mode = |name: &str| if name == CA_KEY { Mode::Secret } else { Mode::Public };
    files.iter().map(|(name, text)| File { name, text, mode: mode(name) }).collect()
}

/// The intermediate in a folder, if there is one. One that is not good is no reason to write
/// over it: its key may be in use.
fn existing(folder: &Path, root: &Certificate, now: i64) -> Result<Option<(Files, i64)>> {
    let mut files = Files::default();
    for name in NAMES {
        if let Some(text) = read_file(&folder.join(name))? {
            files.insert(name, text);
        }
    }
    let refuse = |reason: String| {
        Error::data(format!("has an intermediate that {reason}; it is not written over"))
            .at(folder.display())
            .hint("move it away to get a new one, or name its root with --root-dir")
    };
    let bundle = match CaBundle::from_files(&files) {
        Ok(bundle) => bundle,
        Err(BundleError::Absent) => return Ok(None),
        Err(BundleError::Incomplete(missing)) => {
            return Err(refuse(format!("lacks {}", missing.join(", "))));
        }
        Err(BundleError::Unreadable { file, reason }) => {
            return Err(refuse(format!("cannot be read: {file} {reason}")));
        }
    };
    if !bundle.root_cert.contains(root) {
        return Err(refuse(format!("has another root in its {ROOT_CERT}")));
    }
    if let Some(mode) = open_mode(&folder.join(CA_KEY))? {
        return Err(refuse(format!("has a {CA_KEY} that others can read (mode {mode:04o})"))
            .hint("chmod 600 makes it the owner's alone"));
    }
    let expires = bundle.ca_cert.not_after();
    let to_this_root = meshpki::chain::verify(
        &bundle.ca_cert,
        &bundle.cert_chain,
        std::slice::from_ref(root),
        now,
    );
    to_this_root.map_err(|error| refuse(format!("does not lead to the root: {error}")))?;
    bundle.into_signer().map_err(|error| refuse(format!("cannot sign: {error}")))?;
    Ok(Some((files, expires)))
}
