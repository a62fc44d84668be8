//! Nothing secret gets into a capture, and everything else that tells of the mesh does.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mesh_capture::redact;
use mesh_tests::fields::laid_open;
use meshstate::{ClusterState, Mesh, Resource};
use proptest::prelude::*;
use serde_json::{Value, json};

const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

fn encoded(text: &str) -> String {
    STANDARD.encode(text)
}

/// A key that only its owner should see.
fn key(secret: &str) -> String {
    format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n", encoded(secret))
}

fn jwt(secret: &str) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"iss": "i", "sub": "system:serviceaccount:istio-system:reader"});
    let signature = URL_SAFE_NO_PAD.encode(secret);
    format!("{}.{}.{signature}", part(json!({"alg": "RS256"})), part(claims))
}

/// A user of a kubeconfig with a secret in one of the places where secrets are.
fn user(place: usize, secret: &str) -> Value {
    match place {
        0 => json!({"token": secret}),
        1 => json!({"token": jwt(secret)}),
        2 => json!({"username": "me", "password": secret}),
        3 => {
            json!({"client-certificate-data": encoded(PEM), "client-key-data": encoded(&key(secret))})
        }
        4 => json!({"client-certificate-data": encoded(&format!("{PEM}{}", key(secret)))}),
        5 => {
            json!({"exec": {"command": "aws", "args": [secret], "env": [{"name": "X", "value": secret}]}})
        }
        6 => json!({"auth-provider": {"name": "oidc", "config": {"id-token": secret}}}),
        7 => {
            json!({"client-key-data": encoded(secret), "client-certificate-data": encoded(secret)})
        }
        8 => {
            json!({"token": [secret], "password": {"x": secret}, "as-user-extra": {secret: [secret]}})
        }
        _ => json!({secret: secret, "extensions": [{"name": "x", "extension": secret}]}),
    }
}

fn kubeconfig(place: usize, secret: &str) -> Value {
    let authority =
        format!("{}{PEM}", if place.is_multiple_of(2) { key(secret) } else { String::new() });
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "x", secret: secret,
        "clusters": [{"name": "c", "cluster": {
            "server": format!("https://me:{secret}@203.0.113.7:6443/a?token={secret}"),
            "proxy-url": format!("http://me:{secret}@proxy"),
            "certificate-authority-data": encoded(&authority)}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "extensions": secret}}],
        "users": [{"name": "u", "user": user(place, secret)}],
    })
}

fn secret_object(name: &str, data: Value, secret: &str) -> Value {
    json!({
        "metadata": {
            "name": name, "namespace": "istio-system", "uid": "u",
            "labels": if name.contains("remote") { json!({"istio/multiCluster": "true"}) } else { json!(null) },
            "annotations": {
                "kubernetes.io/service-account.name": "reader", "note": secret,
                "kubectl.kubernetes.io/last-applied-configuration": json!({"stringData": {"a": secret}}).to_string(),
            },
            "managedFields": [{"manager": "m", "time": "2026-01-01T00:00:00Z", "fieldsV1": {secret: {}}}],
        },
        "type": "kubernetes.io/service-account-token",
        "data": data, "stringData": {"a": secret}, secret: secret,
    })
}

fn state(resource: Resource, objects: &[Value]) -> ClusterState {
    let with_kind = |object: &Value| {
        let mut object = object.clone();
        // The API server never shows it.
        object["stringData"].take();
        object["apiVersion"] = json!("v1");
        object["kind"] = json!(resource.kind());
        object
    };
    let items: Vec<Value> = objects.iter().map(with_kind).collect();
    Mesh::of_text("a", &json!({"kind": "List", "items": items}).to_string())
        .unwrap()
        .clusters
        .remove(0)
}

prop_compose! {
    /// Long enough that it cannot be in the output by chance.
    fn a_secret()(text in "[A-Za-z0-9]{12,40}") -> String { text }
}

proptest! {
    #[test]
    fn no_credential_of_a_secret_is_shown(secret in a_secret(), place in 0usize..10) {
        let secret = secret.as_str();
        let objects = [
            secret_object("istio-remote-secret-a", json!({
                "json": encoded(&kubeconfig(place, secret).to_string()),
                "yaml": encoded(&meshcore::yaml::document_text(&kubeconfig(place, secret))),
                "text": encoded(secret), "words": encoded(&format!("a: b: {secret}")),
                "empty": "", "null": null,
            }), secret),
            secret_object("cacerts", json!({
                "ca-key.pem": encoded(&key(secret)), "x": encoded(secret),
                "ca-cert.pem": encoded(&format!("{}{PEM}{secret}", key(secret))),
                "root-cert.pem": encoded(PEM),
            }), secret),
            secret_object("istio-reader-token", json!({
                "token": encoded(&jwt(secret)), "ca.crt": encoded(PEM), "x": encoded(secret),
                "namespace": encoded("istio-system"),
            }), secret),
            secret_object("istiod-token", json!({
                "token": encoded(secret), "namespace": encoded(&format!("A{secret}")),
            }), secret),
        ];
        let kept: Vec<Value> = objects
            .iter()
            .map(|object| redact(Resource::Secrets, "v1", object.clone()).unwrap())
            .collect();
        for shown in &kept {
            let open = laid_open(&shown.to_string());
            prop_assert!(!open.contains(secret), "{}", open);
            prop_assert!(!open.contains(&URL_SAFE_NO_PAD.encode(secret)), "{}", open);
        }
        // Once more changes nothing.
        for shown in &kept {
            prop_assert_eq!(&redact(Resource::Secrets, "v1", shown.clone()).unwrap(), shown);
        }
        // What it tells is what the objects themselves tell, where they are not beyond reading.
        if place < 7 {
            let remote = |objects: &[Value]| {
                let secret = state(Resource::Secrets, objects).remote_secrets.remove(0);
                secret.entries["json"].clone().map(|mut entry| { entry.server.clear(); entry })
            };
            prop_assert_eq!(remote(&kept), remote(&objects));
        }
        let (before, after) = (state(Resource::Secrets, &objects), state(Resource::Secrets, &kept));
        prop_assert_eq!(after.token_secrets, before.token_secrets);
        prop_assert_eq!(after.roots, before.roots);
    }

    #[test]
    fn what_has_no_known_place_is_not_shown(
        secret in a_secret(),
        resource in prop::sample::select(&Resource::ALL[..]),
    ) {
        let secret = secret.as_str();
        let container = |name: &str| json!({
            "name": name, "image": "i:1", "command": [secret], "args": ["--password", secret],
            "env": [{"name": "PASSWORD", "value": secret}, {"name": "PILOT_X", "value": secret},
                {"name": secret, "value": "true"}],
            "lifecycle": secret, "livenessProbe": {"httpGet": {"httpHeaders": [{"value": secret}]}},
        });
        let pod = json!({
            "containers": [container("app"), container("istio-proxy"), container("discovery")],
            "initContainers": [container("init")], "volumes": [{"name": secret}], secret: secret,
        });
        let metadata = json!({
            "name": "istio", "namespace": "istio-system", secret: secret,
            "labels": {"app": "sidecar-injector"},
            "annotations": {"note": secret, "vault.example.com/x": secret,
                "kubectl.kubernetes.io/last-applied-configuration": secret},
            "managedFields": [{"fieldsV1": secret}],
        });
        let spec = match resource {
            Resource::Pods => pod,
            Resource::Deployments | Resource::StatefulSets | Resource::DaemonSets => json!({
                "replicas": 1, "template": {"metadata": metadata, "spec": pod}, secret: secret,
            }),
            Resource::VirtualServices => json!({"hosts": ["a"], "http": [{
                "match": [{"headers": {"authorization": {"exact": secret}}}],
                "route": [{"destination": {"host": "a"}, "headers": {"request": {"set": {"x": secret}}}}],
                "headers": {"request": {"set": {"authorization": secret}}},
            }]}),
            Resource::WorkloadGroups => json!({"metadata": metadata, "template": {},
                "probe": {"httpGet": {"httpHeaders": [{"name": "x", "value": secret}]}}}),
            Resource::Nodes | Resource::Endpoints | Resource::Namespaces => json!({secret: secret}),
            _ => json!({"a": 1}),
        };
        let config = format!("trustDomain: td\naccessToken: {secret}\ndefaultConfig: {{tracing: {{x: {secret}}}}}\n");
        let object = json!({
            "metadata": metadata, "spec": spec, secret: secret,
            "data": {"mesh": config, "values": json!({"global": {"x": secret}}).to_string(), "x": secret},
            "binaryData": {"x": encoded(secret)}, "imagePullSecrets": [secret],
            "webhooks": [],
        });
        if let Some(shown) = redact(resource, "v1", object) {
            let open = laid_open(&shown.to_string());
            prop_assert!(!open.contains(secret), "{}", open);
            prop_assert_eq!(redact(resource, "v1", shown.clone()), Some(shown));
        }
    }

    /// However odd an object is, it is kept or left out.
    #[test]
    fn no_object_makes_it_panic(
        resource in prop::sample::select(&Resource::ALL[..]),
        field in prop::sample::select(&["metadata", "spec", "data", "status", "webhooks", "subsets"][..]),
        odd in prop::sample::select(vec![
            json!(null), json!(1), json!("x"), json!([[], 1]), json!({"name": 1}),
            json!({"containers": [{"name": "istio-proxy", "env": [1, {"name": 1}], "args": [1]}]}),
            json!({"template": {"spec": {"containers": {"a": 1}}}}),
        ]),
    ) {
        let mut object = json!({"metadata": {"name": "istio", "namespace": "istio-system"}});
        object[field] = odd;
        let _ = redact(resource, "v1", object);
        let _ = redact(resource, "v1", json!([]));
    }
}
