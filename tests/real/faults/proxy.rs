//! A way to a real API server, in plain HTTP or as bytes, on which one thing goes wrong.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mesh_tests::run;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Result, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The connection is taken, and nobody answers.
    Silence,
    /// The same from the request of this number on.
    SilenceFrom(usize),
    /// The answer comes a byte a second.
    Drip,
    /// Half of the answer comes, and then a reset.
    Reset,
    /// Half of the answer comes, and then the end.
    Cut,
    /// Bytes that are no HTTP.
    Noise,
    /// The API server refuses, with this code and reason.
    Refusal(u16, &'static str),
    /// It does so once, asks for patience, and then answers.
    Busy,
    /// Something between refuses, without the JSON of an API server.
    PlainRefusal(u16),
    /// Half of the JSON comes as if it were all.
    HalfJson,
    /// A middlebox's page, with 200.
    Page,
    /// The way to somewhere else.
    Redirect,
    /// 200, and nothing else.
    Nothing,
    /// The server's clock is so many seconds before ours.
    Clock(i64),
}

/// Which requests it happens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    All,
    Writes,
}

/// kubectl's proxy: our requests with the test bed's certificate.
pub struct Upstream {
    child: Child,
    address: SocketAddr,
}

impl Upstream {
    pub fn start(kubectl: &mut Command) -> Self {
        let proxy = kubectl.args(["proxy", "--port=0", "--disable-filter=true"]);
        let mut child = proxy
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("kubectl starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it is text");
        let address = line.trim().rsplit(' ').next().and_then(|address| address.parse().ok());
        Self { child, address: address.expect("it says where it listens") }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server on loopback that ends with the process.
pub struct Proxy {
    pub address: SocketAddr,
    seen: Arc<AtomicUsize>,
}

impl Proxy {
    /// Requests in plain HTTP.
    pub fn http(upstream: &Upstream, fault: Fault, on: On) -> Self {
        let server = upstream.address;
        Self::start(move |stream, seen| answer(&stream, server, fault, on, seen))
    }

    /// Bytes, to a server behind TLS; of what it sends only so many.
    pub fn bytes(server: SocketAddr, limit: u64) -> Self {
        Self::start(move |stream, seen| {
            seen.fetch_add(1, Ordering::SeqCst);
            let there = TcpStream::connect(server)?;
            let (mut from, mut to) = (stream.try_clone()?, there.try_clone()?);
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            std::io::copy(&mut (&there).take(limit), &mut &stream)?;
            there.shutdown(Shutdown::Both)?;
            stream.shutdown(Shutdown::Both)
        })
    }

    /// Takes a connection's first bytes, and sends these.
    pub fn says(bytes: &'static [u8]) -> Self {
        Self::start(move |mut stream, seen| {
            seen.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 4096])?;
            stream.write_all(bytes)
        })
    }

    fn start(
        serve: impl Fn(TcpStream, &AtomicUsize) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
        let address = listener.local_addr().expect("it is bound");
        let seen = Arc::new(AtomicUsize::new(0));
        let (serve, counter) = (Arc::new(serve), Arc::clone(&seen));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (serve, seen) = (Arc::clone(&serve), Arc::clone(&counter));
                // A client that goes away early is no matter.
                std::thread::spawn(move || serve(stream, &seen));
            }
        });
        Self { address, seen }
    }

    /// Requests so far.
    pub fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }
}

/// One request and its answer; each connection has one.
fn answer(
    mut stream: &TcpStream,
    server: SocketAddr,
    fault: Fault,
    on: On,
    seen: &AtomicUsize,
) -> Result<()> {
    let request = peek(stream)?;
    let number = seen.fetch_add(1, Ordering::SeqCst) + 1;
    let is_met = on == On::All || !request.starts_with(b"GET ");
    let fault = match fault {
        _ if !is_met => Fault::None,
        Fault::SilenceFrom(first) if number < first => Fault::None,
        Fault::SilenceFrom(_) => Fault::Silence,
        Fault::Busy if number > 1 => Fault::None,
        Fault::Busy => Fault::Refusal(429, "TooManyRequests"),
        fault => fault,
    };
    if fault != Fault::Reset {
        stream.read_exact(&mut vec![0; request.len()])?;
    }
    let (code, kind, date, body) = match fault {
        Fault::Silence => {
            // Until the client has had enough.
            let _ = stream.read(&mut [0])?;
            return Ok(());
        }
        Fault::Noise => return stream.write_all(b"\x16\x03\x01\0\0SSH-2.0-x\r\n\r\n"),
        Fault::Refusal(code, reason) => {
            let mut status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {},
                "status": "Failure", "message": format!("{reason} it is"), "reason": reason,
                "code": code});
            if code == 429 {
                status["details"] = json!({"retryAfterSeconds": 1});
            }
            (code, "application/json", None, status.to_string().into_bytes())
        }
        Fault::PlainRefusal(code) => (code, "text/plain", None, b"no\n".to_vec()),
        Fault::Page => {
            let page = "<html><body>Please log in to the WiFi</body></html>";
            (200, "text/html", None, page.as_bytes().to_vec())
        }
        Fault::Redirect => (302, "text/plain", None, Vec::new()),
        Fault::Nothing => (200, "application/json", None, Vec::new()),
        _ => forward(&request, server)?,
    };
    let (date, body) = match fault {
        Fault::Clock(seconds) => (Some(now_and(seconds)), shifted(body, seconds)),
        _ => (date, body),
    };
    let body = if fault == Fault::HalfJson { body[..body.len() / 2].to_vec() } else { body };
    let mut text = format!(
        "HTTP/1.1 {code} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n",
        body.len()
    );
    if code == 429 {
        text += "Retry-After: 1\r\n";
    }
    if code == 302 {
        text += "Location: http://127.0.0.1:1/login\r\n";
    }
    if let Some(date) = date {
        text += &format!("Date: {date}\r\n");
    }
    let all = [text.as_bytes(), b"\r\n", &body].concat();
    match fault {
        Fault::Drip => all.iter().try_for_each(|byte| {
            std::thread::sleep(Duration::from_secs(1));
            stream.write_all(&[*byte])
        }),
        // The request was never read: the end of such a connection is a reset.
        Fault::Reset | Fault::Cut => stream.write_all(&all[..all.len() - body.len() / 2 - 1]),
        _ => stream.write_all(&all),
    }
}

/// A whole request, which stays in the stream.
fn peek(stream: &TcpStream) -> Result<Vec<u8>> {
    let mut bytes = vec![0; 1 << 20];
    loop {
        let length = stream.peek(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes[..length]);
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let body = header(head, "content-length").and_then(|length| length.parse().ok());
            let all = head.len() + 4 + body.unwrap_or(0);
            if length >= all {
                return Ok(bytes[..all].to_vec());
            }
        } else if length == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let pairs = head.lines().filter_map(|line| line.split_once(':'));
    pairs.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim())
}

type Answer = (u16, &'static str, Option<String>, Vec<u8>);

/// The real answer, in one piece: as HTTP 1.0, which knows no chunks.
fn forward(request: &[u8], server: SocketAddr) -> Result<Answer> {
    let end = request.windows(4).position(|four| four == b"\r\n\r\n").expect("it has a head");
    let head = String::from_utf8_lossy(&request[..end]);
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default().replace("HTTP/1.1", "HTTP/1.0");
    let kept = lines.filter(|line| {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        !matches!(name.as_str(), "host" | "connection" | "accept-encoding" | "upgrade")
    });
    let kept: String = kept.fold(String::new(), |all, line| all + line + "\r\n");
    let mut there = TcpStream::connect(server)?;
    write!(there, "{first}\r\nHost: {server}\r\n{kept}\r\n")?;
    there.write_all(&request[end + 4..])?;
    let mut all = Vec::new();
    there.read_to_end(&mut all)?;
    let end = all.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8_lossy(&all[..end]).into_owned();
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(500);
    let date = header(&head, "date").map(str::to_owned);
    Ok((code, "application/json", date, all[end + 4..].to_vec()))
}

/// A time as GNU date has it.
fn date(args: &[&str]) -> String {
    let ran = run(Command::new("date").env("LC_ALL", "C").arg("-u").args(args), "");
    ran.ok().trim().to_owned()
}

fn now_and(seconds: i64) -> String {
    date(&["-d", &format!("{seconds} seconds"), "+%a, %d %b %Y %T GMT"])
}

/// A token as a server with another clock gives it: only its times are others.
fn shifted(body: Vec<u8>, seconds: i64) -> Vec<u8> {
    let Ok(mut answer) = serde_json::from_slice::<Value>(&body) else { return body };
    let status = &mut answer["status"];
    let (Some(token), Some(end)) =
        (status["token"].as_str(), status["expirationTimestamp"].as_str())
    else {
        return body;
    };
    let later = date(&["-d", &format!("{end} {seconds} seconds"), "+%FT%TZ"]);
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let claims = URL_SAFE_NO_PAD.decode(&parts[1]).expect("a token is base64");
    let mut claims: Value = serde_json::from_slice(&claims).expect("claims are JSON");
    for time in ["iat", "nbf", "exp"] {
        claims[time] = json!(claims[time].as_i64().expect("a time") + seconds);
    }
    parts[1] = URL_SAFE_NO_PAD.encode(claims.to_string());
    status["token"] = json!(parts.join("."));
    status["expirationTimestamp"] = json!(later);
    answer.to_string().into_bytes()
}
