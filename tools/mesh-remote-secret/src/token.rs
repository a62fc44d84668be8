//! The Secret that holds a service account's token: found, or made and waited for.

use crate::choice::{
    ACCOUNT_NAME, Choice, Credential, TOKEN_TYPE, Wish, choose, filled, superseded,
};
use futures::{StreamExt as _, TryStreamExt as _};
use meshcore::{Error, Result};
use meshkube::Connection;
use meshkube::k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use meshkube::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use meshkube::kube::api::{Api, ListParams, PostParams, WatchEvent, WatchParams};
use meshkube::kube::{self, ResourceExt as _};
use std::collections::BTreeMap;
use std::time::Duration;

/// What may be done to get a token.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    /// The token Secret to take.
    pub wish: Wish<'a>,
    /// Whether nothing may be written.
    pub read_only: bool,
    /// How long to wait for the controller.
    pub timeout: Duration,
}

/// What was done, for people.
#[derive(Debug)]
pub enum Event {
    /// A token Secret of this name was made.
    Made(String),
    /// An earlier run made this one, and nobody has used its token.
    Unused(String),
    /// These others hold tokens that stay valid.
    Superseded(Vec<String>),
}

/// Gets the account's token from the Secret that holds it, which is made if there is none:
/// API servers from 1.24 on do not make it by themselves. `tell` hears what happens.
pub async fn get(
    cluster: &Connection,
    account: &ServiceAccount,
    means: Means<'_>,
    tell: impl Fn(Event),
) -> Result<Credential> {
    let namespace = account.namespace().unwrap_or_default();
    let at = format!("context {}", cluster.context);
    let secrets: Api<Secret> = cluster.objects_in(&namespace);
    let tokens = ListParams::default().fields(&format!("type={TOKEN_TYPE}"));
    let what = format!("list secrets in {namespace}");
    let list = || cluster.call(&what, || secrets.list(&tokens));
    let chosen = |found: &[Secret]| {
        choose(account, found, means.wish).map_err(|text| {
            Error::cluster(text)
                .at(&at)
                .hint("choose one with --secret-name; delete what nobody uses")
        })
    };
    let mut found = list().await?;
    let mut choice = chosen(&found.items)?;
    if let Choice::Create(name) = &choice
        && !means.read_only
    {
        let secret = unfilled(&namespace, name, account);
        if is_made(cluster, &secrets, &secret).await? {
            tell(Event::Made(name.clone()));
            choice = Choice::Existing(name.clone());
        } else {
            // Somebody else has just made the same one, or the name is another thing's.
            found = list().await?;
            choice = chosen(&found.items)?;
        }
    }
    let name = match choice {
        Choice::Existing(name) => {
            let secret = found.items.iter().find(|secret| secret.name_any() == name);
            if let Some(credential) = secret.and_then(filled) {
                if matches!(means.wish, Wish::Another) {
                    tell(Event::Unused(name.clone()));
                    tell(Event::Superseded(superseded(account, &found.items, &name)));
                }
                return Ok(credential);
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
            let account = account.name_any();
            return Err(Error::cluster(format!(
                "secret {namespace}/{name} already exists, and holds no token of service account \
                 {account}"
            ))
            .at(at)
            .hint(
                "delete it if nobody needs it, or name the token Secret to take: --secret-name",
            ));
        }
    };
    let wait = wait_until_filled(&secrets, &name);
    let credential = tokio::time::timeout(means.timeout, wait).await.map_err(|_| {
        Error::timeout(format!("secret {namespace}/{name} got no token within {:?}", means.timeout))
            .at(at)
            .hint("the token controller fills it in: is kube-controller-manager running?")
    })?;
    if matches!(means.wish, Wish::Another) {
        tell(Event::Superseded(superseded(account, &found.items, &name)));
    }
    Ok(credential)
}

/// Makes a Secret, unless there is one of its name.
async fn is_made(cluster: &Connection, secrets: &Api<Secret>, secret: &Secret) -> Result<bool> {
    let namespace = secret.namespace().unwrap_or_default();
    let what = format!("create secret {namespace}/{}", secret.name_any());
    let options = PostParams::default();
    let create = || async {
        match secrets.create(&options, secret).await {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(false),
            Err(error) => Err(error),
        }
    };
    cluster.call(&what, create).await
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
async fn wait_until_filled(secrets: &Api<Secret>, name: &str) -> Credential {
    let one = WatchParams::default().fields(&format!("metadata.name={name}"));
    loop {
        // From version 0 a watch begins with the present state, so nothing is missed.
        if let Ok(events) = secrets.watch(&one, "0").await {
            let mut events = events.boxed();
            while let Ok(Some(event)) = events.try_next().await {
                if let WatchEvent::Added(secret) | WatchEvent::Modified(secret) = event
                    && let Some(credential) = filled(&secret)
                {
                    return credential;
                }
            }
        }
        // Servers end watches now and then; one that fails at once must not be hammered.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
