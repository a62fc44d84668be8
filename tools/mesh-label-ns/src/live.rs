//! Labels namespaces of running clusters.

use crate::change::Injector;
use meshcore::Result;
use meshkube::k8s_openapi::api::core::v1::Namespace;
use meshkube::kube::ResourceExt as _;
use meshkube::kube::api::{Api, Patch, PatchParams, PostParams};
use meshkube::{Connection, MANAGER};
use serde::Serialize;
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

/// Looks at a namespace and writes only what differs. `None` when it is missing and may not be
/// created.
pub async fn label(
    cluster: &Connection,
    name: &str,
    injector: &Injector,
    create: bool,
    dry_run: DryRun,
) -> Result<Option<Done>> {
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    let done = |action| {
        Ok(Some(Done {
            context: cluster.context.clone(),
            namespace: name.to_owned(),
            action,
            dry_run: dry_run != DryRun::None,
        }))
    };
    let what = format!("read namespace {name}");
    let server_dry_run = dry_run == DryRun::Server;
    let field_manager = Some(MANAGER.to_owned());
    let Some(namespace) = cluster.call(&what, namespaces.get_opt(name)).await? else {
        if !create {
            return Ok(None);
        }
        let mut namespace =
            json!({"metadata": {"name": name}}).as_object().cloned().unwrap_or_default();
        injector.change(&std::collections::BTreeMap::new()).apply(&mut namespace);
        if dry_run != DryRun::Client {
            let params = PostParams { dry_run: server_dry_run, field_manager };
            let namespace = serde_json::from_value(namespace.into())
                .expect("an object with name and labels is a Namespace");
            let what = format!("create namespace {name}");
            cluster.call(&what, namespaces.create(&params, &namespace)).await?;
        }
        return done(Action::Created);
    };
    let change = injector.change(namespace.labels());
    if change.is_empty() {
        return done(Action::Unchanged);
    }
    if dry_run != DryRun::Client {
        let params =
            PatchParams { dry_run: server_dry_run, field_manager, ..PatchParams::default() };
        let patch = Patch::Merge(change.merge_patch(name));
        let what = format!("label namespace {name}");
        cluster.call(&what, namespaces.patch(name, &params, &patch)).await?;
    }
    done(Action::Labeled)
}
