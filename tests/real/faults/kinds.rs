//! The table: what goes wrong, for whom, and how the tool has to end.

use super::proxy::{Fault, On};
use super::tools::{Product, Tool};
use crate::clusters::kubeconfig;
use mesh_tests::run;
use serde_json::{Value, json};
use std::process::Command;

/// What goes wrong, and how the tool has to end.
pub struct Kind {
    pub name: &'static str,
    pub way: Way,
    /// Whom it is for.
    pub of: fn(&Tool) -> bool,
    pub end: End,
}

#[derive(Clone, Copy)]
pub enum End {
    /// With this exit code and this among the words on standard error; nothing is left.
    Fails(i32, &'static str),
    /// As if nothing were wrong.
    Works,
    /// As if nothing were wrong, but nobody hears what it says.
    Unheard,
    /// By the signal, or with 128 and its number; this may be left.
    Signalled { leftovers: bool },
}

#[derive(Clone, Copy)]
pub enum Way {
    /// The API server in plain HTTP.
    Http(Fault, On),
    /// The API server behind TLS, of which only so many bytes come through.
    Bytes(u64),
    /// A port of TLS where this is the answer.
    Says(&'static [u8]),
    /// A port that takes connections and does nothing more.
    SilentPort,
    ClosedPort,
    /// The API server itself, and another kubeconfig.
    Certificate(fn(&mut Value)),
    /// A name that no resolver tells anything of.
    Resolver,
    /// A shell that runs "$@" in another surrounding.
    Shell(&'static str),
    /// This signal as soon as a request is sent: the first, or the last.
    Signal(&'static str, Moment),
}

#[derive(Clone, Copy)]
pub enum Moment {
    First,
    Last,
    /// At this part, of a hundred, of its usual time.
    After(u32),
}

const ALL: fn(&Tool) -> bool = |_| true;
const WRITERS: fn(&Tool) -> bool = |tool| tool.writes;
const FILES: fn(&Tool) -> bool = |tool| tool.product == Product::Files;
const PRINTERS: fn(&Tool) -> bool = |tool| tool.product != Product::Files;

const fn http(name: &'static str, fault: Fault, said: &'static str) -> Kind {
    Kind { name, way: Way::Http(fault, On::All), of: ALL, end: End::Fails(4, said) }
}

const fn write(name: &'static str, fault: Fault, said: &'static str) -> Kind {
    Kind { name, way: Way::Http(fault, On::Writes), of: WRITERS, end: End::Fails(4, said) }
}

const fn tls(name: &'static str, way: Way, said: &'static str) -> Kind {
    Kind { name, way, of: ALL, end: End::Fails(4, said) }
}

const fn local(name: &'static str, script: &'static str, of: fn(&Tool) -> bool, end: End) -> Kind {
    Kind { name, way: Way::Shell(script), of, end }
}

const fn signal(name: &'static str, signal: &'static str, moment: Moment) -> Kind {
    // All other signals wait for files to be in their places.
    let leftovers = matches!(signal.as_bytes(), b"KILL");
    Kind { name, way: Way::Signal(signal, moment), of: ALL, end: End::Signalled { leftovers } }
}

/// A disk of one page, which is taken.
const FULL: &str = "mount -t tmpfs -o size=4k none \"$DIR\" && dd if=/dev/zero of=\"$DIR/all\" bs=4k count=1 2>/dev/null
    \"$@\"; code=$?; rm \"$DIR/all\"; ls -A \"$DIR\" >\"$LEFT\"; exit $code";
const READ_ONLY: &str = "mount -t tmpfs -o ro none \"$DIR\"
    \"$@\"; code=$?; ls -A \"$DIR\" >\"$LEFT\"; exit $code";

/// A pipe of which nobody holds the other end.
const GONE: &str =
    "mkfifo \"$LEFT.pipe\" && exec 3<>\"$LEFT.pipe\" && exec 4>\"$LEFT.pipe\" && exec 3<&-
    rm \"$LEFT.pipe\" && exec \"$@\" >&4 4>&-";

pub const KINDS: &[Kind] = &[
    http("half-open connection", Fault::Silence, "does not answer within 2s"),
    http("a byte a second", Fault::Drip, "does not answer within 2s"),
    http("reset in mid-reply", Fault::Reset, "cannot be reached: "),
    http("end in mid-reply", Fault::Cut, "cannot be reached: "),
    http("no HTTP", Fault::Noise, "cannot be reached: "),
    http("400", Fault::Refusal(400, "BadRequest"), "BadRequest it is"),
    http("401", Fault::Refusal(401, "Unauthorized"), "credentials in the kubeconfig are missing"),
    http("409", Fault::Refusal(409, "Conflict"), "Conflict it is"),
    http("410", Fault::Refusal(410, "Expired"), "Expired it is"),
    http("429", Fault::Refusal(429, "TooManyRequests"), "TooManyRequests it is"),
    http("500", Fault::Refusal(500, "InternalError"), "InternalError it is"),
    http("503", Fault::Refusal(503, "ServiceUnavailable"), "ServiceUnavailable it is"),
    http("502 of a middlebox", Fault::PlainRefusal(502), ": no"),
    http("truncated JSON", Fault::HalfJson, "ends too early"),
    http("nothing with 200", Fault::Nothing, "ends too early"),
    http("page of a middlebox with 200", Fault::Page, "answers with something that is not JSON"),
    http("redirect", Fault::Redirect, "and no API server does"),
    Kind {
        name: "429 once",
        way: Way::Http(Fault::Busy, On::All),
        of: |tool| tool.persists,
        end: End::Works,
    },
    Kind {
        name: "clock ten minutes before ours",
        way: Way::Http(Fault::Clock(600), On::All),
        of: ALL,
        end: End::Works,
    },
    Kind {
        name: "clock ten minutes after ours",
        way: Way::Http(Fault::Clock(-600), On::All),
        of: ALL,
        end: End::Works,
    },
    write("silence at a write", Fault::Silence, "does not answer within 2s"),
    write("reset after a write", Fault::Reset, "cannot be reached: "),
    write("409 at a write", Fault::Refusal(409, "Conflict"), "Conflict it is"),
    write("500 at a write", Fault::Refusal(500, "InternalError"), "InternalError it is"),
    write("truncated JSON at a write", Fault::HalfJson, "ends too early"),
    tls("closed port", Way::ClosedPort, "Connection refused"),
    tls("silent port of TLS", Way::SilentPort, "does not answer within 2s"),
    tls("TLS cut in the greeting", Way::Bytes(100), "cannot be reached: "),
    tls("TLS cut in mid-reply", Way::Bytes(2500), "cannot be reached: "),
    tls(
        "plain HTTP on the port of TLS",
        Way::Says(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        "cannot be reached: ",
    ),
    tls("expired client certificate", Way::Certificate(expired), "missing, expired or wrong"),
    tls("wrong CA", Way::Certificate(other_authority), "does not fit this server"),
    tls("no CA", Way::Certificate(no_authority), "does not fit this server"),
    tls("resolver that never answers", Way::Resolver, "does not answer within 2s"),
    local("disk full", FULL, FILES, End::Fails(3, "No space left on device")),
    local("read-only folder", READ_ONLY, FILES, End::Fails(3, "Read-only file system")),
    local(
        "full standard output",
        "exec \"$@\" >/dev/full",
        PRINTERS,
        End::Fails(3, "standard output: No space left"),
    ),
    local("closed standard output", "exec \"$@\" >&-", ALL, End::Fails(3, "output is closed")),
    local("reader that is gone", GONE, PRINTERS, End::Unheard),
    local("closed standard error", "exec \"$@\" 2>&-", ALL, End::Works),
    signal("SIGINT at the first request", "INT", Moment::First),
    signal("SIGTERM at the first request", "TERM", Moment::First),
    signal("SIGKILL at the first request", "KILL", Moment::First),
    signal("SIGINT at the last request", "INT", Moment::Last),
    signal("SIGTERM at the last request", "TERM", Moment::Last),
    signal("SIGKILL at the last request", "KILL", Moment::Last),
    signal("SIGHUP at the last request", "HUP", Moment::Last),
    signal("SIGINT at any time", "INT", Moment::After(50)),
    signal("SIGTERM at any time", "TERM", Moment::After(70)),
    signal("SIGKILL at any time", "KILL", Moment::After(90)),
    signal("SIGINT at the end", "INT", Moment::After(98)),
    signal("SIGTERM at the end", "TERM", Moment::After(100)),
];

/// The test bed's administrator, whose time is over.
fn expired(config: &mut Value) {
    let script = "set -e
        cd \"$0/cluster1/pki\"
        echo extendedKeyUsage=clientAuth >late.$$
        openssl req -new -key admin.key -subj /O=system:masters/CN=late |
          openssl x509 -req -CA ca.crt -CAkey ca.key -days 0 -set_serial 4711 \
            -extfile late.$$ 2>/dev/null |
          base64 -w0
        sleep 1.1";
    let bed = kubeconfig();
    let dir = bed.parent().expect("it lies in a folder");
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(dir).env("OPENSSL_CONF", dir.join("openssl.cnf"));
    let certificate = run(&mut command, "").ok();
    config["users"][0]["user"]["client-certificate-data"] = json!(certificate);
}

fn other_authority(config: &mut Value) {
    let text = std::fs::read(kubeconfig()).expect("it is there");
    let own: Value = serde_yaml::from_slice(&text).expect("it is YAML");
    let field = "certificate-authority-data";
    config["clusters"][0]["cluster"][field] = own["clusters"][1]["cluster"][field].clone();
}

fn no_authority(config: &mut Value) {
    let cluster = config["clusters"][0]["cluster"].as_object_mut().expect("an object");
    cluster.remove("certificate-authority-data");
}
