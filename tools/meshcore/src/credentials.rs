//! A kubeconfig with its users, as istiod loads it (k8s.io/client-go/tools/clientcmd, API version
//! v1).
//!
//! No `Debug` anywhere: users hold credentials.

use crate::input::{Source, null_as_default, verbatim};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, de};
use std::collections::{BTreeMap, HashSet};

/// The fields that istiod acts on.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Kubeconfig {
    #[serde(default)]
    kind: Option<String>,
    #[serde(default, rename = "apiVersion")]
    api_version: Option<String>,
    /// Where API servers are.
    #[serde(default, deserialize_with = "null_as_default")]
    pub clusters: Vec<Named<Cluster>>,
    /// Who asks them.
    #[serde(default, deserialize_with = "null_as_default")]
    pub users: Vec<Named<User>>,
    /// Who asks which of them.
    #[serde(default, deserialize_with = "null_as_default")]
    pub contexts: Vec<Named<Context>>,
    /// The context that counts; empty for none.
    #[serde(default, rename = "current-context", deserialize_with = "null_as_default")]
    pub current_context: String,
}

/// An entry and the name by which others speak of it.
#[derive(PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(bound = "T: Default + Deserialize<'de>")]
pub struct Named<T> {
    /// Unique among the entries of its kind.
    #[serde(default, deserialize_with = "null_as_default")]
    pub name: String,
    /// What it says.
    #[serde(
        default,
        alias = "cluster",
        alias = "user",
        alias = "context",
        deserialize_with = "null_as_default"
    )]
    pub entry: T,
}

/// An API server. Empty text and bytes stand for "not given", as in client-go.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Cluster {
    /// Its address.
    #[serde(deserialize_with = "as_written")]
    pub server: String,
    /// A file with the CA.
    #[serde(deserialize_with = "null_as_default")]
    pub certificate_authority: String,
    /// The CA itself: PEM.
    #[serde(deserialize_with = "null_as_default")]
    pub certificate_authority_data: Bytes,
    /// Take any certificate.
    #[serde(deserialize_with = "null_as_default")]
    pub insecure_skip_tls_verify: bool,
    /// The proxy that leads there.
    #[serde(deserialize_with = "as_written")]
    pub proxy_url: String,
    /// The name to expect in its certificate.
    #[serde(deserialize_with = "null_as_default")]
    pub tls_server_name: String,
}

/// Credentials.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct User {
    /// A bearer token.
    #[serde(deserialize_with = "as_written")]
    pub token: String,
    /// A file with a bearer token.
    #[serde(rename = "tokenFile", deserialize_with = "null_as_default")]
    pub token_file: String,
    /// A file with a certificate.
    #[serde(deserialize_with = "null_as_default")]
    pub client_certificate: String,
    /// The certificate itself: PEM.
    #[serde(deserialize_with = "null_as_default")]
    pub client_certificate_data: Bytes,
    /// A file with its key.
    #[serde(deserialize_with = "null_as_default")]
    pub client_key: String,
    /// The key itself: PEM.
    #[serde(deserialize_with = "null_as_default")]
    pub client_key_data: Bytes,
    /// Of basic authentication.
    #[serde(deserialize_with = "null_as_default")]
    pub username: String,
    /// Of basic authentication.
    #[serde(deserialize_with = "as_written")]
    pub password: String,
    /// A program to run.
    pub exec: Option<Exec>,
    /// A plugin of client-go.
    pub auth_provider: Option<AuthProvider>,
    /// The user to impersonate.
    #[serde(rename = "as", deserialize_with = "null_as_default")]
    pub as_user: String,
    /// The groups to impersonate.
    #[serde(deserialize_with = "null_as_default")]
    pub as_groups: Vec<String>,
    /// What else to say of the impersonated user.
    #[serde(deserialize_with = "null_as_default")]
    pub as_user_extra: BTreeMap<String, Vec<String>>,
}

/// A program that prints credentials.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Exec {
    /// The program.
    #[serde(deserialize_with = "null_as_default")]
    pub command: String,
    /// Of what it prints.
    #[serde(deserialize_with = "null_as_default")]
    pub api_version: String,
}

/// A plugin, and of its configuration what tells how long it works.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default)]
pub struct AuthProvider {
    /// `oidc`, `gcp`, `azure`, `openstack`.
    #[serde(deserialize_with = "null_as_default")]
    pub name: String,
    /// Of `oidc`.
    #[serde(deserialize_with = "null_as_default")]
    pub config: OidcTokens,
}

/// Tokens of the plugin `oidc`; empty for none.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct OidcTokens {
    /// What API servers are shown.
    #[serde(deserialize_with = "as_written")]
    pub id_token: String,
    /// What gets another one.
    #[serde(deserialize_with = "as_written")]
    pub refresh_token: String,
}

/// The names of a cluster and a user; empty for none.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default)]
pub struct Context {
    /// An entry of `clusters`.
    #[serde(deserialize_with = "null_as_default")]
    pub cluster: String,
    /// An entry of `users`.
    #[serde(deserialize_with = "null_as_default")]
    pub user: String,
    /// For requests that name none.
    #[serde(deserialize_with = "null_as_default")]
    pub namespace: String,
}

/// What is used and never shown.
fn as_written<'de, D: Deserializer<'de>>(field: D) -> Result<String, D::Error> {
    verbatim::<D, Option<String>>(field).map(Option::unwrap_or_default)
}

/// Bytes that stand as base64 in the text.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(field: D) -> Result<Self, D::Error> {
        let text = String::deserialize(field)?;
        decode_base64(&text).map(Self).ok_or_else(|| de::Error::custom("is not base64"))
    }
}

/// Base64 as Go reads it: line ends do not count.
#[must_use]
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    if text.contains(['\r', '\n']) {
        return STANDARD.decode(text.replace(['\r', '\n'], "")).ok();
    }
    STANDARD.decode(text).ok()
}

impl Kubeconfig {
    /// Loads what stands under a key of a Secret.
    ///
    /// # Errors
    /// Completes "its kubeconfig …"; nothing of the text is in it.
    pub fn load(bytes: Vec<u8>) -> Result<Self, String> {
        if bytes.is_empty() {
            return Err("is empty".to_owned());
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        let plain = |error: crate::Error| {
            let text = error.message().text();
            text.strip_prefix(": ").unwrap_or(text).to_owned()
        };
        let source = Source::new(String::new(), bytes).map_err(plain)?;
        let documents = source.documents().map_err(plain)?;
        // client-go reads no further than the first document.
        let Some(document) = documents.first() else { return Ok(Self::default()) };
        let config: Self = document.decode().map_err(plain)?;
        let is = |field: &Option<String>, value: &str| {
            field.as_deref().is_none_or(|text| text.is_empty() || text == value)
        };
        if !is(&config.kind, "Config") || !is(&config.api_version, "v1") {
            return Err("has another kind or apiVersion than Config of v1".to_owned());
        }
        let twice = twice(&config.clusters)
            .or_else(|| twice(&config.users))
            .or_else(|| twice(&config.contexts));
        match twice {
            Some(name) => Err(format!("has two entries named {name:?}")),
            None => Ok(config),
        }
    }

    /// The API server and the credentials of the current context.
    #[must_use]
    pub fn current(&self) -> Option<(&Cluster, &User)> {
        let context = find(&self.contexts, &self.current_context)?;
        Some((find(&self.clusters, &context.cluster)?, find(&self.users, &context.user)?))
    }
}

/// The entry of this name.
#[must_use]
pub fn find<'a, T>(entries: &'a [Named<T>], name: &str) -> Option<&'a T> {
    entries.iter().find(|named| named.name == name).map(|named| &named.entry)
}

fn twice<T>(entries: &[Named<T>]) -> Option<&str> {
    let mut known = HashSet::new();
    entries.iter().map(|named| named.name.as_str()).find(|&name| !known.insert(name))
}

/// Whether there is a PEM block of this kind with something like DER in it.
#[must_use]
pub fn is_pem(bytes: &[u8], kind: &str) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let (begin, end) = (format!("{kind}-----"), "-----END ");
    text.split("-----BEGIN ").skip(1).any(|block| {
        // `RSA PRIVATE KEY` and `EC PRIVATE KEY` are private keys too.
        let body = block.split_once(&begin).filter(|(before, _)| !before.contains('-'));
        let body = body.and_then(|(_, rest)| rest.split_once(end)).map(|(body, _)| body);
        let body: Option<String> =
            body.map(|body| body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
        // DER of a certificate or key is a sequence.
        body.and_then(|body| STANDARD.decode(body).ok())
            .is_some_and(|der| der.first() == Some(&0x30))
    })
}

/// The certificates of a PEM text, in their order: somebody may have put a key among them.
#[must_use]
pub fn certificates_only(text: &str) -> String {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let blocks = text.split(BEGIN).skip(1);
    let bodies = blocks.filter_map(|block| block.split_once(END).map(|(body, _)| body));
    let is_base64 = |b: u8| b.is_ascii_alphanumeric() || b"+/=\r\n\t ".contains(&b);
    bodies.filter(|body| body.bytes().all(is_base64)).fold(String::new(), |out, body| {
        let body = body.trim_matches(['\r', '\n', ' ']);
        out + &format!("{BEGIN}\n{body}\n{END}\n")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn load(text: &str) -> Result<Kubeconfig, String> {
        Kubeconfig::load(text.as_bytes().to_vec())
    }

    #[test]
    fn the_current_context_is_found() {
        let config = load(
            "clusters:\n- name: c\n  cluster: {server: https://h}\n- name: d\n\
             users:\n- name: u\n  user: {token: t, as-groups: null}\n\
             contexts:\n- name: x\n  context: {cluster: c, user: u}\ncurrent-context: x\n",
        )
        .unwrap_or_else(|error| panic!("{error}"));
        let (cluster, user) = config.current().unwrap();
        assert_eq!((cluster.server.as_str(), user.token.as_str()), ("https://h", "t"));
        let none = load("clusters: null\nusers: null\n").unwrap_or_default();
        assert!(none.current().is_none());
    }

    #[test]
    fn what_cannot_be_loaded_is_told_without_its_text() {
        for (text, reason) in [
            ("", "is empty"),
            ("secret", "document 1: is neither an object nor a list"),
            ("a: b: secret", "document 1: is not YAML: "),
            ("kind: Pod", "has another kind"),
            ("apiVersion: v2", "has another kind or apiVersion"),
            (
                "users: [{user: {token: [secret]}}]",
                "document 1: .users[0].user.token: invalid type",
            ),
            ("users: [{name: a}, {name: a}]", "has two entries named \"a\""),
            (
                "clusters: [{name: a, cluster: {certificate-authority-data: \"secret!\"}}]",
                "is not base64",
            ),
        ] {
            let Err(error) = load(text) else { panic!("{text} is loaded") };
            assert!(error.contains(reason), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(Kubeconfig::load(vec![0xff, 0x00]).is_err());
        assert!(load(" \n").is_ok_and(|config| config.clusters.is_empty()));
    }

    #[test]
    fn pem_is_known_by_its_blocks() {
        let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
        let key = "-----BEGIN EC PRIVATE KEY-----\nMIIB\n-----END EC PRIVATE KEY-----\n";
        assert!(is_pem(certificate.as_bytes(), "CERTIFICATE"));
        assert!(is_pem(format!("{key}{certificate}").as_bytes(), "CERTIFICATE"));
        assert!(is_pem(key.as_bytes(), "PRIVATE KEY"));
        for text in
            ["", "CA", key, "-----BEGIN CERTIFICATE-----\nMIIB", "-----BEGIN CERTIFICATE-----"]
        {
            assert!(!is_pem(text.as_bytes(), "CERTIFICATE"), "{text}");
        }
        let text = "-----BEGIN CERTIFICATE-----\nQ0E=\n-----END CERTIFICATE-----\n";
        assert!(!is_pem(text.as_bytes(), "CERTIFICATE"));
    }

    #[test]
    fn a_user_more_costs_no_more_than_the_last_one() {
        let users =
            |count: usize| (0..count).map(|i| format!("{{\"name\":\"{i}\"}}")).collect::<Vec<_>>();
        let text = |users: Vec<String>| format!("{{\"users\":[{}]}}", users.join(",")).into_bytes();
        assert!(Kubeconfig::load(text(users(60_000))).is_ok());
        let mut twice = users(60_000);
        twice.push("{\"name\":\"7\"}".to_owned());
        assert!(Kubeconfig::load(text(twice)).is_err_and(|error| error.contains("\"7\"")));
    }

    #[test]
    fn keys_among_certificates_are_left_out() {
        let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
        let key = "-----BEGIN EC PRIVATE KEY-----\nMIIB\n-----END EC PRIVATE KEY-----\n";
        let both = format!("{key}text\n{certificate}{key}{certificate}");
        assert_eq!(certificates_only(&both), format!("{certificate}{certificate}"));
        let broken = format!("-----BEGIN CERTIFICATE-----\n{key}{certificate}");
        assert_eq!(certificates_only(&broken), certificate);
        assert_eq!(certificates_only(key), "");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = is_pem(&bytes, "CERTIFICATE");
            let _ = Kubeconfig::load(bytes);
        }
        #[test]
        fn no_text_makes_it_panic(text in "(users|clusters|- name|: |\\[|\\{|\\}|\\]|\n| |a){0,12}") {
            let _ = load(&text);
        }
    }
}
