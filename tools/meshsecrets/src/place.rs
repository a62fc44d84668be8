//! Where a Secret lies, what it is called, and whether others contradict it.

use crate::check;
use crate::primary::DEFAULT_ID;
use crate::secret::{CLUSTER_ANNOTATION, COPY_ANNOTATION, LABEL, RemoteSecret};
use crate::subject::Subject;
use meshcore::finding::Finding;
use meshcore::is_secret_key;
use serde_json::json;

/// Findings about the Secret itself.
#[must_use]
pub fn findings(subject: Subject<'_>) -> Vec<Finding> {
    let secret = subject.secret;
    let mut found = Vec::new();
    found.extend(namespace(subject));
    found.extend(label(subject));
    found.extend(annotation(subject));
    if secret.ids().next().is_none() {
        let text = "it holds no cluster: istiod drops those it had from it";
        found.push(subject.finding(check::NO_KEYS, text, json!({}), subject.make_again(&[])));
    }
    if secret.is_copied {
        let text = format!(
            "the annotation {COPY_ANNOTATION} holds a copy of the credentials, as a client-side \
             kubectl apply leaves it"
        );
        let fix = subject.change("annotate", &[&format!("{COPY_ANNOTATION}-")]);
        found.push(subject.finding(check::COPY, &text, json!({}), fix));
    }
    found
}

fn namespace(subject: Subject<'_>) -> Option<Finding> {
    let system = subject.system_namespace;
    let text = match subject.secret.namespace.as_deref() {
        Some(namespace) if namespace == system => return None,
        Some(namespace) => {
            format!("it lies in namespace {namespace}, and istiod looks in {system} only")
        }
        None => format!("it names no namespace, and istiod looks in {system} only"),
    };
    let namespace = &subject.secret.namespace;
    let evidence = json!({"namespace": namespace, "systemNamespace": system});
    let fix = match subject.secret.ids().next() {
        Some(id) => subject.cluster(id).make_again(&[]),
        None => subject.make_again(&[]),
    };
    Some(subject.finding(check::NAMESPACE, &text, evidence, fix))
}

fn label(subject: Subject<'_>) -> Option<Finding> {
    let label = subject.secret.label.as_deref();
    let text = match label {
        Some("true") => return None,
        Some(value) => format!("its label {LABEL} is {value:?}: istiod looks for \"true\""),
        None => format!("it lacks the label {LABEL}, so istiod does not see it"),
    };
    let fix = subject.change("label", &[&format!("{LABEL}=true"), "--overwrite"]);
    Some(subject.finding(check::LABEL, &text, json!({"label": label}), fix))
}

fn annotation(subject: Subject<'_>) -> Option<Finding> {
    let named = subject.secret.cluster.as_deref()?;
    let ids: Vec<&str> = subject.secret.ids().collect();
    if ids.is_empty() || ids.contains(&named) {
        return None;
    }
    let text = format!(
        "the annotation {CLUSTER_ANNOTATION} names {named}, and istiod goes by the key: {}",
        ids.join(", ")
    );
    let fix = match ids.as_slice() {
        [id] => {
            let right = format!("{CLUSTER_ANNOTATION}={id}");
            subject.change("annotate", &[&right, "--overwrite"])
        }
        _ => subject.change("annotate", &[&format!("{CLUSTER_ANNOTATION}-")]),
    };
    let evidence = json!({"annotation": named, "keys": ids});
    Some(subject.finding(check::ANNOTATION, &text, evidence, fix))
}

/// Findings about the name of one cluster. `rival` is the Secret before this one that istiod reads
/// the same name in.
#[must_use]
pub fn of_id(
    subject: Subject<'_>,
    id: &str,
    own_id: Option<&str>,
    rival: Option<&RemoteSecret>,
) -> Vec<Finding> {
    let mut found = Vec::new();
    let finding =
        |check, text: &str| subject.finding(check, text, json!({}), subject.make_again(&[]));
    if !is_secret_key(id) {
        let text = "its key may have at most 253 letters, digits, '-', '_' and '.', and not \"..\" in \
             front: no API server takes it";
        found.push(finding(check::KEY, text));
    } else if id == DEFAULT_ID {
        let text = "every cluster that was installed without a cluster name has this ID: two of \
                    them are one to istiod";
        found.push(finding(check::DEFAULT_ID, text));
    }
    if Some(id) == own_id {
        let text = "it is istiod's own CLUSTER_ID, so istiod ignores the entry";
        found.push(subject.finding(check::OWN_ID, text, json!({}), subject.remove()));
    }
    if let Some(other) = rival {
        let other = Subject { secret: other, ..subject }.object();
        let text = format!(
            "secret {other} has the ID too: istiod takes the one that it sees first and ignores \
             the other"
        );
        let evidence = json!({"otherSecret": other});
        found.push(subject.finding(check::ID_TWICE, &text, evidence, subject.remove()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::tests::secret;
    use crate::subject::tests::subject;
    use serde_json::Value;

    fn with(metadata: Value, data: Value) -> RemoteSecret {
        secret(json!({"metadata": metadata, "data": data})).unwrap()
    }

    fn codes(found: &[Finding]) -> Vec<&str> {
        found.iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn a_secret_must_be_found() {
        let labels = json!({"istio/multiCluster": "true"});
        for (metadata, expected, fix) in [
            (json!({"namespace": "istio-system", "labels": labels}), &[][..], ""),
            (json!({"labels": labels}), &["MESH0401"], "mesh-remote-secret --context CONTEXT"),
            (json!({"namespace": "default", "labels": labels}), &["MESH0401"], "mesh-remote"),
            (
                json!({"namespace": "istio-system"}),
                &["MESH0402"],
                "kubectl label secret istio-remote-secret-a -n istio-system \
                 istio/multiCluster=true --overwrite --field-manager meshutils",
            ),
            (
                json!({"namespace": "istio-system", "labels": {"istio/multiCluster": "yes"}}),
                &["MESH0402"],
                "kubectl label",
            ),
            (
                json!({"namespace": "istio-system", "labels": labels,
                    "annotations": {CLUSTER_ANNOTATION: "b"}}),
                &["MESH0403"],
                "networking.istio.io/cluster=a --overwrite",
            ),
            (
                json!({"namespace": "istio-system", "labels": labels,
                    "annotations": {COPY_ANNOTATION: "{\"data\":{\"a\":\"eA==\"}}"}}),
                &["MESH0410"],
                "kubectl annotate secret istio-remote-secret-a -n istio-system \
                 kubectl.kubernetes.io/last-applied-configuration-",
            ),
        ] {
            let mut metadata = metadata;
            metadata["name"] = json!("istio-remote-secret-a");
            let secret = with(metadata, json!({"a": "eA=="}));
            let found = findings(subject(&secret));
            assert_eq!(codes(&found), expected);
            assert!(found.iter().all(|finding| finding.fix.contains(fix)), "{found:?}");
        }
        let empty =
            with(json!({"name": "x", "namespace": "istio-system", "labels": labels}), json!({}));
        assert_eq!(codes(&findings(subject(&empty))), ["MESH0404"]);
    }

    #[test]
    fn names_of_clusters_are_theirs_alone() {
        let secret = with(json!({"name": "istio-remote-secret-a"}), json!({"a": "", "b": ""}));
        let other = with(json!({"name": "istio-remote-secret-0"}), json!({"c": ""}));
        for (id, expected) in [
            ("a", &[][..]),
            ("own", &["MESH0407"]),
            ("c", &["MESH0408"]),
            ("Kubernetes", &["MESH0406"]),
            ("arn:aws:eks:x:1:cluster/a", &["MESH0405"]),
            ("cn-a.b_c", &[]),
            ("", &["MESH0405"]),
            ("..a", &["MESH0405"]),
        ] {
            let rival = (id == "c").then_some(&other);
            let found = of_id(subject(&secret).cluster(id), id, Some("own"), rival);
            assert_eq!(codes(&found), expected, "{id}");
        }
        let own = of_id(subject(&secret).cluster("a"), "a", Some("a"), None);
        assert!(own[0].fix.contains(r#"--type=json -p '[{"op":"remove","path":"/data/a"}]'"#));
    }
}
