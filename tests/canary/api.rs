//! Stand-ins for API servers, on loopback, that hear what they are told.

use super::site::Documents;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mesh_tests::tls::{Identity, Stream};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

/// How one answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    Good,
    /// 403, whatever is asked.
    Forbidden,
    /// With the first half of the answer.
    Half,
    /// With secrets where a number or an object belongs.
    Wrong,
}

pub const MOODS: [(Mood, &str); 4] = [
    (Mood::Good, "good"),
    (Mood::Forbidden, "forbidden"),
    (Mood::Half, "half"),
    (Mood::Wrong, "wrong"),
];

/// What it was told with one request.
#[derive(Clone)]
pub struct Heard {
    /// The line and the headers, but not that which is for credentials.
    pub head: String,
    /// `Authorization`.
    pub credentials: String,
    /// JSON, or nothing.
    pub body: String,
}

/// What all of them show: no credential goes where there is no TLS.
pub static IDENTITY: LazyLock<Identity> = LazyLock::new(Identity::make);

/// A server; it answers until the process ends.
pub struct Api {
    pub url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    documents: Arc<OnceLock<(Vec<Value>, String)>>,
}

impl Api {
    pub fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
        let url = format!("https://{}", listener.local_addr().expect("it is bound"));
        let api = Self { url, heard: Arc::default(), documents: Arc::default() };
        let (heard, documents) = (Arc::clone(&api.heard), Arc::clone(&api.documents));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (heard, documents) = (Arc::clone(&heard), Arc::clone(&documents));
                // A client that goes away early is no matter.
                std::thread::spawn(move || {
                    let (objects, token) = documents.get().expect("it was told first");
                    answer(IDENTITY.accept(stream)?, mood, objects, token, &heard)
                });
            }
        });
        api
    }

    /// Tells it what there is; nobody asks before.
    pub fn know(&self, documents: &Documents) {
        let mut objects = documents.cluster["items"].as_array().expect("a list").clone();
        objects.iter_mut().for_each(keep);
        let _ = self.documents.set((objects, documents.bound_token.clone()));
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("no thread panicked").clone()
    }
}

fn answer(
    stream: Stream,
    mood: Mood,
    objects: &[Value],
    token: &str,
    all: &Mutex<Vec<Heard>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut heard = Heard { head: String::new(), credentials: String::new(), body: String::new() };
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
        if lower.starts_with("authorization:") {
            heard.credentials = line;
        } else {
            heard.head += &line;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    heard.body = String::from_utf8(body).expect("it is text");
    let mut words = heard.head.split(' ');
    let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let path = path.split('?').next().unwrap_or("").to_owned();
    let (status, reply) = match mood {
        Mood::Forbidden => refusal(403, "Forbidden"),
        _ => reply(method, &path, &heard.body, objects, token),
    };
    let mut text = match mood {
        Mood::Wrong => wrong(reply).to_string(),
        _ => reply.to_string(),
    };
    if mood == Mood::Half {
        text.truncate(text.len() / 2);
    }
    all.lock().expect("no thread panicked").push(heard);
    let mut stream = reader.into_inner();
    write!(
        stream,
        "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{text}",
        text.len()
    )?;
    stream.flush()
}

fn refusal(code: u16, reason: &str) -> (u16, Value) {
    let message = format!("{reason} it is");
    let status = json!({"apiVersion": "v1", "kind": "Status", "status": "Failure",
        "message": message, "reason": reason, "code": code});
    (code, status)
}

/// As the real one, of the little that the tools ask for.
fn reply(method: &str, path: &str, body: &str, objects: &[Value], token: &str) -> (u16, Value) {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let version = if parts[0] == "api" { "v1".to_owned() } else { parts[1..].join("/") };
    // /api/v1, /apis/GROUP/VERSION: then namespaces/NAMESPACE, plural, name, part.
    let rest = parts.get(if parts[0] == "api" { 2.. } else { 3.. }).unwrap_or_default();
    let (namespace, rest) = match rest {
        ["namespaces", namespace, plural @ ..] if !plural.is_empty() => (Some(*namespace), plural),
        rest => (None, rest),
    };
    let of = |plural: &str, object: &&Value| {
        let kind = object["kind"].as_str().expect("it has one").to_lowercase();
        format!("{kind}s") == plural
            && namespace.is_none_or(|namespace| object["metadata"]["namespace"] == namespace)
    };
    let mut written = serde_json::from_str::<Value>(body).unwrap_or_default();
    match (method, rest) {
        ("GET", []) if parts == ["version"] => {
            (200, json!({"major": "1", "minor": "30", "gitVersion": "v1.30.0"}))
        }
        ("GET", []) if parts == ["apis"] => {
            let group = |(name, version): (&str, &str)| {
                let version =
                    json!({"groupVersion": format!("{name}/{version}"), "version": version});
                json!({"name": name, "versions": [version], "preferredVersion": version})
            };
            let groups = [("apps", "v1"), ("networking.istio.io", "v1")].map(group);
            (200, json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
        }
        ("GET", []) => {
            let kinds = match version.as_str() {
                "v1" => [("secrets", "Secret"), ("configmaps", "ConfigMap")],
                "apps/v1" => [("deployments", "Deployment"), ("daemonsets", "DaemonSet")],
                _ => [("workloadgroups", "WorkloadGroup"), ("gateways", "Gateway")],
            };
            let resource = |(name, kind): (&str, &str)| {
                json!({"name": name, "kind": kind, "namespaced": true, "singularName": "",
                    "verbs": ["get", "list", "create", "patch", "delete"]})
            };
            (
                200,
                json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version,
                "resources": kinds.map(resource)}),
            )
        }
        ("GET", [plural]) => {
            let items: Vec<&Value> = objects.iter().filter(|object| of(plural, object)).collect();
            (
                200,
                json!({"kind": "List", "apiVersion": version, "items": items,
                "metadata": {"resourceVersion": "1"}}),
            )
        }
        ("GET", [plural, name]) => {
            let found = objects.iter().filter(|object| of(plural, object));
            match found.into_iter().find(|object| object["metadata"]["name"] == *name) {
                Some(object) => (200, object.clone()),
                None => refusal(404, "NotFound"),
            }
        }
        ("POST", [.., "token"]) => {
            written["status"] =
                json!({"token": token, "expirationTimestamp": "2096-10-02T07:06:40Z"});
            (201, written)
        }
        ("POST" | "PATCH" | "PUT", _) => {
            keep(&mut written);
            if let ([plural, name], true) = (rest, written["kind"].is_null()) {
                let kind = objects.iter().find(|object| of(plural, object));
                written["kind"] = kind.map_or(json!("Namespace"), |object| object["kind"].clone());
                written["metadata"]["name"] = json!(name);
            }
            written["metadata"]["uid"] = json!("u9");
            written["metadata"]["resourceVersion"] = json!("9");
            (200, written)
        }
        ("DELETE", _) => (200, json!({"kind": "Status", "apiVersion": "v1", "status": "Success"})),
        _ => refusal(404, "NotFound"),
    }
}

/// Nobody reads as text what was written so.
fn keep(object: &mut Value) {
    let text = object.as_object_mut().and_then(|object| object.remove("stringData"));
    for (key, value) in text.iter().filter_map(Value::as_object).flatten() {
        object["data"][key] = json!(STANDARD.encode(value.as_str().unwrap_or_default()));
    }
}

/// A Secret's data are one of its values, and a token's end is the token.
fn wrong(mut reply: Value) -> Value {
    let spoil = |object: &mut Value| {
        if let Some(value) = object["data"].as_object().and_then(|data| data.values().next()) {
            object["data"] = value.clone();
        }
        if object["status"]["token"].is_string() {
            object["status"]["expirationTimestamp"] = object["status"]["token"].take();
        }
    };
    match reply["items"].as_array_mut() {
        Some(items) => items.iter_mut().for_each(spoil),
        None => spoil(&mut reply),
    }
    reply
}
