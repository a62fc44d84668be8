//! From the evidence to the names that may stand in `istio.io/rev`.

use crate::{Channel, Evidence, Label, Name, Pods};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A revision, channel or tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its name.
    pub name: Name,
    /// What it is.
    #[serde(flatten)]
    pub kind: Kind,
    /// Whether `istio-injection=enabled` means it.
    pub default: bool,
    /// Whether its control plane works; unknown where the input does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// istiod's pods; none are known of a control plane that runs elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods: Option<Pods>,
    /// What to write on a namespace; nothing where no label leads there, and there alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// The objects that tell of it.
    pub sources: BTreeSet<String>,
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Kind {
    /// A control plane of this mesh's owner.
    Revision,
    /// A control plane that Google runs.
    Channel {
        /// How fast it follows releases.
        #[serde(skip_serializing_if = "Option::is_none")]
        channel: Option<Channel>,
    },
    /// Another name of one of them.
    #[serde(rename_all = "camelCase")]
    Tag {
        /// The revision that it means for now.
        points_to: Name,
    },
}

impl Kind {
    /// As in the output.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Revision => "revision",
            Self::Channel { .. } => "channel",
            Self::Tag { .. } => "tag",
        }
    }

    /// The control plane that `name` stands for, if it is of this kind.
    fn target<'a>(&'a self, name: &'a Name) -> &'a Name {
        match self {
            Self::Tag { points_to } => points_to,
            _ => name,
        }
    }
}

impl Listed {
    /// Whether it is a control plane, and not just another name of one.
    #[must_use]
    pub fn is_control_plane(&self) -> bool {
        !matches!(self.kind, Kind::Tag { .. })
    }

    /// The control plane that it stands for.
    #[must_use]
    pub fn target(&self) -> &Name {
        self.kind.target(&self.name)
    }
}

impl Evidence {
    /// The control planes by name, then the tags.
    #[must_use]
    pub fn list(&self) -> Vec<Listed> {
        let control_planes = self.control_planes();
        let mut listed: Vec<Listed> = control_planes
            .iter()
            .map(|(name, sources)| self.listed(name, self.kind(name), sources.clone()))
            .collect();
        for ((tag, points_to), sources) in self.tags() {
            listed.push(self.listed(&tag, Kind::Tag { points_to }, sources));
        }
        listed
    }

    /// The control planes that answer to a namespace's label. More than one is a mistake, of
    /// which the API server makes two injections.
    #[must_use]
    pub fn answering(&self, label: &Label) -> BTreeSet<&Name> {
        let injectors = self.injectors.values().filter(|injector| injector.answers(label));
        injectors.map(|injector| &injector.revision).collect()
    }

    /// Each control plane with the objects that tell of it.
    fn control_planes(&self) -> BTreeMap<Name, BTreeSet<String>> {
        let istiods = self.deployments.iter().chain(&self.pods);
        let istiods = istiods.map(|(object, istiod)| (object, &istiod.revision));
        let injectors = self.injectors.iter().filter(|(_, injector)| injector.tag.is_none());
        let injectors = injectors.map(|(object, injector)| (object, &injector.revision));
        let managed = self.managed.iter().map(|(object, managed)| (object, &managed.revision));
        let mut found: BTreeMap<Name, BTreeSet<String>> = BTreeMap::new();
        for (object, revision) in istiods.chain(injectors).chain(managed) {
            found.entry(revision.clone()).or_default().insert(object.clone());
        }
        // What is left of a revision that was removed is none, unless nothing else can be seen.
        let is_blind = found.is_empty() && self.injectors.is_empty();
        for (object, revision) in &self.config_maps {
            if is_blind || found.contains_key(revision) {
                found.entry(revision.clone()).or_default().insert(object.clone());
            }
        }
        found
    }

    /// Each tag and what it points to, with the objects that say so.
    fn tags(&self) -> BTreeMap<(Name, Name), BTreeSet<String>> {
        let mut found: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        for (object, injector) in &self.injectors {
            if let Some(tag) = &injector.tag {
                let key = (tag.clone(), injector.revision.clone());
                found.entry(key).or_default().insert(object.clone());
            }
        }
        found
    }

    fn kind(&self, name: &Name) -> Kind {
        let managed = self.managed.values().find(|managed| managed.revision == *name);
        let channel = managed.map(|managed| managed.channel);
        let by_name = || Channel::of_revision(name.as_str()).map(Some);
        match channel.or_else(by_name) {
            Some(channel) => Kind::Channel { channel },
            None => Kind::Revision,
        }
    }

    fn listed(&self, name: &Name, kind: Kind, sources: BTreeSet<String>) -> Listed {
        let target = kind.target(name);
        let pods = self.pods_of(target);
        let managed = self.managed.values().find(|managed| managed.revision == *target);
        let reconciled = managed.and_then(|managed| managed.reconciled);
        let by_name = Label::Revision(name.clone());
        let (label, default) = if self.injectors.is_empty() {
            // Nobody is asked, as far as can be seen: so it is as Istio installs it.
            (Some(by_name), name.is_default())
        } else {
            let leads_here = |label: &Label| {
                let answering = self.answering(label);
                answering.len() == 1 && answering.contains(target)
            };
            let label = [by_name, Label::Injection].into_iter().find(leads_here);
            (label, self.is_default(name, &kind))
        };
        Listed {
            name: name.clone(),
            default,
            ready: reconciled.or(pods.map(|pods| pods.ready > 0)),
            pods,
            label,
            sources,
            kind,
        }
    }

    /// Whether `istio-injection=enabled` leads to it: to a tag by its own webhook, to a control
    /// plane by its own or a tag's.
    fn is_default(&self, name: &Name, kind: &Kind) -> bool {
        let is_tag = matches!(kind, Kind::Tag { .. });
        self.injectors.values().any(|injector| {
            injector.revision == *kind.target(name)
                && (!is_tag || injector.tag.as_ref() == Some(name))
                && injector.answers(&Label::Injection)
        })
    }

    /// A Deployment knows how many pods there should be; without one they are counted.
    fn pods_of(&self, revision: &Name) -> Option<Pods> {
        [&self.deployments, &self.pods].into_iter().find_map(|istiods| {
            let pods = istiods.values().filter(|istiod| istiod.revision == *revision);
            pods.map(|istiod| istiod.pods).reduce(|a, b| Pods {
                ready: a.ready.saturating_add(b.ready),
                total: a.total.saturating_add(b.total),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{
        config_map, deactivated, deployment, evidence, is_ready, managed, name, pod,
        revision_webhook, tag_webhook, webhook, webhooks,
    };
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// The webhook of an installation without revision, once the tag `default` is set.
    fn turned_off() -> Value {
        let labels = json!({"app": "sidecar-injector", "istio.io/rev": "default"});
        webhook("istio-sidecar-injector", labels, deactivated())
    }

    /// Name, kind, whether it is the default, label.
    fn told(objects: &[Value]) -> Vec<(String, &'static str, bool, String)> {
        let label = |one: &Listed| one.label.as_ref().map_or(String::new(), Label::to_string);
        let row = |one: &Listed| (one.name.to_string(), one.kind.as_str(), one.default, label(one));
        evidence(objects).list().iter().map(row).collect()
    }

    fn row(
        name: &str,
        kind: &'static str,
        default: bool,
        label: &str,
    ) -> (String, &'static str, bool, String) {
        (name.to_owned(), kind, default, label.to_owned())
    }

    #[test]
    fn an_installation_without_revision_is_the_default() {
        let by_name = "istio.io/rev=default";
        let alone = revision_webhook("default");
        assert_eq!(told(&[alone]), [row("default", "revision", true, by_name)]);
        // As istioctl leaves it.
        assert_eq!(
            told(&[turned_off(), tag_webhook("default", "default")]),
            [row("default", "revision", true, by_name), row("default", "tag", true, by_name)]
        );
        // As Istio 1.9 leaves it.
        let old = json!([{"namespaceSelector": {"matchLabels": {"istio-injection": "enabled"}}}]);
        let old = webhook("istio-sidecar-injector", json!({"app": "sidecar-injector"}), old);
        assert_eq!(told(&[old]), [row("default", "revision", true, "istio-injection=enabled")]);
        // As far as the guides look.
        let pods = [pod("istiod-0", "default", is_ready("True"))];
        assert_eq!(told(&pods), [row("default", "revision", true, by_name)]);
    }

    #[test]
    fn the_default_tag_takes_the_default_away() {
        let (revisioned, tag) = (revision_webhook("1-30"), tag_webhook("default", "1-30"));
        assert_eq!(
            told(&[turned_off(), revisioned.clone(), tag.clone(), tag_webhook("prod", "1-30")]),
            [
                row("1-30", "revision", true, "istio.io/rev=1-30"),
                row("default", "revision", false, ""),
                row("default", "tag", true, "istio.io/rev=default"),
                row("prod", "tag", false, "istio.io/rev=prod"),
            ]
        );
        // A webhook that should have been turned off, as helm leaves it.
        let both = told(&[revision_webhook("default"), revisioned, tag]);
        assert_eq!(both[1], row("default", "revision", true, ""));
        assert_eq!(both[2], row("default", "tag", true, ""));
    }

    #[test]
    fn revisions_alone_have_no_default() {
        let objects =
            [revision_webhook("1-29"), revision_webhook("1-30"), deployment("1-30", 1, 2)];
        assert_eq!(
            told(&objects),
            [
                row("1-29", "revision", false, "istio.io/rev=1-29"),
                row("1-30", "revision", false, "istio.io/rev=1-30"),
            ]
        );
        let listed = evidence(&objects).list();
        assert_eq!((listed[0].ready, listed[0].pods), (None, None));
        assert_eq!(listed[1].pods, Some(Pods { ready: 1, total: 2 }));
        let sources = [
            "Deployment istio-system/istiod-1-30",
            "MutatingWebhookConfiguration istio-sidecar-injector-1-30",
        ];
        assert_eq!(listed[1].sources, sources.map(str::to_owned).into());
    }

    #[test]
    fn a_revision_without_webhook_has_no_label() {
        let objects = [revision_webhook("a"), deployment("b", 1, 1)];
        assert_eq!(told(&objects)[1], row("b", "revision", false, ""));
    }

    #[test]
    fn channels_are_google_s() {
        let condition = |status: &str| json!([{"type": "Reconciled", "status": status}]);
        let objects = [
            managed("asm-managed", json!("regular"), condition("True")),
            webhook("istiod-asm-managed", json!({}), webhooks("asm-managed")),
            managed("asm-managed-rapid", json!("rapid"), condition("False")),
            tag_webhook("default", "asm-managed"),
        ];
        assert_eq!(
            told(&objects),
            [
                row("asm-managed", "channel", true, "istio.io/rev=asm-managed"),
                row("asm-managed-rapid", "channel", false, ""),
                row("default", "tag", true, "istio.io/rev=default"),
            ]
        );
        let listed = evidence(&objects).list();
        assert_eq!(
            listed.iter().map(|one| one.ready).collect::<Vec<_>>(),
            [Some(true), Some(false), Some(true)]
        );
        assert_eq!(listed[0].kind, Kind::Channel { channel: Some(Channel::Regular) });
        assert_eq!(
            evidence(&objects[1..2]).list()[0].kind,
            Kind::Channel { channel: Some(Channel::Regular) }
        );
    }

    #[test]
    fn pods_are_counted_where_no_deployment_is() {
        let pods = [
            pod("a", "r", is_ready("True")),
            pod("b", "r", is_ready("False")),
            pod("c", "other", is_ready("False")),
        ];
        let listed = evidence(&pods).list();
        assert_eq!((listed[0].name.as_str(), listed[0].ready), ("other", Some(false)));
        assert_eq!(
            (listed[1].pods, listed[1].ready),
            (Some(Pods { ready: 1, total: 2 }), Some(true))
        );
        let with_deployment = [&pods[..], &[deployment("r", 1, 3)]].concat();
        assert_eq!(evidence(&with_deployment).list()[1].pods, Some(Pods { ready: 1, total: 3 }));
    }

    #[test]
    fn configuration_alone_is_a_hint() {
        let left = [config_map("istio-1-29", "mesh"), config_map("istio-1-30", "mesh")];
        let names = |objects: &[Value]| {
            told(objects).into_iter().map(|(name, ..)| name).collect::<Vec<_>>()
        };
        assert_eq!(names(&left), ["1-29", "1-30"]);
        let with_webhook = [&left[..], &[revision_webhook("1-30")]].concat();
        assert_eq!(names(&with_webhook), ["1-30"]);
        assert_eq!(evidence(&with_webhook).list()[0].sources.len(), 2);
    }

    #[test]
    fn a_tag_may_point_to_nothing() {
        let listed = evidence(&[tag_webhook("prod", "gone")]).list();
        assert_eq!(listed[0].kind, Kind::Tag { points_to: name("gone") });
        assert_eq!(listed[0].ready, None);
        assert_eq!(listed.len(), 1);
    }

    proptest! {
        #[test]
        fn a_label_leads_to_its_control_plane_alone(
            revisions in prop::collection::btree_set("default|[a-c]", 1..4),
            tags in prop::collection::btree_map("default|[a-f]", "default|[a-d]", 0..4),
        ) {
            let mut objects: Vec<Value> = revisions.iter().map(|r| revision_webhook(r)).collect();
            objects.extend(tags.iter().map(|(tag, revision)| tag_webhook(tag, revision)));
            let evidence = evidence(&objects);
            let listed = evidence.list();
            prop_assert_eq!(listed.len(), revisions.len() + tags.len());
            for one in &listed {
                let answering = |label| evidence.answering(&label).into_iter().collect::<Vec<_>>();
                if let Some(label) = &one.label {
                    prop_assert_eq!(answering(label.clone()), [one.target()]);
                }
                if one.is_control_plane() {
                    let is_default = answering(Label::Injection).contains(&one.target());
                    prop_assert_eq!(one.default, is_default);
                }
            }
        }
    }
}
