//! From a kind to the path of the API that serves it, as the cluster itself says.

use crate::manifest::ObjectId;
use meshcore::{Error, Result};
use meshkube::kube::api::{Api, DynamicObject};
use meshkube::kube::core::{ApiResource, GroupVersionKind, TypeMeta};
use meshkube::{Connection, Patience};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// What one cluster serves; each API version is asked for once.
#[derive(Default)]
pub struct Resources {
    known: RefCell<HashMap<String, Rc<Vec<Resource>>>>,
}

#[derive(Clone)]
struct Resource {
    api: ApiResource,
    is_namespaced: bool,
}

/// The API of an object, and the object's name as that API sees it.
pub struct Served {
    /// For requests.
    pub api: Api<DynamicObject>,
    /// Without a namespace where the kind has none.
    pub id: ObjectId,
}

/// Fails where an answer is of another kind than the object; metadata alone has a kind of its own.
pub fn must_be(id: &ObjectId, types: Option<&TypeMeta>) -> Result<()> {
    let kind = types.map_or("", |types| &types.kind);
    if kind == id.kind || kind == "PartialObjectMetadata" {
        return Ok(());
    }
    Err(Error::cluster(format!("the API server answers with a {kind:?} and not with {id}"))
        .hint("is this the address of a Kubernetes API server?"))
}

impl Resources {
    /// Finds the API of an object's kind.
    pub async fn find(
        &self,
        cluster: &Connection,
        patience: &Patience,
        id: &ObjectId,
    ) -> Result<Served> {
        let known = self.of_version(cluster, patience, &id.api_version).await?;
        let Some(resource) = known.iter().find(|resource| resource.api.kind == id.kind) else {
            return Err(Error::cluster(format!(
                "the API server has no {} in {}",
                id.kind, id.api_version
            ))
            .at(format!("context {}", cluster.context))
            .hint("are the custom resource definitions there, and is the version right?"));
        };
        let mut id = id.clone();
        let api = if resource.is_namespaced {
            let Some(namespace) = &id.namespace else {
                return Err(Error::data(format!("{id} has no namespace"))
                    .hint("write metadata.namespace, or give --namespace"));
            };
            cluster.objects_of(Some(namespace), &resource.api)
        } else {
            id.namespace = None;
            cluster.objects_of(None, &resource.api)
        };
        Ok(Served { api, id })
    }

    async fn of_version(
        &self,
        cluster: &Connection,
        patience: &Patience,
        api_version: &str,
    ) -> Result<Rc<Vec<Resource>>> {
        if let Some(known) = self.known.borrow().get(api_version) {
            return Ok(Rc::clone(known));
        }
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let what = format!("read what the API server has in {api_version}");
        let ask = || async {
            let list = if group.is_empty() {
                cluster.client.list_core_api_resources(version).await
            } else {
                cluster.client.list_api_group_resources(api_version).await
            };
            match list {
                Ok(list) => Ok(list.resources),
                // A version that it does not serve at all has no resources.
                Err(meshkube::kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
                Err(error) => Err(error),
            }
        };
        let resources = cluster.persist(&what, patience, ask).await?;
        let known: Vec<Resource> = resources
            .into_iter()
            // The others are parts of a resource, as deployments/scale.
            .filter(|resource| meshcore::is_api_word(&resource.name))
            .map(|resource| {
                let kind = GroupVersionKind::gvk(group, version, &resource.kind);
                Resource {
                    api: ApiResource::from_gvk_with_plural(&kind, &resource.name),
                    is_namespaced: resource.namespaced,
                }
            })
            .collect();
        let known = Rc::new(known);
        if !known.is_empty() {
            self.known.borrow_mut().insert(api_version.to_owned(), Rc::clone(&known));
        }
        Ok(known)
    }

    /// Forgets what it knows, which a new custom resource definition may have added to.
    pub fn forget_all(&self) {
        self.known.borrow_mut().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_another_kind_is_refused() {
        let id = crate::work::secret_id("n", "s");
        let types = |kind: &str| TypeMeta { kind: kind.to_owned(), ..TypeMeta::default() };
        for (kind, is_right) in
            [("Secret", true), ("PartialObjectMetadata", true), ("ConfigMap", false), ("", false)]
        {
            assert_eq!(must_be(&id, Some(&types(kind))).is_ok(), is_right, "{kind}");
        }
        assert!(must_be(&id, None).is_err());
    }
}
