//! Whether an applied object has become what it should be.

use serde_json::Value;

/// What an object still waits for; none when it is ready. Kinds that have no such state are
/// ready at once. The rules for workloads are those of `kubectl rollout status`.
#[must_use]
pub fn waits_for(object: &Value) -> Option<String> {
    let number = |path: &str| object.pointer(path).and_then(Value::as_i64);
    let status = |field: &str| number(&format!("/status/{field}")).unwrap_or(0);
    let is_seen = status("observedGeneration") >= number("/metadata/generation").unwrap_or(0);
    let replicas = number("/spec/replicas").unwrap_or(1);
    let failure = || {
        let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
        let mut failures =
            conditions.filter(|one| one["type"] == "ReplicaFailure" && one["status"] == "True");
        Some(format!(": {}", failures.next()?["message"].as_str()?))
    };
    let count = |what: &str, have: i64, want: i64| {
        let why = || failure().unwrap_or_default();
        (have < want).then(|| format!("{have} of {want} pods are {what}{}", why()))
    };
    match object["kind"].as_str()? {
        "Deployment" | "StatefulSet" | "DaemonSet" if !is_seen => {
            Some("its controller has not seen it".to_owned())
        }
        "Deployment" => count("updated", status("updatedReplicas"), replicas)
            .or_else(|| count("available", status("availableReplicas"), replicas))
            .or_else(|| {
                let old = status("replicas") - status("updatedReplicas");
                (old > 0).then(|| format!("{old} old pods are still there"))
            }),
        "StatefulSet" => count("updated", status("updatedReplicas"), replicas)
            .or_else(|| count("ready", status("readyReplicas"), replicas)),
        "DaemonSet" => {
            let wanted = status("desiredNumberScheduled");
            count("updated", status("updatedNumberScheduled"), wanted)
                .or_else(|| count("available", status("numberAvailable"), wanted))
        }
        "CustomResourceDefinition" => {
            let conditions = object["status"]["conditions"].as_array();
            let is_established = conditions.into_iter().flatten().any(|condition| {
                condition["type"] == "Established" && condition["status"] == "True"
            });
            (!is_established).then(|| "it is not established".to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn workloads_are_ready_when_all_pods_are_new_and_there() {
        let deployment = |generation: i64, status: Value| {
            waits_for(&json!({"kind": "Deployment", "metadata": {"generation": generation},
                "spec": {"replicas": 2}, "status": status}))
        };
        for (generation, status, expected) in [
            (2, json!({"observedGeneration": 1}), Some("its controller has not seen it")),
            (1, json!({"observedGeneration": 1}), Some("0 of 2 pods are updated")),
            (
                1,
                json!({"observedGeneration": 1, "conditions": [{"type": "ReplicaFailure",
                    "status": "True", "message": "pods \"a\" is forbidden: exceeded quota"}]}),
                Some("0 of 2 pods are updated: pods \"a\" is forbidden: exceeded quota"),
            ),
            (
                1,
                json!({"observedGeneration": 1, "updatedReplicas": 2, "availableReplicas": 1}),
                Some("1 of 2 pods are available"),
            ),
            (
                1,
                json!({"observedGeneration": 1, "updatedReplicas": 2, "availableReplicas": 2,
                    "replicas": 3}),
                Some("1 old pods are still there"),
            ),
            (
                1,
                json!({"observedGeneration": 1, "updatedReplicas": 2, "availableReplicas": 2,
                    "replicas": 2}),
                None,
            ),
        ] {
            assert_eq!(deployment(generation, status).as_deref(), expected);
        }
        let set = json!({"kind": "DaemonSet", "status": {"desiredNumberScheduled": 1}});
        assert_eq!(waits_for(&set).as_deref(), Some("0 of 1 pods are updated"));
        let set = json!({"kind": "StatefulSet", "status": {"updatedReplicas": 1}});
        assert_eq!(waits_for(&set).as_deref(), Some("0 of 1 pods are ready"));
    }

    #[test]
    fn definitions_are_ready_when_established_and_the_rest_at_once() {
        let crd = |status: &str| {
            waits_for(&json!({"kind": "CustomResourceDefinition",
                "status": {"conditions": [{"type": "Established", "status": status}]}}))
        };
        assert_eq!(crd("True"), None);
        assert!(crd("False").is_some());
        assert_eq!(waits_for(&json!({"kind": "Secret"})), None);
        assert_eq!(waits_for(&json!({})), None);
    }
}
