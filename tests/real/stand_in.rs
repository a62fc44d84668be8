//! A stand-in on loopback for Google's APIs: it answers from a cloud of the test's own, does every
//! write to it, and remembers the writes.

use crate::cloud::Cloud;
use crate::request::Request;
use mesh_tests::{Ran, run};
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
    cloud: Arc<Mutex<Cloud>>,
}

impl StandIn {
    /// With the clusters of the fixtures.
    pub fn start() -> Self {
        Self::of(Cloud::default())
    }

    /// Answers until the process ends.
    pub fn of(cloud: Cloud) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
        let address = format!("http://{}/", listener.local_addr().expect("it is bound"));
        let written = Arc::new(Mutex::new(Vec::new()));
        let cloud = Arc::new(Mutex::new(cloud));
        let (log, known) = (Arc::clone(&written), Arc::clone(&cloud));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away early is no matter.
                let _ = serve(stream, &log, &known);
            }
        });
        let config = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(config.path().join("token"), "none").expect("it can be written");
        Self { address, config, written, cloud }
    }

    /// Where it answers, as gcloud writes it into the bodies of its requests.
    pub fn compute(&self) -> String {
        format!("{}compute/v1/", self.address)
    }

    /// What is known now.
    pub fn cloud(&self) -> std::sync::MutexGuard<'_, Cloud> {
        self.cloud.lock().expect("no thread panicked")
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
            .env("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER", &self.address)
            .env("CLOUDSDK_API_ENDPOINT_OVERRIDES_GKEHUB", &self.address)
            .env("CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE", &self.address)
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

fn serve(
    stream: TcpStream,
    log: &Mutex<Vec<Written>>,
    cloud: &Mutex<Cloud>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let Some(Request { method, path, body }) = Request::read(&mut reader)? else { return Ok(()) };
    let mut cloud = cloud.lock().expect("no thread panicked");
    let answer = if method == "GET" {
        cloud.read(&path)
    } else {
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let done = cloud.write(&method, &path, &body);
        log.lock().expect("no thread panicked").push(Written {
            method: method.clone(),
            path: path.clone(),
            body,
        });
        done
    };
    drop(cloud);
    let (status, body) = match answer {
        Some(body) => ("200 OK".to_owned(), body),
        None if method == "GET" => failure(404, "Not Found", "NOT_FOUND", &path),
        None => failure(409, "Conflict", "ALREADY_EXISTS", &path),
    };
    let body = body.to_string();
    write!(
        reader.into_inner(),
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

fn failure(code: u16, name: &str, status: &str, path: &str) -> (String, Value) {
    let error = json!({"code": code, "message": path, "status": status});
    (format!("{code} {name}"), json!({"error": error}))
}
