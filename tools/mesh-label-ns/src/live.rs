//! Labels namespaces of running clusters.

use crate::change::Wanted;
use crate::pod::Pod;
use crate::webhook::Injectors;
use meshcore::Result;
use meshcore::input::null_as_default;
use meshcore::owner::MANAGER;
use meshcore::selector::Labels;
use meshkube::k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use meshkube::k8s_openapi::api::core::v1;
use meshkube::kube::api::{Api, ListParams, Patch, PatchParams, PostParams, Resource};
use meshkube::kube::core::Request;
use meshkube::kube::{Error, ResourceExt as _};
use meshkube::{Connection, segment};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What became of one namespace in one cluster.
#[derive(Debug, Serialize)]
pub struct Done {
    /// The cluster's context.
    pub context: String,
    /// The namespace's name.
    pub namespace: String,
    /// What was done, or would be.
    pub action: Action,
    /// Whether it was only tried.
    #[serde(rename = "dryRun")]
    pub dry_run: bool,
    /// Whether the namespace's network became another one.
    #[serde(skip)]
    pub moved: bool,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It was not there.
    Created,
    /// Its labels changed.
    Labeled,
    /// Its labels were right.
    Unchanged,
}

/// How far a write goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum DryRun {
    /// Write.
    None,
    /// Only read, and say what would be done.
    Client,
    /// Let the API server check the write, and drop it.
    Server,
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let action = match self.action {
            Action::Created => "created",
            Action::Labeled => "labeled",
            Action::Unchanged => "unchanged",
        };
        let dry_run = if self.dry_run { " (dry run)" } else { "" };
        write!(f, "{}: namespace/{} {action}{dry_run}", self.context, self.namespace)
    }
}

/// The injection webhooks of a cluster. `None` when the user may not see them.
pub async fn injectors(cluster: &Connection) -> Result<Option<Injectors>> {
    let or_nothing = || async {
        match list::<MutatingWebhookConfiguration, _>(cluster, None).await {
            Ok(configurations) => Ok(Some(Injectors::new(configurations))),
            Err(Error::Api(status)) if status.code == 403 => Ok(None),
            Err(error) => Err(error),
        }
    };
    cluster.call("list mutatingwebhookconfigurations", or_nothing).await
}

/// The pods of a namespace.
pub async fn pods(cluster: &Connection, namespace: &str) -> Result<Vec<Pod>> {
    let what = format!("list the pods of namespace {namespace}");
    cluster.call(&what, || list::<v1::Pod, _>(cluster, Some(namespace))).await
}

/// The labels of a namespace. `None` when it is missing.
pub async fn labels(cluster: &Connection, name: &str) -> Result<Option<Labels>> {
    let namespaces: Api<v1::Namespace> = Api::all(cluster.client.clone());
    let (what, segment) = (format!("read namespace {name}"), &segment(name));
    let namespace = cluster.call(&what, || namespaces.get_opt(segment)).await?;
    Ok(namespace.map(|namespace| namespace.labels().clone()))
}

/// A list of which only the items are read.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct List<T> {
    #[serde(deserialize_with = "null_as_default")]
    items: Vec<T>,
}

/// Objects of kind `K`, of which only `T` is read.
async fn list<K: Resource<DynamicType = ()>, T: DeserializeOwned>(
    cluster: &Connection,
    namespace: Option<&str>,
) -> Result<Vec<T>, Error> {
    let request = Request::new(K::url_path(&(), namespace.map(segment).as_deref()))
        .list(&ListParams::default())
        .map_err(Error::BuildRequest)?;
    let list: List<T> = cluster.client.request(request).await?;
    Ok(list.items)
}

/// Looks at a namespace and writes only what differs. `None` when it is missing and may not be
/// created.
pub async fn label(
    cluster: &Connection,
    name: &str,
    wanted: &Wanted,
    create: bool,
    dry_run: DryRun,
) -> Result<Option<Done>> {
    let namespaces: Api<v1::Namespace> = Api::all(cluster.client.clone());
    let done = |action, moved| {
        Ok(Some(Done {
            context: cluster.context.clone(),
            namespace: name.to_owned(),
            action,
            dry_run: dry_run != DryRun::None,
            moved,
        }))
    };
    let server_dry_run = dry_run == DryRun::Server;
    let field_manager = Some(MANAGER.to_owned());
    let Some(labels) = labels(cluster, name).await? else {
        if !create {
            return Ok(None);
        }
        let mut namespace =
            json!({"metadata": {"name": name}}).as_object().cloned().unwrap_or_default();
        let change = wanted.change(&Labels::new());
        change.apply(&mut namespace);
        if dry_run != DryRun::Client {
            let params = PostParams { dry_run: server_dry_run, field_manager };
            let namespace = serde_json::from_value(namespace.into())
                .expect("an object with name and labels is a Namespace");
            let what = format!("create namespace {name}");
            cluster.call(&what, || namespaces.create(&params, &namespace)).await?;
        }
        return done(Action::Created, change.moves());
    };
    let change = wanted.change(&labels);
    if change.is_empty() {
        return done(Action::Unchanged, false);
    }
    if dry_run != DryRun::Client {
        let params =
            PatchParams { dry_run: server_dry_run, field_manager, ..PatchParams::default() };
        let patch = Patch::Merge(change.merge_patch(name));
        let (what, segment) = (format!("label namespace {name}"), &segment(name));
        cluster.call(&what, || namespaces.patch(segment, &params, &patch)).await?;
    }
    done(Action::Labeled, change.moves())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_nothing_is_empty() {
        let list = |text: &str| serde_json::from_str::<List<u8>>(text).map(|list| list.items);
        assert_eq!(list(r#"{"items": null}"#).unwrap(), [0; 0]);
        assert_eq!(list(r#"{"items": [1]}"#).unwrap(), [1]);
        assert!(list("{}").is_err());
    }
}
