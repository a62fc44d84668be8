//! A stand-in for an API server with one client pod, in which curl does what a test wants.

use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tungstenite::handshake::server::{Request, Response};
use tungstenite::{Message, WebSocket, accept_hdr};

/// What becomes of an exec.
#[derive(Debug, Clone)]
pub enum Does {
    /// curl gets this status and body.
    Answers(u16, Vec<u8>),
    /// curl ends with this exit code and message.
    Exits(u8, &'static str),
    /// The runtime does not start it.
    NotStarted(&'static str),
    /// The API server refuses with this status.
    Refuses(u16),
    /// The connection is cut.
    IsCut,
    /// Nothing ever comes.
    Hangs,
    /// The pod is gone, from now on.
    LosesItsPod,
}

/// The server; every exec asks `does` with its number.
pub struct StandIn {
    pub kubeconfig: tempfile::NamedTempFile,
    pub execs: Arc<AtomicUsize>,
    pub last_exec: Arc<Mutex<String>>,
}

impl StandIn {
    pub fn start(does: impl Fn(usize) -> Does + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let execs = Arc::new(AtomicUsize::new(0));
        let lost = Arc::new(AtomicUsize::new(0));
        let last_exec = Arc::new(Mutex::new(String::new()));
        let (counter, does, last) = (Arc::clone(&execs), Arc::new(does), Arc::clone(&last_exec));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (does, counter) = (Arc::clone(&does), Arc::clone(&counter));
                let (lost, last) = (Arc::clone(&lost), Arc::clone(&last));
                std::thread::spawn(move || serve(stream, &*does, &counter, &lost, &last));
            }
        });
        let kubeconfig = tempfile::NamedTempFile::new().unwrap();
        let text = format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster: {{server: \"{server}\"}}\n\
             contexts:\n- name: cluster1\n  context: {{cluster: c, user: u}}\n\
             - name: cluster2\n  context: {{cluster: c, user: u}}\n\
             users:\n- name: u\n  user: {{}}\n"
        );
        std::fs::write(kubeconfig.path(), text).unwrap();
        Self { kubeconfig, execs, last_exec }
    }
}

fn pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "sleep-1", "namespace": "sample"},
        "spec": {"containers": [{"name": "sleep"}]},
        "status": {"phase": "Running", "containerStatuses": [
            {"name": "sleep", "ready": true, "image": "", "imageID": "", "restartCount": 0}]},
    })
}

fn serve(
    mut stream: TcpStream,
    does: &(dyn Fn(usize) -> Does + Send + Sync),
    execs: &AtomicUsize,
    lost: &AtomicUsize,
    last: &Mutex<String>,
) {
    loop {
        let Some(head) = peek_head(&stream) else { return };
        let path = head.split(' ').nth(1).unwrap();
        let is_lost = || lost.load(Ordering::SeqCst) > 0;
        if path.contains("/exec?") {
            *last.lock().unwrap() = path.to_owned();
            let does = does(execs.fetch_add(1, Ordering::SeqCst));
            if let Does::LosesItsPod = does {
                lost.fetch_add(1, Ordering::SeqCst);
            }
            let refusal = match does {
                Does::Refuses(code) => status(code, "it is not to be"),
                _ if is_lost() => status(404, "pods \"sleep-1\" not found"),
                does => return exec(stream, &head, does),
            };
            stream.read_exact(&mut vec![0; head.len()]).unwrap();
            let code = refusal["code"].as_u64().unwrap();
            respond(&mut stream, code, &refusal);
            continue;
        }
        stream.read_exact(&mut vec![0; head.len()]).unwrap();
        let (code, body) = match path {
            _ if path.contains("/pods/") && is_lost() => (404, status(404, "pod not found")),
            _ if path.contains("/pods/") => (200, pod()),
            _ => {
                let items = if is_lost() { vec![] } else { vec![pod()] };
                let list =
                    json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": items});
                (200, list)
            }
        };
        respond(&mut stream, code, &body);
    }
}

/// The head of the next request, which stays unread.
fn peek_head(stream: &TcpStream) -> Option<String> {
    let mut bytes = [0; 16384];
    loop {
        let length = stream.peek(&mut bytes).ok().filter(|&length| length > 0)?;
        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        if let Some(end) = text.find("\r\n\r\n") {
            return Some(text[..end + 4].to_owned());
        }
    }
}

fn status(code: u16, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": "Because", "code": code})
}

fn respond(stream: &mut TcpStream, code: u64, body: &Value) {
    let body = body.to_string();
    let head = format!("HTTP/1.1 {code} X\r\nContent-Type: application/json\r\nContent-Length: ");
    let _ = stream.write_all(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes());
}

fn exec(stream: TcpStream, head: &str, does: Does) {
    let mark = head.find("meshutils-").map(|start| &head[start..start + 26]).unwrap().to_owned();
    #[allow(clippy::result_large_err)] // tungstenite's
    let protocol = |_: &Request, mut response: Response| {
        let header = "v4.channel.k8s.io".parse().unwrap();
        response.headers_mut().insert("sec-websocket-protocol", header);
        Ok(response)
    };
    let mut socket = accept_hdr(stream, protocol).unwrap();
    let trailer = |status: u16| format!("\n{mark} {status:03} 0.001500\n").into_bytes();
    let exit_code = |code: u8| match code {
        0 => json!({"status": "Success", "metadata": {}}),
        code => json!({"status": "Failure", "reason": "NonZeroExitCode", "metadata": {},
            "message": "command terminated with non-zero exit code",
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]}}),
    };
    match does {
        Does::Answers(status, body) => {
            for chunk in body.chunks(700) {
                send(&mut socket, 1, chunk);
            }
            send(&mut socket, 1, &trailer(status));
            send(&mut socket, 3, exit_code(0).to_string().as_bytes());
        }
        Does::Exits(code, message) => {
            send(&mut socket, 2, message.as_bytes());
            send(&mut socket, 1, &trailer(0));
            send(&mut socket, 3, exit_code(code).to_string().as_bytes());
        }
        Does::NotStarted(message) => {
            send(&mut socket, 3, status(500, message).to_string().as_bytes());
        }
        Does::Hangs => std::thread::sleep(std::time::Duration::from_secs(60)),
        Does::IsCut | Does::Refuses(_) | Does::LosesItsPod => return,
    }
    let _ = socket.close(None);
    while socket.read().is_ok() {}
}

fn send(socket: &mut WebSocket<TcpStream>, channel: u8, bytes: &[u8]) {
    let _ = socket.send(Message::binary([&[channel], bytes].concat()));
}
