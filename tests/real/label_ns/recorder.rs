//! A webhook server on loopback that lets every pod through and remembers which webhooks were
//! called for it.

use crate::request::Request;
use mesh_tests::tls::Identity;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// `CONFIGURATION/WEBHOOK`s in the order of their calls, by namespace and pod.
type Calls = BTreeMap<(String, String), Vec<String>>;

/// It answers until the process ends.
pub struct Recorder {
    address: String,
    /// Its certificate, in PEM: that of its own authority.
    certificate: String,
    calls: Arc<Mutex<Calls>>,
}

impl Recorder {
    pub fn start() -> Self {
        let identity = Identity::make();
        let certificate = identity.certificate.clone();
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
        let address = format!("https://{}", listener.local_addr().expect("it is bound"));
        let calls = Arc::new(Mutex::new(Calls::new()));
        let log = Arc::clone(&calls);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (identity, log) = (identity.clone(), Arc::clone(&log));
                // A client that goes away is no matter: what it did not ask is not in the log.
                std::thread::spawn(move || serve(&identity, stream, &log));
            }
        });
        Self { address, certificate, calls }
    }

    /// The webhook configuration with this server in the place of its services.
    pub fn in_place(&self, configuration: &Value) -> Value {
        use base64::Engine as _;
        let authority = base64::engine::general_purpose::STANDARD.encode(&self.certificate);
        let mut configuration = configuration.clone();
        let name = configuration["metadata"]["name"].as_str().expect("a name").to_owned();
        for webhook in configuration["webhooks"].as_array_mut().expect("webhooks") {
            let url =
                format!("{}/{name}/{}", self.address, webhook["name"].as_str().expect("a name"));
            webhook["clientConfig"] = json!({"url": url, "caBundle": authority});
        }
        configuration
    }

    /// What was called for a pod.
    pub fn calls(&self, namespace: &str, pod: &str) -> Vec<String> {
        let calls = self.calls.lock().expect("no thread panicked");
        calls.get(&(namespace.to_owned(), pod.to_owned())).cloned().unwrap_or_default()
    }
}

/// Answers the requests of one connection.
fn serve(identity: &Identity, stream: TcpStream, log: &Mutex<Calls>) -> std::io::Result<()> {
    let mut reader = BufReader::new(identity.accept(stream)?);
    while let Some(Request { path, body, .. }) = Request::read(&mut reader)? {
        let answer = answer(path.trim_start_matches('/'), &body, log)?.to_string();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length";
        // In one piece: the API server would wait for the second.
        let reply = format!("{head}: {}\r\n\r\n{answer}", answer.len());
        reader.get_mut().write_all(reply.as_bytes())?;
        reader.get_mut().flush()?;
    }
    Ok(())
}

fn answer(webhook: &str, review: &[u8], log: &Mutex<Calls>) -> std::io::Result<Value> {
    let review: Value = serde_json::from_slice(review)?;
    let request = &review["request"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pod = (text(&request["namespace"]), text(&request["object"]["metadata"]["name"]));
    log.lock().expect("no thread panicked").entry(pod).or_default().push(webhook.to_owned());
    Ok(json!({"apiVersion": review["apiVersion"], "kind": "AdmissionReview",
        "response": {"uid": request["uid"], "allowed": true}}))
}
