//! Remote Secrets and the tokens of a cluster, as a member that leaves needs them gone.

use super::Worker;
use crate::manifest::ObjectId;
use crate::report::{Action, Done};
use meshcore::Result;
use meshcore::owner::MANAGER;
use meshcore::remote_secret::LABEL;
use meshkube::kube::api::{ListParams, Patch, PatchParams};
use meshkube::segment;
use serde_json::Value;

impl Worker<'_> {
    /// The remote Secrets of a namespace, whoever made them.
    pub async fn remote_secrets(&self, namespace: &str) -> Result<Vec<Value>> {
        let params = ListParams::default().labels(&format!("{LABEL}=true")).fields("type=Opaque");
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
