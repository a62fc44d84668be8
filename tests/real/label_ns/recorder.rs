//! A webhook server on loopback that lets every pod through and remembers which webhooks were
//! called for it.

use crate::request::Request;
use mesh_tests::run;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

/// `CONFIGURATION/WEBHOOK`s in the order of their calls, by namespace and pod.
type Calls = BTreeMap<(String, String), Vec<String>>;

/// It answers until the process ends.
pub struct Recorder {
    address: String,
    /// Its certificate, in PEM: that of its own authority.
    certificate: Vec<u8>,
    calls: Arc<Mutex<Calls>>,
}

impl Recorder {
    pub fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let [key, certificate] = self_signed(dir.path());
        let chain = vec![CertificateDer::from_pem_slice(&certificate).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_slice(&key).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring speaks TLS 1.3")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("key and certificate fit");
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
        let address = format!("https://{}", listener.local_addr().expect("it is bound"));
        let calls = Arc::new(Mutex::new(Calls::new()));
        let log = Arc::clone(&calls);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, log) = (Arc::clone(&config), Arc::clone(&log));
                // A client that goes away is no matter: what it did not ask is not in the log.
                std::thread::spawn(move || serve(config, stream, &log));
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

/// A key and a certificate for 127.0.0.1.
fn self_signed(dir: &Path) -> [Vec<u8>; 2] {
    let mut openssl = Command::new("openssl");
    openssl.current_dir(dir).args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]);
    openssl.args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=recorder"]);
    openssl.args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key", "-out", "cert"]);
    let _ = run(&mut openssl, "").ok();
    ["key", "cert"].map(|name| std::fs::read(dir.join(name)).expect("openssl wrote it"))
}

/// Answers the requests of one connection.
fn serve(config: Arc<ServerConfig>, stream: TcpStream, log: &Mutex<Calls>) -> std::io::Result<()> {
    let tls = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut reader = BufReader::new(StreamOwned::new(tls, stream));
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
