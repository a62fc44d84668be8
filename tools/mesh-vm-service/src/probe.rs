//! How a machine's agent finds out whether the service is well.

use crate::PortNumber;
use serde_json::{Value, json};
use std::str::FromStr;

/// `ReadinessProbe` of a `WorkloadGroup`, with Istio's own intervals. The agent on the machine
/// asks, so the answer of another host says nothing: no host can be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// A GET is answered with 200 to 399.
    Http {
        /// Whether it is HTTPS, whose certificate is not checked.
        is_tls: bool,
        /// Path, with the slash in front.
        path: String,
        /// Port on the machine.
        port: PortNumber,
    },
    /// A connection is accepted.
    Tcp(PortNumber),
    /// `grpc.health.v1.Health/Check` answers SERVING (Istio 1.25).
    Grpc(PortNumber),
}

impl Probe {
    /// The field `probe`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Http { is_tls, path, port } => {
                let mut get = json!({"path": path, "port": port.get()});
                if *is_tls {
                    get["scheme"] = json!("HTTPS");
                }
                json!({"httpGet": get})
            }
            Self::Tcp(port) => json!({"tcpSocket": {"port": port.get()}}),
            Self::Grpc(port) => json!({"grpc": {"port": port.get()}}),
        }
    }
}

impl FromStr for Probe {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = "a probe has the form http:PATH:PORT, https:PATH:PORT, tcp:PORT or grpc:PORT";
        let (kind, rest) = text.split_once(':').ok_or(form)?;
        match kind {
            "tcp" => rest.parse().map(Self::Tcp),
            "grpc" => rest.parse().map(Self::Grpc),
            "http" | "https" => {
                let (path, port) = rest.rsplit_once(':').ok_or(form)?;
                if !path.starts_with('/') || !path.bytes().all(|b| b.is_ascii_graphic()) {
                    return Err("the path of a probe begins with / and has no blanks".to_owned());
                }
                let is_tls = kind == "https";
                Ok(Self::Http { is_tls, path: path.to_owned(), port: port.parse()? })
            }
            _ => Err(form.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn probes_are_fields_of_the_api() {
        for (text, field) in [
            ("http:/healthz:8080", json!({"httpGet": {"path": "/healthz", "port": 8080}})),
            ("http:/:80", json!({"httpGet": {"path": "/", "port": 80}})),
            ("http:/a:b?c=d:80", json!({"httpGet": {"path": "/a:b?c=d", "port": 80}})),
            ("https:/:443", json!({"httpGet": {"path": "/", "port": 443, "scheme": "HTTPS"}})),
            ("tcp:3550", json!({"tcpSocket": {"port": 3550}})),
            ("grpc:3550", json!({"grpc": {"port": 3550}})),
        ] {
            assert_eq!(text.parse::<Probe>().unwrap().to_json(), field, "{text}");
        }
    }

    #[test]
    fn wrong_probes_are_refused() {
        for (text, reason) in [
            ("", "a probe has the form"),
            ("3550", "a probe has the form"),
            ("exec:true", "a probe has the form"),
            ("HTTP:/:80", "a probe has the form"),
            ("http:80", "a probe has the form"),
            ("http:healthz:80", "begins with /"),
            ("http::80", "begins with /"),
            ("http:/a b:80", "no blanks"),
            ("http:/é:80", "no blanks"),
            ("http:/:0", "'0' is not a port"),
            ("tcp:", "'' is not a port"),
            ("tcp:localhost:80", "'localhost:80' is not a port"),
            ("grpc:65536", "'65536' is not a port"),
        ] {
            let error = text.parse::<Probe>().unwrap_err();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,16}|(http|tcp|grpc):[/a:]{0,4}[0-9]{0,6}") {
            let _ = text.parse::<Probe>();
        }
    }
}
