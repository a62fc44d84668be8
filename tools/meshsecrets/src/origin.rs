//! The cluster that credentials are for, as its own objects tell: what is left there of the
//! service account and its token.

use crate::check;
use crate::lint::Remote;
use meshcore::credentials::decode_base64;
use meshcore::finding::Finding;
use meshcore::input::Source;
use meshcore::input::null_as_default;
use meshcore::jwt::{Account, JwtClaims, fingerprint};
use meshcore::{Error, Result};
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Names of objects: namespace and name.
pub type Name = (String, String);

/// The objects of one cluster.
#[derive(Debug, Default)]
pub struct Origin {
    /// UIDs of service accounts.
    accounts: BTreeMap<Name, Option<String>>,
    /// Fingerprints of the tokens that are held by Secrets.
    tokens: BTreeMap<Name, String>,
    /// CA bundles that the cluster gives its pods.
    authorities: BTreeSet<Vec<u8>>,
}

#[derive(Deserialize)]
struct Object {
    kind: String,
    metadata: Metadata,
    #[serde(default, deserialize_with = "null_as_default")]
    data: BTreeMap<String, Option<String>>,
    #[serde(default, rename = "type")]
    type_: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    #[serde(default, deserialize_with = "null_as_default")]
    namespace: String,
    #[serde(default)]
    uid: Option<String>,
}

impl Origin {
    /// Of UIDs of service accounts, fingerprints of the tokens that Secrets hold, and CA bundles.
    #[must_use]
    pub fn new(
        accounts: BTreeMap<Name, Option<String>>,
        tokens: BTreeMap<Name, String>,
        authorities: BTreeSet<Vec<u8>>,
    ) -> Self {
        Self { accounts, tokens, authorities }
    }

    /// Whether it tells nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.tokens.is_empty() && self.authorities.is_empty()
    }

    /// Reads `kubectl get serviceaccounts,secrets,configmaps -n istio-system`; other objects are
    /// passed over.
    pub fn read(source: &Source) -> Result<Self> {
        let mut origin = Self::default();
        for document in source.documents()? {
            let Object { kind, metadata, data, type_ } = document.decode()?;
            let name = (metadata.namespace, metadata.name);
            let decoded = |key: &str| decode_base64(data.get(key)?.as_ref()?);
            match kind.as_str() {
                "ServiceAccount" => {
                    origin.accounts.insert(name, metadata.uid);
                }
                "Secret" if type_.as_deref() == Some("kubernetes.io/service-account-token") => {
                    let token = decoded("token").and_then(|token| String::from_utf8(token).ok());
                    origin.tokens.insert(name, fingerprint(&token.unwrap_or_default()));
                    origin.authorities.extend(decoded("ca.crt"));
                }
                "ConfigMap" if name.1 == "kube-root-ca.crt" => {
                    let ca = data.get("ca.crt").cloned().flatten();
                    origin.authorities.extend(ca.map(String::into_bytes));
                }
                _ => {}
            }
        }
        if origin.is_empty() {
            return Err(Error::data("has no service account, no token secret and no CA")
                .at(&source.name)
                .hint("kubectl get serviceaccounts,secrets,configmaps -n istio-system -o json"));
        }
        Ok(origin)
    }

    /// What the cluster no longer stands by. Kinds of which there is no object say nothing.
    #[must_use]
    pub fn findings(&self, remote: Remote<'_>) -> Vec<Finding> {
        let mut found = Vec::new();
        if let Some(claims) = JwtClaims::read(&remote.user.token)
            && let Some(account) = &claims.account
        {
            found.extend(self.account(remote, account));
            found.extend(self.token(remote, &claims, account));
        }
        let ca = &remote.cluster.certificate_authority_data.0;
        if !ca.is_empty() && !self.authorities.is_empty() && !self.has_authority(ca) {
            let text = "its CA is not the one that the cluster gives its own pods: right for a \
                        front with a certificate of its own, wrong after the CA was changed";
            let fix = remote.subject.make_again(&[]);
            found.push(remote.subject.finding(check::OTHER_CA, text, json!({}), fix));
        }
        found
    }

    fn account(&self, remote: Remote<'_>, account: &Account) -> Option<Finding> {
        let Account { namespace, name, uid } = account;
        let text = match self.accounts.get(&(namespace.clone(), name.clone())) {
            None if self.accounts.is_empty() => return None,
            None => format!("service account {namespace}/{name}, whose token it is, is gone"),
            Some(now) if now.is_some() && uid.is_some() && now != uid => format!(
                "service account {namespace}/{name} was deleted and made again, which took the \
                 token back"
            ),
            Some(_) => return None,
        };
        let fix = remote.subject.make_again(&["--create-service-account"]);
        let evidence = json!({"account": account});
        Some(remote.subject.finding(check::ACCOUNT_GONE, &text, evidence, fix))
    }

    fn token(&self, remote: Remote<'_>, claims: &JwtClaims, account: &Account) -> Option<Finding> {
        // A token that ends by itself is not held by its Secret, but may be bound to one.
        let secret = claims.secret.as_ref()?;
        let held = self.tokens.get(&(account.namespace.clone(), secret.clone()));
        let place = format!("secret {}/{secret}", account.namespace);
        let text = match held {
            None if self.tokens.is_empty() || claims.expires.is_some() => return None,
            None => format!("{place}, which held its token, is gone, and the token with it"),
            Some(now) if claims.expires.is_none() && *now != fingerprint(&remote.user.token) => {
                format!("{place} holds another token now")
            }
            Some(_) => return None,
        };
        let evidence = json!({"secret": secret, "fingerprint": fingerprint(&remote.user.token)});
        let fix = remote.subject.make_again(&[]);
        Some(remote.subject.finding(check::TOKEN_GONE, &text, evidence, fix))
    }

    fn has_authority(&self, ca: &[u8]) -> bool {
        let plain = |ca: &[u8]| -> Vec<u8> {
            ca.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect()
        };
        self.authorities.iter().any(|known| plain(known) == plain(ca))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::tests::{remote_secret, subject};
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use meshcore::credentials::{Bytes, Cluster, User};
    use serde_json::Value;

    fn token() -> String {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let claims = json!({
            "sub": "system:serviceaccount:istio-system:reader",
            "kubernetes.io/serviceaccount/secret.name": "reader-token",
            "kubernetes.io/serviceaccount/service-account.uid": "u1",
        });
        format!("{}.{}.eA", part(json!({"alg": "RS256"})), part(claims))
    }

    fn account(name: &str, uid: &str) -> Value {
        let metadata = json!({"name": name, "namespace": "istio-system", "uid": uid});
        json!({"kind": "ServiceAccount", "metadata": metadata})
    }

    fn held(name: &str, token: &str) -> Value {
        json!({
            "kind": "Secret", "type": "kubernetes.io/service-account-token",
            "metadata": {"name": name, "namespace": "istio-system"},
            "data": {"token": STANDARD.encode(token), "ca.crt": STANDARD.encode("CA\n")},
        })
    }

    fn codes(objects: &Value) -> Vec<&'static str> {
        let text = objects.to_string().into_bytes();
        let Ok(origin) = Origin::read(&Source::new("a.json".to_owned(), text).unwrap()) else {
            panic!("{objects}")
        };
        let cluster =
            Cluster { certificate_authority_data: Bytes(b"CA".to_vec()), ..Cluster::default() };
        let user = User { token: token(), ..User::default() };
        let secret = remote_secret(&json!(null));
        let subject = subject(&secret);
        let remote = Remote { subject, cluster: &cluster, user: &user, is_valid: true };
        origin.findings(remote).iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn what_the_cluster_no_longer_has_is_told() {
        let good = json!([account("reader", "u1"), held("reader-token", &token())]);
        assert_eq!(codes(&good), [] as [&str; 0]);
        for (objects, expected) in [
            (json!([account("reader", "u2")]), &["MESH0451"][..]),
            (json!([account("default", "u1")]), &["MESH0451"]),
            (json!([held("other", "x")]), &["MESH0452"]),
            (json!([held("reader-token", "x")]), &["MESH0452"]),
            (json!([held("reader-token", &token())]), &[]),
            (
                json!([{"kind": "ConfigMap", "metadata": {"name": "kube-root-ca.crt"},
                    "data": {"ca.crt": "other"}}]),
                &["MESH0453"],
            ),
        ] {
            assert_eq!(codes(&objects), expected, "{objects}");
        }
    }

    #[test]
    fn a_file_without_any_of_them_is_refused() {
        let source = Source::new("a.json".to_owned(), account("a", "u").to_string().into_bytes());
        assert!(Origin::read(&source.unwrap()).is_ok());
        let pod = br#"{"kind": "Pod", "metadata": {"name": "a"}}"#.to_vec();
        let Err(error) = Origin::read(&Source::new("a.json".to_owned(), pod).unwrap()) else {
            panic!("it is read")
        };
        assert!(error.message().text().starts_with("a.json: has no service account"));
    }
}
