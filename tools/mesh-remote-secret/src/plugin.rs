//! `--auth-type plugin`: istiod asks an authentication provider instead of using a token.

use meshcore::Message;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What holds credentials, and must not stand on a command line, which every user can read
/// (client-go's `oidc`, `azure` and `gcp` providers).
const SECRET_KEYS: [&str; 4] = ["access-token", "client-secret", "id-token", "refresh-token"];

/// The provider and its settings. No `Debug`: they can hold credentials.
#[derive(Clone)]
pub struct Plugin {
    name: String,
    config: BTreeMap<String, String>,
}

impl Plugin {
    /// A provider of client-go; `KEY=@FILE` takes the value from a file. The error is a whole
    /// sentence.
    pub fn new(name: &str, config: &[(String, String)]) -> Result<Self, String> {
        let mut settings = BTreeMap::new();
        for (key, value) in config {
            let value = match value.strip_prefix('@') {
                Some(file) => meshcore::file::read_small(file.as_ref())
                    .and_then(|bytes| {
                        let text = String::from_utf8(bytes);
                        text.map_err(|_| meshcore::Error::data("is not UTF-8").at(file))
                    })
                    .map_err(|error| error.message().text().to_owned())?
                    .trim_end_matches(['\r', '\n'])
                    .to_owned(),
                None if SECRET_KEYS.contains(&key.as_str()) => {
                    return Err(format!(
                        "the value of {key} is a secret, and every user can read command lines: \
                         put it into a file and write {key}=@FILE"
                    ));
                }
                None => value.clone(),
            };
            if settings.insert(key.clone(), value).is_some() {
                return Err(format!("{key} is given twice"));
            }
        }
        Ok(Self { name: name.to_owned(), config: settings })
    }

    /// The kubeconfig's `auth-provider`.
    #[must_use]
    pub fn auth_provider(&self) -> Value {
        json!({"name": self.name, "config": self.config})
    }

    /// What istiod says of it, from 1.11 on, unless it is `oidc`.
    #[must_use]
    pub fn refusal(&self) -> Option<Message> {
        (self.name != "oidc").then(|| {
            let text = format!(
                "istiod refuses auth provider {} unless its environment has \
                 PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS={}",
                self.name, self.name
            );
            Message::new(text).hint("only oidc is allowed by default")
        })
    }
}

/// Reads `KEY=VALUE`.
pub fn parse_setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("is no KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(text: &str) -> (String, String) {
        parse_setting(text).unwrap()
    }

    #[test]
    fn settings_come_from_flags_and_files() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "s3cret\n").unwrap();
        let secret = format!("client-secret=@{}", file.path().display());
        let settings = [setting("client-id=mesh"), setting(&secret), setting("a=b=c")];
        let plugin = Plugin::new("oidc", &settings).unwrap();
        let config = json!({"client-id": "mesh", "client-secret": "s3cret", "a": "b=c"});
        assert_eq!(plugin.auth_provider(), json!({"name": "oidc", "config": config}));
        assert!(plugin.refusal().is_none());
    }

    #[test]
    fn secrets_on_the_command_line_are_refused() {
        for key in SECRET_KEYS {
            let error = Plugin::new("oidc", &[setting(&format!("{key}=hush"))]).err().unwrap();
            assert!(error.contains(&format!("{key}=@FILE")) && !error.contains("hush"), "{error}");
        }
        let twice = Plugin::new("oidc", &[setting("a=1"), setting("a=2")]).err().unwrap();
        assert_eq!(twice, "a is given twice");
        let missing = Plugin::new("oidc", &[setting("a=@/nowhere")]).err().unwrap();
        assert!(missing.starts_with("/nowhere: No such file"), "{missing}");
        assert!(parse_setting("a").is_err() && parse_setting("=a").is_err());
    }

    #[test]
    fn istiod_refuses_what_is_not_oidc() {
        let refusal = Plugin::new("gcp", &[]).unwrap().refusal().unwrap();
        assert!(refusal.text().starts_with("istiod refuses auth provider gcp unless"));
    }
}
