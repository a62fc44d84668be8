//! The CA that signs: found in a folder, in files or in a Secret, and fit for it.

use crate::file;
use crate::flags::Args;
use meshcore::input::Source;
use meshcore::shell;
use meshcore::{Console, Error, Message, Result};
use meshpki::bundle::{
    self, BundleError, CA_CERT, CA_KEY, CERT_CHAIN, CaBundle, Files, NAMES, ROOT_CERT, TLS_NAMES,
};
use meshpki::chain::{self, Usage};
use meshpki::issue::{self, IssueError, Role, Signer, WorkloadSpec};
use meshpki::{Certificate, Lifetime, sample};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

use crate::credential::Credential;

/// A CA with its key, and the way from it to the roots.
pub(crate) struct Authority {
    signer: Signer,
    /// The CA itself, and those above it.
    intermediates: Vec<Certificate>,
    roots: Vec<Certificate>,
    place: String,
}

/// The texts of a CA, and where they stand.
struct Texts {
    files: Files,
    place: String,
    /// The place of each text that has one of its own.
    places: BTreeMap<&'static str, String>,
}

impl Authority {
    /// Reads the CA that the flags say, and refuses one that peers would not believe.
    pub(crate) fn read(args: &Args, now: i64, console: &Console) -> Result<Self> {
        let making = &args.making;
        let texts = if let Some(dir) = &making.ca_dir {
            of_folder(dir)?
        } else if let Some(ca_cert) = &making.ca_cert {
            of_files(ca_cert, args)?
        } else {
            warn_of_open_files(&args.input.files, console)?;
            of_secrets(&args.input.read()?)?
        };
        let bundle = CaBundle::from_files(&texts.files).map_err(|error| texts.error(error))?;
        let place = texts.place;
        let above = bundle.cert_chain.iter().chain(&bundle.root_cert);
        let origin =
            sample::origin(&bundle.ca_cert).or_else(|| above.into_iter().find_map(sample::origin));
        if let Some(origin) = origin {
            let text = format!("is Istio's sample CA ({origin}): its key is public");
            if !making.allow_sample_ca {
                return Err(Error::data(text).at(place).hint(
                    "anybody can make certificates of such a mesh; mesh-cacerts makes a CA",
                ));
            }
            console.warn(&Message::new(text).at(&place));
        }
        Self::new(bundle, now, place)
    }

    fn new(bundle: CaBundle, now: i64, place: String) -> Result<Self> {
        let CaBundle { ca_cert, ca_key, root_cert: roots, cert_chain } = bundle;
        let mut intermediates = vec![ca_cert.clone()];
        intermediates.extend(cert_chain);
        let unfit = |error: IssueError| {
            let hint = match error {
                IssueError::NotCa => "it is a workload's, perhaps; the CA's is ca-cert.pem",
                _ => "mesh-cacerts verify tells more of the CA",
            };
            Error::data(error.to_string()).at(&place).hint(hint)
        };
        let signer = Signer::new(ca_cert, ca_key).map_err(unfit)?;
        chain::verify(signer.certificate(), &intermediates, &roots, now).map_err(|error| {
            Error::data(error.to_string())
                .at(&place)
                .hint("mesh-cacerts verify tells more of the CA, and rotate how to replace it")
        })?;
        Ok(Self { signer, intermediates, roots, place })
    }

    /// Makes a key and a certificate that its peers will believe.
    pub(crate) fn issue(&self, spec: &WorkloadSpec, now: i64) -> Result<Credential> {
        let (certificate, key) = issue::workload(spec, &self.signer, now).map_err(|error| {
            let longest = match error {
                IssueError::OutlivesSigner(end) => Lifetime::from_seconds(end - now),
                _ => None,
            };
            let error = Error::data(error.to_string()).at(&self.place);
            match longest {
                Some(longest) => error.hint(format!("--lifetime {longest} is the longest")),
                None => error,
            }
        })?;
        let ends: &[Usage] = match spec.role {
            Role::Both => &[Usage::Clients, Usage::Servers],
            Role::Client => &[Usage::Clients],
            Role::Server => &[Usage::Servers],
        };
        let mut chain = Vec::new();
        for end in ends {
            let way = chain::path_for(&certificate, &self.intermediates, &self.roots, now, *end);
            let way = way.map_err(|error| {
                Error::data(format!("peers would refuse its certificates: {error}")).at(&self.place)
            })?;
            // The root is what peers have themselves.
            chain = way[..way.len() - 1].iter().map(|&certificate| certificate.clone()).collect();
        }
        Ok(Credential { identity: spec.identity.clone(), key, chain, roots: self.roots.clone() })
    }
}

impl Texts {
    fn error(&self, error: BundleError) -> Error {
        let error = match error {
            BundleError::Unreadable { file, reason } => {
                let whole = || format!("{}: {file}", self.place);
                return Error::data(reason).at(self
                    .places
                    .get(file)
                    .cloned()
                    .unwrap_or_else(whole));
            }
            BundleError::Absent => Error::data("holds no CA").hint(format!(
                "a CA is {}, or {}",
                NAMES.join(", "),
                TLS_NAMES.join(", ")
            )),
            incomplete @ BundleError::Incomplete(_) => {
                Error::data(incomplete.to_string()).hint("istiod does not start with it, either")
            }
        };
        error.at(&self.place)
    }
}

/// The files that istiod would look for in a folder.
fn of_folder(dir: &Path) -> Result<Texts> {
    let mut texts = Texts {
        files: Files::default(),
        place: dir.display().to_string(),
        places: BTreeMap::new(),
    };
    std::fs::read_dir(dir).map_err(|e| Error::data(e.to_string()).at(dir.display()))?;
    for name in NAMES.into_iter().chain(TLS_NAMES) {
        let path = dir.join(name);
        if path.exists() {
            let is_key = name == CA_KEY || name == TLS_NAMES[1];
            let text = if is_key { file::read_key(&path)? } else { file::read(&path)?.text };
            texts.files.insert(name, text);
            texts.places.insert(name, path.display().to_string());
        }
    }
    Ok(texts)
}

/// The files that the flags name. Without a chain the CA is right below the root.
fn of_files(ca_cert: &Path, args: &Args) -> Result<Texts> {
    let chain = args.cert_chain.as_deref().unwrap_or(ca_cert);
    let named = [
        (CA_CERT, Some(ca_cert)),
        (CA_KEY, args.making.ca_key.as_deref()),
        (ROOT_CERT, args.root_cert.as_deref()),
        (CERT_CHAIN, Some(chain)),
    ];
    let place = ca_cert.display().to_string();
    let mut texts = Texts { files: Files::default(), place, places: BTreeMap::new() };
    for (name, path) in named {
        let Some(path) = path else { continue };
        let text = if name == CA_KEY { file::read_key(path)? } else { file::read(path)?.text };
        texts.files.insert(name, text);
        texts.places.insert(name, path.display().to_string());
    }
    Ok(texts)
}

/// The one Secret with a CA.
fn of_secrets(sources: &[Source]) -> Result<Texts> {
    let mut found: Vec<Texts> = Vec::new();
    let mut first_place = None;
    for source in sources {
        for document in source.documents()? {
            let value: Value = document.decode()?;
            let place = document.place().to_owned();
            if value["kind"] == "Secret" {
                let files = bundle::from_secret(&value)
                    .map_err(|reason| Error::data(format!("the Secret {reason}")).at(&place))?;
                let files = with_own_root(&value, files);
                if NAMES.iter().chain(&TLS_NAMES).any(|name| files.contains(name)) {
                    found.push(Texts { files, place: place.clone(), places: BTreeMap::new() });
                }
            }
            first_place.get_or_insert(place);
        }
    }
    match (found.pop(), found.len()) {
        (Some(texts), 0) => Ok(texts),
        (Some(_), more) => Err(Error::data(format!("there are {} Secrets with a CA", more + 1))
            .at(&found[0].place)
            .hint("which cluster is the workload's? give the one Secret of that")),
        (None, _) => Err(Error::data("is no Secret with a CA")
            .at(first_place.unwrap_or_default())
            .hint("kubectl get secret cacerts -n istio-system -o yaml")),
    }
}

/// istiod's own CA (`istio-ca-secret`) is its root, and has empty texts for what is above it.
fn with_own_root(secret: &Value, mut files: Files) -> Files {
    if secret["type"] == "istio.io/ca-root"
        && let Some(own) = files.get(CA_CERT).map(str::to_owned)
    {
        for name in [ROOT_CERT, CERT_CHAIN] {
            if files.get(name).is_none_or(|text| text.trim().is_empty()) {
                files.insert(name, Zeroizing::new(own.clone()));
            }
        }
    }
    files
}

/// A Secret in a file is a key in a file.
fn warn_of_open_files(files: &[PathBuf], console: &Console) -> Result<()> {
    for path in files.iter().filter(|path| path.as_os_str() != "-") {
        if let Some(mode) = file::read(path)?.open_mode {
            let text = format!("others than its owner can use it (mode {mode:04o})");
            console.warn(&Message::new(text).at(path.display()).hint(shell::chmod("600", path)));
        }
    }
    Ok(())
}
