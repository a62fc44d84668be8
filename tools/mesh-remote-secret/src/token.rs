//! The Secret that holds a service account's token: found, or made and waited for.

use futures::{StreamExt as _, TryStreamExt as _};
use meshcore::{Error, Result};
use meshkube::Connection;
use meshkube::k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use meshkube::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use meshkube::kube::ResourceExt as _;
use meshkube::kube::api::{Api, ListParams, PostParams, WatchEvent, WatchParams};
use std::collections::BTreeMap;
use std::time::Duration;

const TOKEN_TYPE: &str = "kubernetes.io/service-account-token";
const ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";
const ACCOUNT_UID: &str = "kubernetes.io/service-account.uid";

/// A token and the CA that its API server's certificate can be checked with. No `Debug`.
pub struct Token {
    /// The bearer token.
    pub token: String,
    /// PEM.
    pub ca: Vec<u8>,
}

/// Which token Secret to take.
#[derive(Debug, PartialEq, Eq)]
pub enum Choice {
    /// This one.
    Existing(String),
    /// There is none: make one of this name.
    Create(String),
}

/// Chooses among the token Secrets of a namespace. Those that belong to another account of the
/// same name (one that was deleted and made again) or are being deleted do not count.
///
/// # Errors
/// When `named` is not one of the account's, or when there are several and none is ours.
pub fn choose(
    account: &ServiceAccount,
    secrets: &[Secret],
    named: Option<&str>,
) -> Result<Choice, String> {
    let account_name = account.name_any();
    let mine: Vec<&Secret> = secrets.iter().filter(|secret| belongs(secret, account)).collect();
    let names = || mine.iter().map(|secret| secret.name_any()).collect::<Vec<_>>().join(", ");
    let have = |name: &str| mine.iter().any(|secret| secret.name_any() == name);
    if let Some(named) = named {
        return if have(named) {
            Ok(Choice::Existing(named.to_owned()))
        } else if mine.is_empty() {
            Err(format!("secret {named} is no token of service account {account_name}"))
        } else {
            Err(format!(
                "secret {named} is no token of service account {account_name}; these are: {}",
                names()
            ))
        };
    }
    // The name that istioctl gives it too: with both tools in use there is still one token.
    let ours = format!("{account_name}-istio-remote-secret-token");
    match mine.as_slice() {
        [] => Ok(Choice::Create(ours)),
        [one] => Ok(Choice::Existing(one.name_any())),
        _ if have(&ours) => Ok(Choice::Existing(ours)),
        _ => Err(format!(
            "service account {account_name} has {} token secrets: {}",
            mine.len(),
            names()
        )),
    }
}

fn belongs(secret: &Secret, account: &ServiceAccount) -> bool {
    let annotation = |key| secret.annotations().get(key).map(String::as_str);
    secret.type_.as_deref() == Some(TOKEN_TYPE)
        && secret.metadata.deletion_timestamp.is_none()
        && annotation(ACCOUNT_NAME) == account.metadata.name.as_deref()
        // A Secret that was made just now has no UID yet.
        && annotation(ACCOUNT_UID).is_none_or(|uid| Some(uid) == account.metadata.uid.as_deref())
}

/// The parts of a token Secret once the controller has filled it in.
fn filled(secret: &Secret) -> Option<Token> {
    let data = secret.data.as_ref()?;
    let part = |key: &str| data.get(key).map(|value| value.0.clone()).filter(|v| !v.is_empty());
    let token = String::from_utf8(part("token")?).ok()?;
    Some(Token { token, ca: part("ca.crt")? })
}

/// What may be done to get a token.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    /// The token Secret to take.
    pub secret_name: Option<&'a str>,
    /// Whether nothing may be written.
    pub read_only: bool,
    /// How long to wait for the controller.
    pub timeout: Duration,
}

/// Gets the account's token from the Secret that holds it, which is made if there is none:
/// API servers from 1.24 on do not make it by themselves. `made` is told the name of a new one.
pub async fn get(
    cluster: &Connection,
    account: &ServiceAccount,
    means: Means<'_>,
    made: impl FnOnce(&str),
) -> Result<Token> {
    let namespace = account.namespace().unwrap_or_default();
    let at = format!("context {}", cluster.context);
    let secrets: Api<Secret> = Api::namespaced(cluster.client.clone(), &namespace);
    let tokens = ListParams::default().fields(&format!("type={TOKEN_TYPE}"));
    let found =
        cluster.call(&format!("list secrets in {namespace}"), secrets.list(&tokens)).await?;
    let choice = choose(account, &found.items, means.secret_name).map_err(|text| {
        Error::cluster(text).at(&at).hint("choose one with --secret-name; delete what nobody uses")
    })?;
    let name = match choice {
        Choice::Existing(name) => {
            let secret = found.items.iter().find(|secret| secret.name_any() == name);
            if let Some(token) = secret.and_then(filled) {
                return Ok(token);
            }
            name
        }
        Choice::Create(name) if means.read_only => {
            let account = account.name_any();
            return Err(Error::cluster(format!(
                "service account {namespace}/{account} has no token secret, and --read-only \
                 forbids to make {name}"
            ))
            .at(at)
            .hint("run once without --read-only, or make the secret yourself"));
        }
        Choice::Create(name) => {
            let secret = unfilled(&namespace, &name, account);
            cluster
                .call(
                    &format!("create secret {namespace}/{name}"),
                    secrets.create(&PostParams::default(), &secret),
                )
                .await?;
            made(&name);
            name
        }
    };
    let wait = wait_until_filled(&secrets, &name);
    tokio::time::timeout(means.timeout, wait).await.map_err(|_| {
        Error::timeout(format!("secret {namespace}/{name} got no token within {:?}", means.timeout))
            .at(at)
            .hint("the token controller fills it in: is kube-controller-manager running?")
    })
}

fn unfilled(namespace: &str, name: &str, account: &ServiceAccount) -> Secret {
    let pair = |key: &str, value: String| BTreeMap::from([(key.to_owned(), value)]);
    Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            annotations: Some(pair(ACCOUNT_NAME, account.name_any())),
            labels: Some(pair("app.kubernetes.io/managed-by", "meshutils".to_owned())),
            ..ObjectMeta::default()
        },
        type_: Some(TOKEN_TYPE.to_owned()),
        ..Secret::default()
    }
}

/// Watches a Secret until it is filled; the caller sets the limit.
async fn wait_until_filled(secrets: &Api<Secret>, name: &str) -> Token {
    let one = WatchParams::default().fields(&format!("metadata.name={name}"));
    loop {
        // From version 0 a watch begins with the present state, so nothing is missed.
        if let Ok(events) = secrets.watch(&one, "0").await {
            let mut events = events.boxed();
            while let Ok(Some(event)) = events.try_next().await {
                if let WatchEvent::Added(secret) | WatchEvent::Modified(secret) = event
                    && let Some(token) = filled(&secret)
                {
                    return token;
                }
            }
        }
        // Servers end watches now and then; one that fails at once must not be hammered.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn account() -> ServiceAccount {
        serde_json::from_value(json!({
            "metadata": {"name": "reader", "namespace": "istio-system", "uid": "u1"},
        }))
        .unwrap()
    }

    fn secret(name: &str, account: &str, uid: Option<&str>) -> Secret {
        let mut annotations = json!({"kubernetes.io/service-account.name": account});
        if let Some(uid) = uid {
            annotations["kubernetes.io/service-account.uid"] = json!(uid);
        }
        serde_json::from_value(json!({
            "metadata": {"name": name, "annotations": annotations},
            "type": "kubernetes.io/service-account-token",
        }))
        .unwrap()
    }

    #[test]
    fn the_accounts_own_secret_is_taken() {
        let others = [
            secret("other", "someone", Some("u2")),
            secret("old", "reader", Some("u0")),
            secret("mine", "reader", Some("u1")),
        ];
        assert_eq!(choose(&account(), &others, None), Ok(Choice::Existing("mine".into())));
        assert_eq!(choose(&account(), &others, Some("mine")), Ok(Choice::Existing("mine".into())));
        let error = choose(&account(), &others, Some("old")).unwrap_err();
        assert_eq!(error, "secret old is no token of service account reader; these are: mine");
    }

    #[test]
    fn without_one_it_is_made() {
        let ours = "reader-istio-remote-secret-token";
        assert_eq!(choose(&account(), &[], None), Ok(Choice::Create(ours.into())));
        let mut going = secret("mine", "reader", Some("u1"));
        going.metadata.deletion_timestamp =
            serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
        assert_eq!(choose(&account(), &[going], None), Ok(Choice::Create(ours.into())));
        assert!(choose(&account(), &[], Some("x")).is_err());
    }

    #[test]
    fn of_several_only_ours_is_chosen_unasked() {
        let ours = "reader-istio-remote-secret-token";
        let two = [secret("a", "reader", Some("u1")), secret("b", "reader", None)];
        let error = choose(&account(), &two, None).unwrap_err();
        assert_eq!(error, "service account reader has 2 token secrets: a, b");
        let with_ours = [secret("a", "reader", Some("u1")), secret(ours, "reader", Some("u1"))];
        assert_eq!(choose(&account(), &with_ours, None), Ok(Choice::Existing(ours.into())));
    }

    #[test]
    fn a_secret_is_filled_when_both_parts_are_there() {
        let with = |data: serde_json::Value| {
            let secret: Secret = serde_json::from_value(json!({"data": data})).unwrap();
            filled(&secret).is_some()
        };
        assert!(with(json!({"token": "dA==", "ca.crt": "Yw=="})));
        assert!(!with(json!({"token": "dA=="})));
        assert!(!with(json!({"ca.crt": "Yw=="})));
        assert!(!with(json!({"token": "", "ca.crt": "Yw=="})));
    }
}
