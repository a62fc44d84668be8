//! What a workload has already: read from a folder, from files or from a Secret.

use crate::credential::{CHAIN, KEY, ROOTS};
use crate::file::{self, Found};
use crate::flags::Args;
use meshcore::input::Source;
use meshcore::{Console, Error, Message, Result};
use meshpki::bundle::{self, TLS_NAMES};
use meshpki::{Certificate, PrivateKey};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Certificates and perhaps a key, as a workload shows them to its peers.
pub(crate) struct Presented {
    /// The folder, the file of the chain, or `NAMESPACE/NAME` of the Secret.
    pub object: String,
    /// The workload's certificate, then those above it.
    pub chain: Vec<Certificate>,
    /// What it believes.
    pub roots: Vec<Certificate>,
    /// Its key, where it was given.
    pub key: Option<PrivateKey>,
    /// The key's file and its permission bits, where others than its owner can use it.
    pub open_key: Option<(PathBuf, u32)>,
}

impl Presented {
    /// Reads what the flags say.
    pub(crate) fn read(args: &Args, console: &Console) -> Result<Self> {
        let judging = &args.judging;
        let mut this = if let Some(dir) = &judging.dir {
            let roots = args.root_cert.clone().unwrap_or_else(|| dir.join(ROOTS));
            Self::of_files(dir.display().to_string(), &dir.join(CHAIN), &roots)?
        } else if let (Some(chain), Some(roots)) = (&args.cert_chain, &args.root_cert) {
            Self::of_files(chain.display().to_string(), chain, roots)?
        } else {
            let mut this = Self::of_secrets(&args.input.read()?)?;
            if let Some(roots) = &args.root_cert {
                this.roots = certificates(roots)?;
            }
            this
        };
        let own_key = || judging.dir.as_ref().map(|dir| dir.join(KEY)).filter(|key| key.exists());
        if let Some(path) = judging.private_key.clone().or_else(own_key) {
            let Found { text, open_mode } = file::read(&path)?;
            let key = PrivateKey::from_pem(&text);
            this.key = Some(key.map_err(|reason| Error::data(reason).at(path.display()))?);
            this.open_key = open_mode.map(|mode| (path, mode));
        }
        if this.key.is_none() {
            console.note(&Message::new("there is no key, so none was checked").at(&this.object));
        }
        Ok(this)
    }

    fn of_files(object: String, chain: &Path, roots: &Path) -> Result<Self> {
        let (chain, roots) = (certificates(chain)?, certificates(roots)?);
        Ok(Self { object, chain, roots, key: None, open_key: None })
    }

    /// The one Secret with a workload's certificate.
    fn of_secrets(sources: &[Source]) -> Result<Self> {
        let mut found = Vec::new();
        let mut first_place = None;
        for source in sources {
            for document in source.documents()? {
                let value: Value = document.decode()?;
                if value["kind"] == "Secret" {
                    let is_there =
                        |key| !value["data"][key].is_null() || !value["stringData"][key].is_null();
                    if is_there(TLS_NAMES[0]) && is_there(TLS_NAMES[2]) {
                        found.push(Self::of_secret(&value, document.place())?);
                    }
                }
                first_place.get_or_insert_with(|| document.place().to_owned());
            }
        }
        match (found.pop(), found.len()) {
            (Some(this), 0) => Ok(this),
            (Some(_), more) => {
                Err(Error::data(format!("there are {} Secrets with certificates", more + 1))
                    .at(first_place.unwrap_or_default())
                    .hint("give one of them"))
            }
            (None, _) => Err(Error::data("is no Secret with tls.crt and ca.crt")
                .at(first_place.unwrap_or_default())
                .hint("files are given by --dir, or by --cert-chain and --root-cert")),
        }
    }

    fn of_secret(secret: &Value, place: &str) -> Result<Self> {
        let files = bundle::from_secret(secret)
            .map_err(|reason| Error::data(format!("the Secret {reason}")).at(place))?;
        let at = |name: &str| format!("{place}: .data[{name}]");
        let read = |name: &str| {
            let text = files.get(name).unwrap_or_default();
            Certificate::all_from_pem(text).map_err(|reason| Error::data(reason).at(at(name)))
        };
        let metadata = &secret["metadata"];
        let parts = [&metadata["namespace"], &metadata["name"]].map(|part| part.as_str());
        let [certificate, key, roots] = TLS_NAMES;
        let private_key = match files.get(key) {
            Some(text) => {
                Some(PrivateKey::from_pem(text).map_err(|reason| Error::data(reason).at(at(key)))?)
            }
            None => None,
        };
        Ok(Self {
            object: parts.into_iter().flatten().collect::<Vec<_>>().join("/"),
            chain: read(certificate)?,
            roots: read(roots)?,
            key: private_key,
            open_key: None,
        })
    }
}

fn certificates(path: &Path) -> Result<Vec<Certificate>> {
    let text = file::read(path)?.text;
    Certificate::all_from_pem(&text).map_err(|reason| Error::data(reason).at(path.display()))
}
