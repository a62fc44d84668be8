//! One cluster's share of the work.

use crate::diff;
use crate::manifest::{Manifest, ObjectId};
use crate::prune::{self, Owner, Scope};
use crate::report::{Action, Done};
use crate::resource::{Resources, Served, must_be};
use crate::wait;
use futures::{StreamExt as _, stream};
use meshcore::owner::MANAGER;
use meshcore::{Error, Result};
use meshkube::kube::ResourceExt as _;
use meshkube::kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use meshkube::{Connection, Patience, Progress, segment};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// From this many objects of one kind and namespace on, one list costs less than asking for each.
const WORTH_A_LIST: usize = 8;
const PAGE: u32 = 500;
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// What is to be done with each object.
#[derive(Debug, Clone, Copy)]
pub struct Task {
    /// Delete instead of apply.
    pub delete: bool,
    /// Let the API server check the writes, and drop them.
    pub dry_run: bool,
    /// Take fields over from other managers.
    pub force_conflicts: bool,
    /// Wait until applied objects are ready and deleted ones are gone.
    pub wait: bool,
    /// How long to wait, and to keep trying a cluster.
    pub timeout: Duration,
    /// Requests at once.
    pub concurrency: usize,
}

/// A cluster to work on.
pub struct Worker<'a> {
    /// What results call it.
    pub name: &'a str,
    /// How to reach it.
    pub cluster: Connection,
    /// What to do.
    pub task: Task,
    /// Who is told of each step.
    pub progress: &'a Progress,
    patience: Patience,
    resources: Resources,
}

/// An object as a list has it.
struct Listed {
    name: String,
    version: String,
    owner: Owner,
}

type Versions = HashMap<String, Option<String>>;

impl<'a> Worker<'a> {
    /// Nothing is sent yet.
    pub fn new(name: &'a str, cluster: Connection, task: Task, progress: &'a Progress) -> Self {
        let patience = Patience::new(task.timeout);
        Self { name, cluster, task, progress, patience, resources: Resources::default() }
    }

    /// Applies or deletes the objects, what others need first; results in the order of the input.
    pub async fn run(&self, manifests: &[&Manifest]) -> Vec<Done> {
        let (first, rest): (Vec<usize>, Vec<usize>) =
            (0..manifests.len()).partition(|&i| manifests[i].is_first() != self.task.delete);
        let mut done: Vec<Option<Done>> = manifests.iter().map(|_| None).collect();
        for part in [first, rest] {
            let objects: Vec<&Manifest> = part.iter().map(|&i| manifests[i]).collect();
            for (i, one) in part.into_iter().zip(self.part(&objects).await) {
                done[i] = Some(one);
            }
        }
        done.into_iter().flatten().collect()
    }

    async fn part(&self, manifests: &[&Manifest]) -> Vec<Done> {
        let versions = &self.versions(manifests).await;
        stream::iter(manifests)
            .map(|manifest| async move {
                let result = if self.task.delete {
                    self.delete(&manifest.id).await
                } else {
                    self.apply(manifest, versions).await
                };
                self.done(&manifest.id, result)
            })
            .buffered(self.task.concurrency)
            .collect()
            .await
    }

    fn done(&self, id: &ObjectId, result: Result<(ObjectId, Action, String)>) -> Done {
        self.progress.step(result.is_ok());
        let (object, action, reason, diff) = match result {
            Ok((object, action, diff)) => (object, action, None, diff),
            Err(error) => (id.clone(), Action::Failed, Some(error), String::new()),
        };
        let dry_run = self.task.dry_run;
        Done { cluster: self.name.to_owned(), object, action, dry_run, reason, diff }
    }

    async fn find(&self, id: &ObjectId) -> Result<Served> {
        self.resources.find(&self.cluster, &self.patience, id).await
    }

    async fn persist<T, F: Future<Output = meshkube::kube::Result<T>>>(
        &self,
        what: &str,
        request: impl Fn() -> F,
    ) -> Result<T> {
        self.cluster.persist(what, &self.patience, request).await
    }

    /// The versions of what is there, where one list tells of many objects. A list that fails is
    /// no failure: each object is then asked for.
    async fn versions(&self, manifests: &[&Manifest]) -> HashMap<ObjectId, Versions> {
        let mut groups: HashMap<ObjectId, usize> = HashMap::new();
        for manifest in manifests {
            *groups.entry(group(&manifest.id)).or_default() += 1;
        }
        let mut versions = HashMap::new();
        if self.task.delete || self.task.dry_run {
            return versions;
        }
        for (group, _) in groups.into_iter().filter(|(_, count)| *count >= WORTH_A_LIST) {
            let Ok(served) = self.find(&group).await else { continue };
            if let Ok(all) = self.list(&served.api, &group, ListParams::default()).await {
                let pairs = all.into_iter().map(|one| (one.name, Some(one.version)));
                versions.insert(group, pairs.collect());
            }
        }
        versions
    }

    /// What is there, page by page.
    async fn list(
        &self,
        api: &Api<DynamicObject>,
        id: &ObjectId,
        params: ListParams,
    ) -> Result<Vec<Listed>> {
        let what = format!("list {}s", id.kind.to_ascii_lowercase());
        let mut params = params.limit(PAGE);
        let (mut all, mut pages) = (Vec::new(), self.cluster.pages_within(self.task.timeout));
        loop {
            let page = pages.ask(self.persist(&what, || api.list_metadata(&params))).await?;
            all.extend(page.items.iter().map(|one| Listed {
                name: one.name_any(),
                version: one.resource_version().unwrap_or_default(),
                owner: prune::owner(one.managed_fields()),
            }));
            match pages.next(page.metadata.continue_)? {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(all),
            }
        }
    }

    async fn apply(
        &self,
        manifest: &Manifest,
        versions: &HashMap<ObjectId, Versions>,
    ) -> Result<(ObjectId, Action, String)> {
        let Served { api, id } = self.find(&manifest.id).await?;
        let (what, name) = (format!("apply {id}"), &segment(&manifest.id.name));
        let mut params = PatchParams::apply(MANAGER);
        params.dry_run = self.task.dry_run;
        params.force = self.task.force_conflicts;
        let patch = Patch::Apply(&manifest.body);
        if self.task.dry_run {
            let read = format!("read {id}");
            let live = self.persist(&read, || api.get_opt(name)).await?.map(object);
            let applied = self.patch(&what, || api.patch(name, &params, &patch)).await?;
            must_be(&id, applied.types.as_ref())?;
            let applied = object(applied);
            let action = match &live {
                None => Action::Created,
                Some(live) if *live == applied => Action::Unchanged,
                Some(_) => Action::Configured,
            };
            let diff = diff::unified(self.name, &id, live.as_ref(), Some(&applied));
            return Ok((id, action, diff));
        }
        let before = if let Some(versions) = versions.get(&group(&manifest.id)) {
            versions.get(&manifest.id.name).cloned().flatten()
        } else {
            let read = format!("read {id}");
            let live = self.persist(&read, || api.get_metadata_opt(name)).await?;
            live.and_then(|live| live.resource_version())
        };
        let after = self.patch(&what, || api.patch_metadata(name, &params, &patch)).await?;
        must_be(&id, after.types.as_ref())?;
        let action = match before {
            None => Action::Created,
            before if before == after.resource_version() => Action::Unchanged,
            Some(_) => Action::Configured,
        };
        // What follows a new definition in the input needs it.
        let is_definition = id.kind == "CustomResourceDefinition";
        if self.task.wait || is_definition {
            self.wait_until_ready(&api, &id).await?;
        }
        if is_definition {
            self.resources.forget_all();
        }
        Ok((id, action, String::new()))
    }

    async fn patch<T, F: Future<Output = meshkube::kube::Result<T>>>(
        &self,
        what: &str,
        request: impl Fn() -> F,
    ) -> Result<T> {
        self.persist(what, request).await.map_err(|error| {
            if error.message().text().contains("conflict") {
                return error
                    .hint("another manager owns these fields: --force-conflicts takes them over");
            }
            error
        })
    }

    async fn wait_until_ready(&self, api: &Api<DynamicObject>, id: &ObjectId) -> Result<()> {
        let begun = Instant::now();
        let (read, name) = (format!("read {id}"), &segment(&id.name));
        loop {
            let object = self.persist(&read, || api.get(name)).await?;
            let object = serde_json::to_value(object).unwrap_or_default();
            let Some(lacking) = wait::waits_for(&object) else { return Ok(()) };
            self.go_on_waiting(begun, id, &lacking).await?;
        }
    }

    async fn go_on_waiting(&self, begun: Instant, id: &ObjectId, lacking: &str) -> Result<()> {
        let limit = self.task.timeout;
        if begun.elapsed() >= limit {
            return Err(Error::timeout(format!("{id} is not ready after {limit:?}: {lacking}"))
                .at(format!("context {}", self.cluster.context))
                .hint("--timeout sets how long to wait"));
        }
        tokio::time::sleep(BETWEEN_LOOKS.min(limit)).await;
        Ok(())
    }

    /// Deletes an object, and with `--wait` stays until it is gone.
    async fn delete(&self, id: &ObjectId) -> Result<(ObjectId, Action, String)> {
        let Served { api, id } = self.find(id).await?;
        let action = self.delete_from(&api, &id).await?;
        Ok((id, action, String::new()))
    }

    async fn delete_from(&self, api: &Api<DynamicObject>, id: &ObjectId) -> Result<Action> {
        let mut params = DeleteParams::background();
        params.dry_run = self.task.dry_run;
        let name = &segment(&id.name);
        let request = || async {
            match api.delete(name, &params).await {
                Ok(left) => Ok(left.left().map_or(Action::Deleted, |left| held(&left))),
                Err(meshkube::kube::Error::Api(status)) if status.is_not_found() => {
                    Ok(Action::Absent)
                }
                Err(error) => Err(error),
            }
        };
        let action = self.persist(&format!("delete {id}"), request).await?;
        if action == Action::Absent || !self.task.wait || self.task.dry_run {
            return Ok(action);
        }
        let begun = Instant::now();
        let read = format!("read {id}");
        while self.persist(&read, || api.get_metadata_opt(name)).await?.is_some() {
            self.go_on_waiting(begun, id, "it is still there").await?;
        }
        Ok(Action::Deleted)
    }

    /// Deletes what bears a scope's labels and is not among the objects of this cluster.
    pub async fn prune(&self, scopes: &[Scope], manifests: &[&Manifest]) -> Vec<Done> {
        let kept: HashSet<&ObjectId> = manifests.iter().map(|manifest| &manifest.id).collect();
        let mut done = Vec::new();
        for Scope { like, selector } in scopes {
            match self.prune_one(like, selector, &kept).await {
                Ok(pruned) => done.extend(pruned),
                Err(error) => done.push(self.done(like, Err(error))),
            }
        }
        done
    }

    async fn prune_one(
        &self,
        like: &ObjectId,
        selector: &str,
        kept: &HashSet<&ObjectId>,
    ) -> Result<Vec<Done>> {
        let Served { api, .. } = self.find(like).await?;
        let found = self.list(&api, like, ListParams::default().labels(selector)).await?;
        let surplus = found
            .into_iter()
            // Anybody may label an object of theirs as ours.
            .filter(|one| one.owner != Owner::Others)
            .map(|one| (one.owner, ObjectId { name: one.name, ..like.clone() }))
            .filter(|(_, id)| !kept.contains(id));
        let mut done = Vec::new();
        for (owner, id) in surplus {
            let pruned = match owner {
                Owner::Us => self.prune_object(&api, &id).await,
                _ => Ok((Action::Kept, String::new())),
            };
            done.push(self.done(&id, pruned.map(|(action, diff)| (id.clone(), action, diff))));
        }
        Ok(done)
    }

    /// Deletes an object of an earlier run; the difference, where nothing is written.
    async fn prune_object(
        &self,
        api: &Api<DynamicObject>,
        id: &ObjectId,
    ) -> Result<(Action, String)> {
        let mut diff = String::new();
        if self.task.dry_run {
            let (read, name) = (format!("read {id}"), &segment(&id.name));
            if let Some(live) = self.persist(&read, || api.get_opt(name)).await?.map(object) {
                diff = diff::unified(self.name, id, Some(&live), None);
            }
        }
        Ok(match self.delete_from(api, id).await? {
            Action::Deleting => (Action::Deleting, diff),
            _ => (Action::Pruned, diff),
        })
    }

    /// The remote Secrets of a namespace, whoever made them.
    pub async fn remote_secrets(&self, namespace: &str) -> Result<Vec<Value>> {
        let params = ListParams::default().labels("istio/multiCluster=true").fields("type=Opaque");
        self.secrets(namespace, params).await
    }

    /// The token Secrets that our tools have made in a namespace.
    pub async fn own_tokens(&self, namespace: &str) -> Result<Vec<Value>> {
        let params = ListParams::default()
            .labels("app.kubernetes.io/managed-by=meshutils")
            .fields("type=kubernetes.io/service-account-token");
        self.secrets(namespace, params).await
    }

    async fn secrets(&self, namespace: &str, params: ListParams) -> Result<Vec<Value>> {
        let api = self.find(&secret_id(namespace, "")).await?.api;
        let what = format!("list secrets in {namespace}");
        let list = self.persist(&what, || api.list(&params)).await?;
        Ok(list
            .items
            .into_iter()
            .map(|one| serde_json::to_value(one).unwrap_or_default())
            .collect())
    }

    /// Deletes a Secret.
    pub async fn delete_secret(&self, namespace: &str, name: &str) -> Done {
        let id = secret_id(namespace, name);
        let result = self.delete(&id).await;
        self.done(&id, result)
    }

    /// Removes one key of a Secret that has others, too.
    pub async fn remove_key(&self, namespace: &str, name: &str, key: &str) -> Done {
        let id = secret_id(namespace, name);
        let remove = async {
            let api = self.find(&id).await?.api;
            let patch = Patch::Merge(serde_json::json!({"data": {key: null}}));
            let params = PatchParams {
                dry_run: self.task.dry_run,
                field_manager: Some(MANAGER.to_owned()),
                ..PatchParams::default()
            };
            let (what, segment) = (format!("change {id}"), &segment(name));
            self.persist(&what, || api.patch_metadata(segment, &params, &patch)).await?;
            Ok((id.clone(), Action::Configured, String::new()))
        };
        let result = remove.await;
        self.done(&id, result)
    }
}

/// A Secret.
pub fn secret_id(namespace: &str, name: &str) -> ObjectId {
    ObjectId {
        api_version: "v1".into(),
        kind: "Secret".into(),
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
    }
}

/// What all objects of one kind and namespace have in common.
fn group(id: &ObjectId) -> ObjectId {
    ObjectId { name: String::new(), ..id.clone() }
}

/// What became of an object that a deletion has left: finalizers keep it until somebody removes
/// them, and a Secret's values with it.
fn held(left: &DynamicObject) -> Action {
    if left.finalizers().is_empty() { Action::Deleted } else { Action::Deleting }
}

fn object(object: DynamicObject) -> Value {
    diff::settled(serde_json::to_value(object).unwrap_or_default())
}

/// Runs one piece of work per cluster, a bounded number at a time, results in order.
pub async fn each<T, F: Future<Output = T>>(
    pieces: impl IntoIterator<Item = F>,
    at_once: usize,
) -> Vec<T> {
    stream::iter(pieces).buffered(at_once).collect().await
}
