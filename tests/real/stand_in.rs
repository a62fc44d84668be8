//! A stand-in on loopback for Google's Kubernetes Engine and Compute APIs: it answers reads from
//! the fixtures, takes every write, and remembers it.

use crate::request::Request;
use mesh_tests::{Ran, root, run};
use serde_json::{Value, json};
use std::io::{BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

/// A write that gcloud asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    pub method: String,
    pub path: String,
    pub body: Value,
}

/// gcloud's configuration, and the server that it is sent to.
pub struct StandIn {
    address: String,
    config: tempfile::TempDir,
    written: Arc<Mutex<Vec<Written>>>,
}

fn fixture(name: &str) -> Value {
    let text = std::fs::read(root().join("tests/fixtures").join(name)).expect("it is there");
    serde_json::from_slice(&text).expect("it is JSON")
}

impl StandIn {
    /// Answers until the process ends.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
        let address = format!("http://{}/", listener.local_addr().expect("it is bound"));
        let written = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&written);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away early is no matter.
                let _ = serve(stream, &log);
            }
        });
        let config = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(config.path().join("token"), "none").expect("it can be written");
        Self { address, config, written }
    }

    /// Where it answers, as gcloud writes it into the bodies of its requests.
    pub fn compute(&self) -> String {
        format!("{}compute/v1/", self.address)
    }

    /// What was written so far; the next call tells only what came since.
    pub fn take_written(&self) -> Vec<Written> {
        std::mem::take(&mut self.written.lock().expect("no thread panicked"))
    }

    /// Points gcloud, wherever the command calls it, to the stand-in.
    pub fn set<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER", &self.address)
            .env("CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE", self.compute())
            .env("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", self.config.path().join("token"))
            .env("CLOUDSDK_CONFIG", self.config.path())
            .env("CLOUDSDK_CORE_PROJECT", "my-proj")
            .env("CLOUDSDK_CORE_DISABLE_PROMPTS", "1")
            .env("CLOUDSDK_CORE_DISABLE_USAGE_REPORTING", "1")
    }

    /// Runs a script with our programs and gcloud, in `dir`.
    pub fn shell(&self, shell: &str, dir: &Path, script: &str) -> Ran {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(shell);
        command
            .args(["-c", script])
            .current_dir(dir)
            .env("PATH", format!("{}:{path}", mesh_tests::program_dir().display()));
        run(self.set(&mut command), "")
    }
}

fn serve(stream: TcpStream, log: &Mutex<Vec<Written>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let Some(Request { method, path, body }) = Request::read(&mut reader)? else { return Ok(()) };
    let answer = if method == "GET" {
        read(&path)
    } else {
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        log.lock().expect("no thread panicked").push(Written { method, path: path.clone(), body });
        Some(operation(&path))
    };
    let (status, body) = match answer {
        Some(body) => ("200 OK", body),
        None => ("404 Not Found", json!({"error": {"code": 404, "message": path}})),
    };
    let body = body.to_string();
    write!(
        reader.into_inner(),
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

/// What a GET of this path is answered with.
fn read(path: &str) -> Option<Value> {
    let clusters = || fixture("gke-clusters.json");
    if path == "/v1/projects/my-proj/locations/-/clusters" {
        return Some(json!({"clusters": clusters()}));
    }
    if path == "/compute/v1/projects/my-proj/aggregated/instances" {
        return Some(json!({"items": {"zones/all": {"instances": fixture("gce-instances.json")}}}));
    }
    if path == "/compute/v1/projects/my-proj/global/firewalls" {
        return Some(json!({"items": fixture("gce-firewalls.json")}));
    }
    if path.contains("/operations/") {
        return Some(operation(path));
    }
    if let Some(name) = path.strip_prefix("/compute/v1/projects/my-proj/global/firewalls/") {
        // What gcloud shows of a rule that it has made.
        let network =
            "https://compute.googleapis.com/compute/v1/projects/my-proj/global/networks/default";
        return Some(json!({"name": name, "network": network, "selfLink": path, "priority": 900,
            "direction": "INGRESS", "allowed": [{"IPProtocol": "tcp"}]}));
    }
    let (location, name) =
        path.strip_prefix("/v1/projects/my-proj/locations/")?.split_once("/clusters/")?;
    let all = clusters();
    let fits = |c: &&Value| c["name"] == name && c["location"] == location;
    all.as_array()?.iter().find(fits).cloned()
}

/// An operation that is done at once, as the API of this path names it.
fn operation(path: &str) -> Value {
    let kind = if path.starts_with("/compute/") { "insert" } else { "UPDATE_CLUSTER" };
    json!({"name": "operation-1", "status": "DONE", "operationType": kind, "selfLink": path,
        "targetLink": path})
}
