//! Routes from gateways to istiods, by which machines follow a revision.

use crate::{Evidence, Listed, Name};
use meshcore::input::Document;
use meshcore::{Message, Result, istiod_revision, service_of};
use serde::Deserialize;

#[derive(Deserialize)]
struct VirtualService {
    metadata: Metadata,
    #[serde(default)]
    spec: Option<Spec>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    #[serde(default)]
    namespace: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    gateways: Option<Vec<String>>,
    http: Option<Vec<Route>>,
    tls: Option<Vec<Route>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Route {
    route: Option<Vec<To>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct To {
    destination: Option<Destination>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Destination {
    host: String,
}

impl Evidence {
    /// Notes the revisions that a route leads to from a gateway.
    pub(crate) fn add_route(&mut self, document: &Document<'_>) -> Result<()> {
        let VirtualService { metadata, spec } = document.decode()?;
        let Spec { gateways, http, tls } = spec.unwrap_or_default();
        // Sidecars, the mesh, find istiod without.
        if !gateways.iter().flatten().any(|gateway| gateway != "mesh") {
            return Ok(());
        }
        let namespace = metadata.namespace.unwrap_or_default();
        let routes = http.into_iter().chain(tls).flatten();
        let ends = routes.flat_map(|route| route.route.unwrap_or_default());
        let hosts = ends.filter_map(|end| Some(end.destination?.host));
        let services = hosts.filter_map(|host| Some(service_of(&host, &namespace)?.1));
        let revision = |service: String| istiod_revision(&service)?.parse::<Name>().ok();
        let object = format!("VirtualService {namespace}/{}", metadata.name);
        for revision in services.filter_map(revision) {
            self.routes.insert((object.clone(), revision));
        }
        Ok(())
    }
}

/// Routes to a revision that has gone, or is about to: another is the default now.
pub fn warnings(evidence: &Evidence, all: &[Listed]) -> Vec<Message> {
    let planes = || all.iter().filter(|one| one.is_control_plane());
    let Some(next) = planes().find(|one| one.default).or(planes().next()) else {
        return Vec::new();
    };
    let instead = |of: &Name| {
        let stands_in = if of.is_default() { " --as-default" } else { "" };
        if next.name.is_default() {
            return "mesh-expose istiod lets machines in to the default".to_owned();
        }
        let next = &next.name;
        format!("mesh-expose istiod --revision {next}{stands_in} lets machines in to that")
    };
    let routes = evidence.routes.iter().filter_map(|(object, to)| {
        let text = if !planes().any(|one| one.name == *to) {
            format!("{object} leads machines to {to}, of which nothing else is there")
        } else if next.default && next.name != *to {
            format!(
                "{object} leads machines to {to}, and the default is {}: they are cut off when {to} \
                 goes",
                next.name
            )
        } else {
            return None;
        };
        Some(Message::new(text).hint(instead(to)))
    });
    routes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{deployment, evidence, revision_webhook, tag_webhook};
    use serde_json::{Value, json};

    fn route(gateway: &str, host: &str) -> Value {
        json!({
            "kind": "VirtualService",
            "metadata": {"name": "istiod-vs", "namespace": "istio-system"},
            "spec": {
                "gateways": [gateway],
                "tls": [{"route": [{"destination": {"host": host, "port": {"number": 15012}}}]}],
            },
        })
    }

    fn told(objects: &[Value]) -> Vec<String> {
        let evidence = evidence(objects);
        let told = warnings(&evidence, &evidence.list());
        told.into_iter().map(|message| message.text().to_owned()).collect()
    }

    #[test]
    fn machines_that_follow_a_revision_that_goes_are_told_of() {
        let of_default = route("istiod-gateway", "istiod.istio-system.svc.cluster.local");
        let old = [revision_webhook("default"), deployment("default", 1, 1), of_default.clone()];
        assert_eq!(told(&old), Vec::<String>::new());
        // A new revision is there, and not the default yet.
        let new = [revision_webhook("1-30"), deployment("1-30", 1, 1)];
        assert_eq!(told(&[&old[..], &new].concat()), Vec::<String>::new());
        let moved = [deployment("default", 1, 1), of_default.clone()];
        let tag = tag_webhook("default", "1-30");
        let object = "VirtualService istio-system/istiod-vs leads machines to default";
        assert_eq!(
            told(&[&moved[..], &new, std::slice::from_ref(&tag)].concat()),
            [format!("{object}, and the default is 1-30: they are cut off when default goes")]
        );
        let gone = [of_default, tag];
        assert_eq!(
            told(&[&gone[..], &new].concat()),
            [format!("{object}, of which nothing else is there")]
        );
    }

    #[test]
    fn routes_of_others_are_none_to_an_istiod() {
        let new = [revision_webhook("1-30"), deployment("1-30", 1, 1)];
        for (gateway, host) in [
            ("mesh", "istiod"),
            ("gateway", "shop.sample.svc.cluster.local"),
            ("gateway", "istiod-1-30.istio-system.svc"),
            ("gateway", "istiod-revision-tag-prod.istio-system.svc"),
            ("gateway", "istiod.example.com"),
        ] {
            let found = told(&[&new[..], &[route(gateway, host)]].concat());
            assert_eq!(found, Vec::<String>::new(), "{gateway} {host}");
        }
        // What runs is not in the input.
        assert_eq!(told(&[route("gateway", "istiod")]), Vec::<String>::new());
    }
}
