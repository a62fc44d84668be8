//! The service account that other clusters read a cluster with, and its rights.

use crate::rights::{Role, namespace_rules, rules};
use meshcore::owner::MANAGER;
use meshcore::{Error, IstioVersion, Result};
use meshkube::k8s_openapi::api::core::v1::ServiceAccount;
use meshkube::k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, Role as NamespaceRole, RoleBinding,
};
use meshkube::kube::Resource;
use meshkube::kube::api::{Api, Patch, PatchParams};
use meshkube::{Connection, segment};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Debug;

/// The service account that Istio's charts make for this purpose.
pub const DEFAULT: &str = "istio-reader-service-account";

/// A service account and what it may read.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// Istio's namespace.
    pub namespace: &'a str,
    /// The service account's name.
    pub account: &'a str,
    /// What it may read.
    pub role: Role,
    /// The Istio of those that read with it; the newest when empty.
    pub versions: &'a [IstioVersion],
}

/// The objects of a reader.
struct Objects {
    account: Value,
    role: Value,
    binding: Value,
    /// Rights in Istio's namespace alone: role and binding.
    local: Option<(Value, Value)>,
}

impl Reader<'_> {
    fn objects(self) -> Objects {
        let Self { namespace, account, role, versions } = self;
        let name = match role {
            // As in Istio's chart `istio-discovery`, `reader-clusterrole.yaml`.
            Role::Full if account == DEFAULT => format!("istio-reader-clusterrole-{namespace}"),
            Role::Full => format!("{account}-{namespace}"),
            Role::Least | Role::NoSecrets => format!("{account}-least-{namespace}"),
        };
        let labels = json!({"app.kubernetes.io/managed-by": "meshutils", "app": "istio-reader"});
        let api = "rbac.authorization.k8s.io";
        let object = |kind: &str, rest: Value| {
            let mut object = json!({
                "apiVersion": format!("{api}/v1"), "kind": kind,
                "metadata": {"name": name, "labels": labels},
            });
            object.as_object_mut().into_iter().for_each(|object| {
                object.extend(rest.as_object().cloned().unwrap_or_default());
            });
            object
        };
        let binding = |kind: &str, role: &str| {
            let binding = json!({
                "roleRef": {"apiGroup": api, "kind": role, "name": name},
                "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
            });
            object(kind, binding)
        };
        let here = |mut object: Value| {
            object["metadata"]["namespace"] = json!(namespace);
            object
        };
        let local = namespace_rules(role, versions).map(|rules| {
            let role = here(object("Role", json!({"rules": rules})));
            (role, here(binding("RoleBinding", "Role")))
        });
        Objects {
            account: json!({
                "apiVersion": "v1", "kind": "ServiceAccount",
                "metadata": {"name": account, "namespace": namespace, "labels": labels},
            }),
            role: object("ClusterRole", json!({"rules": rules(role, versions)})),
            binding: binding("ClusterRoleBinding", "ClusterRole"),
            local,
        }
    }

    /// Makes the account, its role and binding.
    pub async fn create(self, cluster: &Connection) -> Result<ServiceAccount> {
        let Objects { account, role, binding, local } = self.objects();
        let namespace = self.namespace;
        let outside = |error: Error| {
            error.hint(format!("the namespace {namespace} must be there: it is Istio's own"))
        };
        apply::<ClusterRole>(cluster, Api::all(cluster.client.clone()), role).await?;
        apply::<ClusterRoleBinding>(cluster, Api::all(cluster.client.clone()), binding).await?;
        if let Some((role, binding)) = local {
            let roles = cluster.objects_in(namespace);
            apply::<NamespaceRole>(cluster, roles, role).await.map_err(outside)?;
            let bindings = cluster.objects_in(namespace);
            apply::<RoleBinding>(cluster, bindings, binding).await.map_err(outside)?;
        }
        // The account comes last: where it is, its rights are complete.
        apply(cluster, cluster.objects_in(namespace), account).await.map_err(outside)
    }
}

async fn apply<K>(cluster: &Connection, api: Api<K>, object: Value) -> Result<K>
where
    K: Resource + Clone + Debug + DeserializeOwned + Serialize,
{
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let what = format!("create {} {name}", object["kind"].as_str().unwrap_or_default());
    let params = PatchParams::apply(MANAGER);
    let (patch, segment) = (Patch::Apply(object), &segment(&name));
    cluster.call(&what, || api.patch(segment, &params, &patch)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(account: &str, role: Role, versions: &[IstioVersion]) -> Objects {
        Reader { namespace: "istio-system", account, role, versions }.objects()
    }

    #[test]
    fn the_binding_joins_role_and_account() {
        let full = objects(DEFAULT, Role::Full, &[]);
        assert_eq!(full.role["metadata"]["name"], "istio-reader-clusterrole-istio-system");
        assert_eq!(full.binding["roleRef"]["name"], full.role["metadata"]["name"]);
        assert_eq!(full.binding["subjects"][0]["name"], full.account["metadata"]["name"]);
        // As istioctl's: no more than account, role and binding.
        assert!(full.local.is_none());
        let mine = objects("mine", Role::Full, &[]);
        assert_eq!(mine.role["metadata"]["name"], "mine-istio-system");
    }

    #[test]
    fn the_least_role_has_a_name_of_its_own() {
        let least = objects("mine", Role::Least, &["1.29".parse().unwrap()]);
        assert_eq!(least.role["metadata"]["name"], "mine-least-istio-system");
        let (role, binding) = least.local.unwrap();
        assert_eq!(role["metadata"]["namespace"], "istio-system");
        assert_eq!(binding["metadata"]["namespace"], "istio-system");
        assert_eq!(binding["roleRef"]["kind"], "Role");
        assert!(objects("mine", Role::Least, &["1.28".parse().unwrap()]).local.is_none());
    }
}
