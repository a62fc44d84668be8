//! Reading objects as kubectl prints them.

use crate::{Channel, Evidence, Injector, Istiod, Managed, Name, Pods, Webhook};
use meshcore::input::{Document, OneCapture, Source};
use meshcore::{Error, Result};
use serde::Deserialize;
use serde::de::IgnoredAny;

#[derive(Deserialize)]
struct Metadata {
    name: String,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    labels: Option<Labels>,
    #[serde(default, rename = "deletionTimestamp")]
    deleted: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Labels {
    app: Option<String>,
    #[serde(rename = "istio.io/rev")]
    revision: Option<String>,
    #[serde(rename = "istio.io/tag")]
    tag: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    #[serde(rename = "readyReplicas")]
    ready_replicas: Option<u32>,
    phase: Option<String>,
    conditions: Option<Vec<Condition>>,
}

#[derive(Deserialize)]
struct Condition {
    r#type: String,
    status: String,
}

/// Reads all documents; kinds that tell nothing are passed over.
pub fn read(sources: &[Source]) -> Result<Evidence> {
    let mut evidence = Evidence::default();
    let mut capture = OneCapture::default();
    for source in sources {
        for document in source.documents()? {
            if !capture.is_header(&document)? {
                evidence.add(&document)?;
            }
        }
    }
    Ok(evidence)
}

impl Evidence {
    fn add(&mut self, document: &Document<'_>) -> Result<()> {
        #[derive(Deserialize)]
        struct Object {
            kind: String,
        }
        let Object { kind } = document.decode()?;
        match kind.as_str() {
            "Deployment" => self.add_deployment(document),
            "Pod" => self.add_pod(document),
            "MutatingWebhookConfiguration" => self.add_injector(document),
            "ControlPlaneRevision" => self.add_managed(document),
            "ConfigMap" => self.add_config_map(document),
            "VirtualService" => self.add_route(document),
            _ => Ok(()),
        }
    }

    fn add_deployment(&mut self, document: &Document<'_>) -> Result<()> {
        #[derive(Deserialize)]
        struct Deployment {
            metadata: Metadata,
            #[serde(default)]
            spec: Option<Spec>,
            #[serde(default)]
            status: Option<Status>,
        }
        #[derive(Deserialize)]
        struct Spec {
            #[serde(default)]
            replicas: Option<u32>,
        }
        let Deployment { metadata, spec, status } = document.decode()?;
        if metadata.is_of("istiod") {
            let pods = Pods {
                ready: status.and_then(|status| status.ready_replicas).unwrap_or(0),
                total: spec.and_then(|spec| spec.replicas).unwrap_or(1),
            };
            let istiod = Istiod { revision: metadata.revision(document)?, pods };
            self.deployments.insert(metadata.place("Deployment"), istiod);
        }
        Ok(())
    }

    fn add_pod(&mut self, document: &Document<'_>) -> Result<()> {
        #[derive(Deserialize)]
        struct Pod {
            metadata: Metadata,
            #[serde(default)]
            status: Option<Status>,
        }
        let Pod { metadata, status } = document.decode()?;
        let status = status.unwrap_or_default();
        let ended = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
        if metadata.is_of("istiod") && !ended && metadata.deleted.is_none() {
            let ready = u32::from(status.condition("Ready") == Some(true));
            let pods = Pods { ready, total: 1 };
            let istiod = Istiod { revision: metadata.revision(document)?, pods };
            self.pods.insert(metadata.place("Pod"), istiod);
        }
        Ok(())
    }

    fn add_injector(&mut self, document: &Document<'_>) -> Result<()> {
        #[derive(Deserialize)]
        struct Configuration {
            metadata: Metadata,
            #[serde(default)]
            webhooks: Option<Vec<Webhook>>,
        }
        let Configuration { metadata, webhooks } = document.decode()?;
        let by_name = metadata.name.strip_prefix("istiod-");
        let by_name = by_name.filter(|name| Channel::of_revision(name).is_some());
        let revision = metadata.labels().revision.as_deref().or(by_name);
        if revision.is_some() || metadata.is_of("sidecar-injector") {
            let tag = metadata.labels().tag.as_deref().filter(|tag| !tag.is_empty());
            let injector = Injector {
                revision: name_in(document, "istio.io/rev", revision)?,
                tag: tag.map(|tag| name_in(document, "istio.io/tag", Some(tag))).transpose()?,
                webhooks: webhooks.unwrap_or_default(),
            };
            self.injectors.insert(metadata.place("MutatingWebhookConfiguration"), injector);
        }
        Ok(())
    }

    fn add_managed(&mut self, document: &Document<'_>) -> Result<()> {
        #[derive(Deserialize)]
        struct ControlPlaneRevision {
            metadata: Metadata,
            #[serde(default)]
            spec: Option<Spec>,
            #[serde(default)]
            status: Option<Status>,
        }
        #[derive(Deserialize)]
        struct Spec {
            #[serde(default)]
            channel: Option<Channel>,
        }
        let ControlPlaneRevision { metadata, spec, status } = document.decode()?;
        let revision = metadata.name.parse().map_err(|reason| {
            not_a_revision(&metadata.name, reason).at(document.field("metadata.name"))
        })?;
        let channel = spec.and_then(|spec| spec.channel);
        let managed = Managed {
            channel: channel.or_else(|| Channel::of_revision(&metadata.name)),
            revision,
            reconciled: status.and_then(|status| status.condition("Reconciled")),
        };
        self.managed.insert(metadata.place("ControlPlaneRevision"), managed);
        Ok(())
    }

    fn add_config_map(&mut self, document: &Document<'_>) -> Result<()> {
        #[derive(Deserialize)]
        struct ConfigMap {
            metadata: Metadata,
            #[serde(default)]
            data: Option<Data>,
        }
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Data {
            mesh: Option<IgnoredAny>,
            values: Option<IgnoredAny>,
        }
        let ConfigMap { metadata, data } = document.decode()?;
        let data = data.unwrap_or_default();
        // `istio-ca-root-cert` and others begin alike; what they hold tells them apart.
        let rest = match metadata.name.strip_prefix("istio-sidecar-injector") {
            Some(rest) => data.values.and(Some(rest)),
            None => data.mesh.and(metadata.name.strip_prefix("istio")),
        };
        let revision = rest.and_then(|rest| match rest {
            "" => Some("default"),
            _ => rest.strip_prefix('-'),
        });
        if let Some(Ok(revision)) = revision.map(str::parse) {
            self.config_maps.insert(metadata.place("ConfigMap"), revision);
        }
        Ok(())
    }
}

impl Metadata {
    fn labels(&self) -> &Labels {
        static NONE: Labels = Labels { app: None, revision: None, tag: None };
        self.labels.as_ref().unwrap_or(&NONE)
    }

    fn is_of(&self, app: &str) -> bool {
        self.labels().app.as_deref() == Some(app)
    }

    fn revision(&self, document: &Document<'_>) -> Result<Name> {
        name_in(document, "istio.io/rev", self.labels().revision.as_deref())
    }

    fn place(&self, kind: &str) -> String {
        match &self.namespace {
            Some(namespace) => format!("{kind} {namespace}/{}", self.name),
            None => format!("{kind} {}", self.name),
        }
    }
}

impl Status {
    /// Whether a condition is `True` or `False`; neither if it is `Unknown` or absent.
    fn condition(&self, wanted: &str) -> Option<bool> {
        let condition = self.conditions.iter().flatten().find(|one| one.r#type == wanted)?;
        match condition.status.as_str() {
            "True" => Some(true),
            "False" => Some(false),
            _ => None,
        }
    }
}

fn name_in(document: &Document<'_>, key: &str, text: Option<&str>) -> Result<Name> {
    Name::of_label(text).map_err(|reason| {
        let place = document.field(&format!("metadata.labels.{key}"));
        not_a_revision(text.unwrap_or_default(), reason).at(place)
    })
}

fn not_a_revision(text: &str, reason: String) -> Error {
    Error::data(format!("'{text}' is no name of a revision: it {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{
        config_map, deployment, evidence, is_ready, managed, name, pod, try_read, webhook,
    };
    use serde_json::json;
    use std::collections::BTreeMap;

    fn pods(found: &BTreeMap<String, Istiod>) -> Vec<(&str, u32, u32)> {
        found
            .iter()
            .map(|(object, one)| (object.as_str(), one.pods.ready, one.pods.total))
            .collect()
    }

    #[test]
    fn deployments_of_istiod_alone_count() {
        let mut gateway = deployment("a", 1, 1);
        gateway["metadata"]["labels"]["app"] = json!("istio-ingressgateway");
        let mut bare = deployment("b", 1, 1);
        bare["spec"] = json!({});
        bare["status"] = json!(null);
        let found = evidence(&[gateway, deployment("c", 1, 2), bare, deployment("c", 2, 2)]);
        assert_eq!(
            pods(&found.deployments),
            [
                ("Deployment istio-system/istiod-b", 0, 1),
                ("Deployment istio-system/istiod-c", 2, 2)
            ]
        );
        assert_eq!(found.deployments["Deployment istio-system/istiod-c"].revision, name("c"));
    }

    #[test]
    fn pods_that_ended_or_are_leaving_do_not_count() {
        let mut leaving = pod("d", "r", is_ready("True"));
        leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        let mut other = pod("f", "r", is_ready("True"));
        other["metadata"]["labels"] = json!(null);
        let found = evidence(&[
            pod("a", "r", is_ready("True")),
            pod("b", "", is_ready("False")),
            pod("c", "r", json!({"phase": "Failed"})),
            leaving,
            pod("e", "r", json!(null)),
            other,
        ]);
        assert_eq!(
            pods(&found.pods),
            [
                ("Pod istio-system/a", 1, 1),
                ("Pod istio-system/b", 0, 1),
                ("Pod istio-system/e", 0, 1),
            ]
        );
        assert!(found.pods["Pod istio-system/b"].revision.is_default());
    }

    #[test]
    fn webhooks_for_sidecars_are_told_from_others() {
        let entry = json!([{"name": "x"}]);
        for (name, labels, found) in [
            ("istio-sidecar-injector", json!({"app": "sidecar-injector"}), Some(("default", None))),
            ("x", json!({"istio.io/rev": "a"}), Some(("a", None))),
            ("x", json!({"istio.io/rev": "a", "istio.io/tag": ""}), Some(("a", None))),
            ("x", json!({"istio.io/rev": "a", "istio.io/tag": "t"}), Some(("a", Some("t")))),
            ("istiod-asm-managed-rapid", json!(null), Some(("asm-managed-rapid", None))),
            ("istiod-asm-managed", json!({"istio.io/rev": "b"}), Some(("b", None))),
            ("cert-manager-webhook", json!({"app": "webhook"}), None),
            ("istiod-other", json!({}), None),
        ] {
            let evidence = evidence(&[webhook(name, labels, entry.clone())]);
            let injector = evidence.injectors.values().next();
            let told = injector.map(|i| (i.revision.as_str(), i.tag.as_ref().map(Name::as_str)));
            assert_eq!(told, found, "{name}");
            assert!(injector.is_none_or(|injector| injector.webhooks.len() == 1));
        }
    }

    #[test]
    fn managed_control_planes_say_whether_they_are_reconciled() {
        let condition = |status: &str| json!([{"type": "Reconciled", "status": status}]);
        for (name, channel, conditions, expected) in [
            (
                "asm-managed",
                json!("regular"),
                condition("True"),
                (Some(Channel::Regular), Some(true)),
            ),
            (
                "asm-managed",
                json!("rapid"),
                condition("False"),
                (Some(Channel::Rapid), Some(false)),
            ),
            (
                "asm-managed-stable",
                json!(null),
                condition("Unknown"),
                (Some(Channel::Stable), None),
            ),
            ("other", json!(null), json!(null), (None, None)),
        ] {
            let evidence = evidence(&[managed(name, channel, conditions)]);
            let managed = &evidence.managed[&format!("ControlPlaneRevision istio-system/{name}")];
            assert_eq!((managed.channel, managed.reconciled), expected, "{managed:?}");
        }
    }

    #[test]
    fn config_maps_are_told_by_name_and_content() {
        for (name, key, revision) in [
            ("istio", "mesh", Some("default")),
            ("istio-asm-173-3", "mesh", Some("asm-173-3")),
            ("istio-sidecar-injector", "values", Some("default")),
            ("istio-sidecar-injector-1-30", "values", Some("1-30")),
            ("istio-ca-root-cert", "root-cert.pem", None),
            ("istio-sidecar-injector", "mesh", None),
            ("istio-", "mesh", None),
            ("kube-root-ca.crt", "mesh", None),
        ] {
            let evidence = evidence(&[config_map(name, key)]);
            assert_eq!(evidence.config_maps.values().next().map(Name::as_str), revision, "{name}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let mut no_name = deployment("a", 1, 1);
        no_name["metadata"] = json!({"labels": {"app": "istiod"}});
        for (object, message) in [
            (no_name, "document 1: [0].metadata: missing field `name`"),
            (
                deployment("A_b", 1, 1),
                "[0].metadata.labels.istio.io/rev: 'A_b' is no name of a revision: it may have lower",
            ),
            (
                webhook("x", json!({"istio.io/rev": "a", "istio.io/tag": "1.2"}), json!([])),
                "[0].metadata.labels.istio.io/tag: '1.2' is no name",
            ),
            (
                managed("a.b", json!(null), json!([])),
                "[0].metadata.name: 'a.b' is no name of a revision",
            ),
            (managed("a", json!("slow"), json!([])), "[0].spec.channel: unknown variant"),
            (json!({"metadata": {"name": "a"}}), "[0]: missing field `kind`"),
        ] {
            let error = try_read(&[object]).unwrap_err();
            let text = error.message().text();
            assert!(text.starts_with("stdin: document 1: [0]") && text.contains(message), "{text}");
        }
        assert_eq!(try_read(&[json!({"kind": "Service"})]).unwrap(), Evidence::default());
    }

    #[test]
    fn a_capture_is_of_one_cluster() {
        let header = json!({"apiVersion": "meshutils/v1alpha1", "kind": "Capture"});
        let found = evidence(&[header.clone(), deployment("a", 1, 1)]);
        assert_eq!(found.deployments.len(), 1);
        let error = try_read(&[header.clone(), header]).unwrap_err();
        assert!(error.message().text().contains("capture of a second cluster"), "{error:?}");
    }
}
