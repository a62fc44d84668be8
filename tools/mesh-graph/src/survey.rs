//! From what captures, dumps and records tell to a picture.

use crate::holdings::Holdings;
use crate::{Cluster, Known, Link, Picture, Reads, gateways};
use meshcore::Result;
use meshcore::cluster::{self, Cluster as Record, Provider};
use meshstate::{ClusterState, Mesh, Resource};
use std::collections::BTreeMap;

/// The picture of a mesh whose credentials were taken.
pub fn picture(mesh: &Mesh, holdings: &Holdings) -> Result<Picture> {
    let cluster = |state: &ClusterState| cluster(state, holdings);
    let mut clusters = mesh.clusters.iter().map(cluster).collect::<Result<Vec<Cluster>>>()?;
    let mut held: BTreeMap<(usize, usize), Link> = BTreeMap::new();
    let mut by_id = by_id(mesh);
    for (holder, state) in mesh.clusters.iter().enumerate() {
        let own = state.ids();
        for (id, link) in holdings.of(state).filter(|(id, _)| !own.contains(id)) {
            let others = by_id.entry(id).or_insert_with(|| {
                let known = Known::ByName;
                clusters.push(Cluster { name: id.to_owned(), known, ..Cluster::default() });
                vec![clusters.len() - 1]
            });
            for &other in others.iter() {
                // Of two Secrets for one cluster istiod takes one: people should see the worse.
                let worst = held.entry((holder, other)).or_insert_with(|| link.clone());
                if *worst < *link {
                    *worst = link.clone();
                }
            }
        }
    }
    // One Secret can name any number of others.
    cluster::refuse_too_many(clusters.len())?;
    let picture = Picture::new(clusters, held, gateways::of_networks(mesh));
    picture.refuse_too_much()?;
    Ok(picture)
}

/// The clusters that a key of a remote Secret means: those with that ID, or that name where
/// nothing tells the ID.
fn by_id(mesh: &Mesh) -> BTreeMap<&str, Vec<usize>> {
    let mut all: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, state) in mesh.clusters.iter().enumerate() {
        for id in state.ids() {
            all.entry(id).or_default().push(i);
        }
    }
    for (i, state) in mesh.clusters.iter().enumerate().filter(|(_, one)| one.ids().is_empty()) {
        all.entry(&state.name).or_insert_with(|| vec![i]);
    }
    all
}

fn cluster(state: &ClusterState, holdings: &Holdings) -> Result<Cluster> {
    let header = state.header.as_ref();
    let record = state.record.as_ref();
    let networks = state.networks();
    let own = state.namespace_network().or_else(|| networks.first().copied());
    let ids: Vec<&str> = state.ids().into_iter().collect();
    let context = header.and_then(|header| header.context.as_ref());
    let mut facts = control_planes(state);
    facts.extend(place(state));
    facts.extend(
        networks.iter().filter(|&&name| Some(name) != own).map(|name| format!("also on {name}")),
    );
    let reads = reads(state, holdings.has_any(state));
    if reads == Reads::Unknown && !state.control_planes.is_empty() {
        facts.push("remote Secrets not read".to_owned());
    }
    let left_out = state.gateway_services().skip(gateways::MOST).count();
    if left_out > 0 {
        facts.push(format!("{left_out} gateways more"));
    }
    let unreached = header.and_then(|header| header.unreachable.clone());
    Ok(Cluster {
        name: state.name.clone(),
        id: (!ids.is_empty()).then(|| ids.join(", ")),
        context: context.or(record.and_then(|record| record.context.as_ref())).cloned(),
        mesh: mesh_id(state),
        network: own.map(str::to_owned),
        facts,
        known: unreached.map_or(Known::Itself, Known::Unreached),
        reads,
        gateways: gateways::of(state, own)?,
        findings: Vec::new(),
    })
}

/// Its mesh's ID: the injectors' word, the mesh configs' or the record's.
fn mesh_id(state: &ClusterState) -> Option<String> {
    let injectors = state.injector_values.values().filter_map(|values| values.mesh_id.as_ref());
    let configs = state.mesh_configs.values().filter_map(|config| config.mesh_id.as_ref());
    let record = state.record.iter().filter_map(|record| record.mesh_id.as_ref());
    injectors.chain(configs).chain(record).find(|id| !id.is_empty()).cloned()
}

/// Its control planes, one fact each.
fn control_planes(state: &ClusterState) -> Vec<String> {
    let own = state.control_planes.iter().map(|one| {
        let mut text = "Istio".to_owned();
        match (&one.version, &one.image) {
            (Some(version), _) => text += &format!(" {version}"),
            (None, Some(image)) => {
                // Of a digest the first digits tell it from others.
                let tag = image.rsplit(['/']).next().unwrap_or(image);
                text += &format!(" {tag}");
            }
            (None, None) => {}
        }
        if one.revision != "default" {
            text += &format!(" {}", one.revision);
        }
        if one.ready < one.replicas {
            text += &format!(", {} of {} ready", one.ready, one.replicas);
        }
        text
    });
    let managed = state.managed.iter().map(|one| format!("managed {}", one.meta.name));
    own.chain(managed).collect()
}

/// Who runs it, where, and in which version.
fn place(state: &ClusterState) -> Option<String> {
    let record = state.record.as_ref();
    let of = |field: fn(&Record) -> Option<&String>| record.and_then(field).map(String::as_str);
    let provider = record.and_then(|record| record.provider).map(Provider::as_str);
    let words = [provider, of(|r| r.project.as_ref()), of(|r| r.location.as_ref())];
    let mut words: Vec<&str> = words.into_iter().flatten().collect();
    let version = state.header.as_ref().and_then(|header| header.kubernetes.as_deref());
    if let Some(version) = version {
        if !words.contains(&"kubernetes") {
            words.push("kubernetes");
        }
        words.push(version);
    }
    (!words.is_empty()).then(|| words.join(" "))
}

fn reads(state: &ClusterState, holds: bool) -> Reads {
    let namespace = state.istio_namespace.as_str();
    let knows = |resource| state.knows_in(resource, namespace);
    let has_control_plane = !state.control_planes.is_empty() || !state.managed.is_empty();
    if has_control_plane || holds {
        if knows(Resource::Secrets) { Reads::Secrets } else { Reads::Unknown }
    } else if state.is_captured() && knows(Resource::Deployments) {
        Reads::Nothing
    } else {
        Reads::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::holdings::ALLOWED;
    use jiff::Timestamp;
    use serde_json::{Value, json};

    /// Of a mesh as it is read.
    fn picture(mesh: &Mesh, at: Option<Timestamp>, now: Timestamp) -> Result<Picture> {
        let mut holdings = Holdings::new(at, now);
        let mut mesh = mesh.clone();
        mesh.clusters.iter_mut().for_each(|state| holdings.take(state));
        super::picture(&mesh, &holdings)
    }

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn capture(name: &str, fields: &Value, objects: &[Value]) -> Value {
        let mut header = json!({
            "apiVersion": "meshutils/v1alpha1", "kind": "Capture", "metadata": {"name": name},
        });
        header.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let items = [&[header], objects].concat();
        json!({"apiVersion": "v1", "kind": "List", "items": items})
    }

    fn istiod(id: &str, env: &Value) -> Value {
        let mut all = vec![json!({"name": "CLUSTER_ID", "value": id})];
        all.extend(env.as_array().unwrap().clone());
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": "istiod", "namespace": "istio-system",
                "labels": {"app": "istiod", "istio.io/rev": "r1"},
            },
            "spec": {"replicas": 2, "template": {"spec": {"containers": [
                {"name": "discovery", "image": "docker.io/istio/pilot:1.26.2", "env": all},
            ]}}},
            "status": {"readyReplicas": 1},
        })
    }

    /// A remote Secret for cluster `id` with this user in its kubeconfig.
    fn secret(name: &str, id: &str, user: &Value) -> Value {
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{"name": "c", "cluster": {"server": "https://192.0.2.1"}}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        });
        json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {
                "name": name, "namespace": "istio-system", "labels": {"istio/multiCluster": "true"},
            },
            "stringData": {id: kubeconfig.to_string()},
        })
    }

    /// A token that ends on 2026-01-31 at noon: `{"exp": 1769860800}`.
    fn token() -> Value {
        json!({"token": "eyJhbGciOiAiUlMyNTYifQ.eyJleHAiOiAxNzY5ODYwODAwfQ.redacted"})
    }

    fn read(captures: &[Value]) -> Mesh {
        let lines: Vec<String> = captures.iter().map(Value::to_string).collect();
        Mesh::of_text("stdin", &lines.join("\n")).unwrap()
    }

    fn links(picture: &Picture) -> Vec<((&str, &str), Link)> {
        let name = |i: usize| picture.clusters()[i].name.as_str();
        picture.links().map(|((a, b), link)| ((name(a), name(b)), link.clone())).collect()
    }

    #[test]
    fn keys_of_secrets_are_ids() {
        let secrets = [secret("s", "id-b", &token()), secret("t", "gone", &token())];
        let a = capture("a", &json!({}), &[&[istiod("id-a", &json!([]))], &secrets[..]].concat());
        let b = capture("b", &json!({}), &[istiod("id-b", &json!([]))]);
        let picture = picture(&read(&[a, b]), None, time("2026-01-01T00:00:00Z")).unwrap();
        assert_eq!(
            links(&picture),
            [(("a", "b"), Link::Valid), (("a", "gone"), Link::Valid), (("b", "a"), Link::Missing),]
        );
        assert_eq!(picture.clusters()[0].facts, ["Istio 1.26.2 r1, 1 of 2 ready"]);
        assert_eq!(picture.clusters()[0].id.as_deref(), Some("id-a"));
        assert_eq!(picture.clusters()[2].known, Known::ByName);
    }

    #[test]
    fn a_token_has_expired_when_the_cluster_was_captured() {
        let mesh = |time: Value| {
            let objects = [istiod("a", &json!([])), secret("s", "b", &token())];
            read(&[capture("a", &json!({"time": time}), &objects)])
        };
        let expired = Link::Expired("2026-01-31".to_owned());
        let (before, after) = ("2026-01-31T11:59:59Z", "2026-01-31T12:00:00Z");
        for (captured, at, now, expected) in [
            (Some(before), None, after, Link::Valid),
            (Some(after), None, before, expired.clone()),
            (Some(before), Some(after), before, expired.clone()),
            (None, None, before, Link::Valid),
            (None, None, after, expired),
        ] {
            let picture = picture(&mesh(json!(captured)), at.map(time), time(now)).unwrap();
            assert_eq!(links(&picture), [(("a", "b"), expected)], "{captured:?} {at:?} {now}");
        }
    }

    #[test]
    fn what_istiod_cannot_use_is_no_credential() {
        let exec = json!({"exec": {"command": "gke", "apiVersion": "v1"}});
        let allowed = json!([{"name": ALLOWED, "value": "gcp, exec"}]);
        let unusable = |why: &str| Link::Unusable(why.to_owned());
        for (user, env, expected) in [
            (exec.clone(), json!([]), unusable("exec is not allowed")),
            (exec, allowed.clone(), Link::Valid),
            (json!({"auth-provider": {"name": "oidc"}}), json!([]), Link::Valid),
            (
                json!({"auth-provider": {"name": "gcp"}}),
                json!([]),
                unusable("auth-provider is not allowed"),
            ),
            (json!({"auth-provider": {"name": "gcp"}}), allowed, Link::Valid),
            (json!({}), json!([]), unusable("no credentials")),
            (json!({"username": "u", "password": "p"}), json!([]), unusable("a password")),
            (json!({"tokenFile": "/t"}), json!([]), unusable("files that istiod does not have")),
        ] {
            let objects = [istiod("a", &env), secret("s", "b", &user)];
            let mesh = read(&[capture("a", &json!({}), &objects)]);
            let picture = picture(&mesh, None, time("2026-01-01T00:00:00Z")).unwrap();
            assert_eq!(links(&picture), [(("a", "b"), expected)], "{user}");
        }
    }

    #[test]
    fn of_two_secrets_the_worse_is_shown() {
        let secrets = [secret("s", "b", &token()), secret("t", "b", &json!({}))];
        let objects = [&[istiod("a", &json!([]))], &secrets[..]].concat();
        let mesh = read(&[capture("a", &json!({}), &objects)]);
        let picture = picture(&mesh, None, time("2026-01-01T00:00:00Z")).unwrap();
        assert_eq!(links(&picture)[0].1, Link::Unusable("no credentials".to_owned()));
    }

    #[test]
    fn what_is_taken_is_not_kept_twice() {
        let service = |name: &str, labels: Value| {
            let meta = json!({"name": name, "namespace": "istio-system", "labels": labels});
            json!({"apiVersion": "v1", "kind": "Service", "metadata": meta})
        };
        let gateway = service("gateway", json!({"topology.istio.io/network": "n1"}));
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n"},
        });
        let own = secret("own", "a", &token());
        let objects = [own, secret("s", "b", &token()), gateway, service("other", json!({})), pod];
        let mut mesh = read(&[capture("a", &json!({}), &objects)]);
        let now = time("2026-01-01T00:00:00Z");
        let before = mesh.clone();
        let mut holdings = Holdings::new(None, now);
        let state = &mut mesh.clusters[0];
        assert_eq!((state.remote_secrets.len(), state.services.len(), state.pods.len()), (2, 2, 1));
        holdings.take(state);
        assert_eq!((state.remote_secrets.len(), state.services.len(), state.pods.len()), (0, 1, 0));
        assert!(holdings.has_any(state));
        let ids: Vec<&str> = holdings.of(state).map(|(id, _)| id).collect();
        assert_eq!(ids, ["a", "b"]);
        let of_all = picture(&before, None, now).unwrap();
        assert_eq!(links(&super::picture(&mesh, &holdings).unwrap()), links(&of_all));
    }

    #[test]
    fn what_was_not_read_is_not_missing() {
        let forbidden = json!({"notRead": [{"resource": "secrets", "reason": "forbidden"}]});
        let held = [istiod("b", &json!([])), secret("s", "a", &token())];
        let pictured = |a: Value| {
            let mesh = read(&[a, capture("b", &json!({}), &held)]);
            picture(&mesh, None, time("2026-01-01T00:00:00Z")).unwrap()
        };
        let a = pictured(capture("a", &forbidden, &[istiod("a", &json!([]))]));
        assert_eq!(links(&a), [(("b", "a"), Link::Valid)]);
        assert_eq!(a.clusters()[0].reads, Reads::Unknown);
        assert_eq!(a.clusters()[0].facts.last().unwrap(), "remote Secrets not read");
        let remote = pictured(capture("a", &json!({}), &[]));
        assert_eq!(remote.clusters()[0].reads, Reads::Nothing);
        let dead = pictured(capture("a", &json!({"unreachable": "timed out"}), &[]));
        assert_eq!(dead.clusters()[0].known, Known::Unreached("timed out".to_owned()));
        assert_eq!(dead.clusters()[0].reads, Reads::Unknown);
    }

    #[test]
    fn a_record_is_a_cluster_too() {
        let record = json!({
            "apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": "a", "id": "cn-a",
            "network": "n1", "meshId": "m", "provider": "gke", "project": "p", "location": "l",
            "context": "x",
        });
        let mesh = Mesh::of_text("stdin", &record.to_string()).unwrap();
        let picture = picture(&mesh, None, time("2026-01-01T00:00:00Z")).unwrap();
        let expected = Cluster {
            name: "a".to_owned(),
            id: Some("cn-a".to_owned()),
            context: Some("x".to_owned()),
            mesh: Some("m".to_owned()),
            network: Some("n1".to_owned()),
            facts: vec!["gke p l".to_owned()],
            ..Cluster::default()
        };
        assert_eq!(picture.clusters(), [expected]);
    }
}
