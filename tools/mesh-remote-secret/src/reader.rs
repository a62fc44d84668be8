//! The service account that other clusters read a cluster with, and its rights.

use meshcore::{Error, Result};
use meshkube::k8s_openapi::api::core::v1::ServiceAccount;
use meshkube::k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use meshkube::kube::api::{Api, Patch, PatchParams};
use meshkube::{Connection, MANAGER};
use serde_json::{Value, json};

/// The service account that Istio's charts make for this purpose.
pub const DEFAULT: &str = "istio-reader-service-account";

/// The objects that Istio's chart `istio-discovery` renders as `reader-clusterrole.yaml` (1.30),
/// for one service account.
pub fn objects(namespace: &str, account: &str) -> [Value; 3] {
    let role = if account == DEFAULT {
        format!("istio-reader-clusterrole-{namespace}")
    } else {
        format!("{account}-{namespace}")
    };
    let labels = json!({"app.kubernetes.io/managed-by": "meshutils", "app": "istio-reader"});
    let rbac = "rbac.authorization.k8s.io";
    let read = ["get", "list", "watch"];
    let istio = [
        "config.istio.io",
        "security.istio.io",
        "networking.istio.io",
        "authentication.istio.io",
        "rbac.istio.io",
        "telemetry.istio.io",
        "extensions.istio.io",
    ];
    let core = [
        "endpoints",
        "pods",
        "services",
        "nodes",
        "replicationcontrollers",
        "namespaces",
        "secrets",
        "configmaps",
    ];
    let rule = |groups: &[&str], resources: &[&str], verbs: &[&str]| json!({"apiGroups": groups, "resources": resources, "verbs": verbs});
    [
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": account, "namespace": namespace, "labels": labels},
        }),
        json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "ClusterRole",
            "metadata": {"name": role, "labels": labels},
            "rules": [
                rule(&istio, &["*"], &read),
                rule(&[""], &core, &read),
                rule(&["networking.istio.io"], &["workloadentries"], &read),
                rule(&["gateway.networking.k8s.io"], &["gateways"], &read),
                rule(&["apiextensions.k8s.io"], &["customresourcedefinitions"], &read),
                rule(&["discovery.k8s.io"], &["endpointslices"], &read),
                rule(&["multicluster.x-k8s.io"], &["serviceexports"],
                    &["get", "list", "watch", "create", "delete"]),
                rule(&["multicluster.x-k8s.io"], &["serviceimports"], &read),
                rule(&["apps"], &["replicasets"], &read),
                rule(&["authentication.k8s.io"], &["tokenreviews"], &["create"]),
                rule(&["authorization.k8s.io"], &["subjectaccessreviews"], &["create"]),
            ],
        }),
        json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "ClusterRoleBinding",
            "metadata": {"name": role, "labels": labels},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
        }),
    ]
}

/// Makes the account, its role and binding; what is there already stays as it is.
pub async fn create(
    cluster: &Connection,
    namespace: &str,
    account: &str,
) -> Result<ServiceAccount> {
    let [service_account, role, binding] = objects(namespace, account);
    let client = || cluster.client.clone();
    let apply = PatchParams::apply(MANAGER);
    let name = |object: &Value| object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let roles: Api<ClusterRole> = Api::all(client());
    let role_name = name(&role);
    cluster
        .call(
            &format!("create cluster role {role_name}"),
            roles.patch(&role_name, &apply, &Patch::Apply(role)),
        )
        .await?;
    let bindings: Api<ClusterRoleBinding> = Api::all(client());
    cluster
        .call(
            &format!("create cluster role binding {role_name}"),
            bindings.patch(&role_name, &apply, &Patch::Apply(binding)),
        )
        .await?;
    // The account comes last: where it is, its rights are complete.
    let accounts: Api<ServiceAccount> = Api::namespaced(client(), namespace);
    cluster
        .call(
            &format!("create service account {namespace}/{account}"),
            accounts.patch(account, &apply, &Patch::Apply(service_account)),
        )
        .await
        .map_err(|error: Error| {
            error.hint(format!("the namespace {namespace} must be there: it is Istio's own"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binding_joins_role_and_account() {
        let [account, role, binding] = objects("istio-system", DEFAULT);
        assert_eq!(role["metadata"]["name"], "istio-reader-clusterrole-istio-system");
        assert_eq!(binding["roleRef"]["name"], role["metadata"]["name"]);
        assert_eq!(binding["subjects"][0]["name"], account["metadata"]["name"]);
        let [_, role, _] = objects("istio-system", "mine");
        assert_eq!(role["metadata"]["name"], "mine-istio-system");
    }
}
