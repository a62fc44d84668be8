//! A stand-in for an API server, on loopback and without encryption.

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What is answered to a path with its query, when it is asked for the nth time: status and body;
/// 404 otherwise.
pub type Answers = fn(&str, usize) -> Option<(u16, Value)>;

/// A server that remembers what it was asked: method, path, the `Accept` header, and whether
/// credentials came along.
pub struct StandIn {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl StandIn {
    /// Answers until the process ends.
    pub fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = Arc::clone(&log);
                // A client that goes away early is no matter.
                std::thread::spawn(move || serve(stream, answers, &log));
            }
        });
        Self { url, asked }
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no thread panicked").clone()
    }
}

fn serve(stream: TcpStream, answers: Answers, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let (mut accept, mut credentials) = (String::new(), "");
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? <= 2 {
            break;
        }
        if header.to_ascii_lowercase().starts_with("authorization:") {
            credentials = " with credentials";
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("accept:") {
            accept = value.trim().to_owned();
        }
    }
    let request = line.rsplit_once(' ').map_or("", |(request, _)| request);
    let times = {
        let mut log = log.lock().expect("no thread panicked");
        log.push(format!("{request} {accept}{credentials}"));
        log.iter().filter(|one| one.starts_with(request)).count()
    };
    let path = request.split_once(' ').map_or("", |(_, path)| path);
    let (status, body) = answers(path, times).unwrap_or_else(|| refusal(404, "there is none"));
    let body = body.to_string();
    write!(
        reader.into_inner(),
        "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Date: Thu, 01 Jan 2026 12:00:00 GMT\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// How an API server says no.
pub fn refusal(code: u16, message: &str) -> (u16, Value) {
    let status = json!({"apiVersion": "v1", "kind": "Status", "status": "Failure",
        "message": message, "reason": "Because", "code": code});
    (code, status)
}
