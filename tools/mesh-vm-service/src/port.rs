//! Ports as istioctl's add-to-mesh took them: `[PROTOCOL:]PORT`.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

/// A port of a service, and what is spoken there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    /// The same on the Service and on the machines.
    pub number: PortNumber,
    /// What is spoken there.
    pub protocol: Protocol,
}

/// A port from 1 to 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortNumber(NonZeroU16);

/// What Istio 1.6 could be told of a port (`pkg/config/protocol/instance.go`), but for
/// `HTTP_PROXY`, which is for the egress listeners of a Sidecar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Bytes.
    Tcp,
    /// Datagrams, which proxies let pass.
    Udp,
    /// gRPC.
    Grpc,
    /// gRPC as browsers speak it.
    GrpcWeb,
    /// HTTP/1.1.
    Http,
    /// HTTP/2.
    Http2,
    /// HTTP that the client itself encrypts.
    Https,
    /// Thrift, until Istio 1.13.
    Thrift,
    /// TLS with SNI.
    Tls,
    /// `MongoDB`.
    Mongo,
    /// Redis.
    Redis,
    /// `MySQL`.
    MySql,
}

impl Protocol {
    const ALL: [Self; 12] = [
        Self::Tcp,
        Self::Udp,
        Self::Grpc,
        Self::GrpcWeb,
        Self::Http,
        Self::Http2,
        Self::Https,
        Self::Thrift,
        Self::Tls,
        Self::Mongo,
        Self::Redis,
        Self::MySql,
    ];

    /// As Istio writes it, in a `ServiceEntry`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Grpc => "GRPC",
            Self::GrpcWeb => "GRPC-Web",
            Self::Http => "HTTP",
            Self::Http2 => "HTTP2",
            Self::Https => "HTTPS",
            Self::Thrift => "Thrift",
            Self::Tls => "TLS",
            Self::Mongo => "Mongo",
            Self::Redis => "Redis",
            Self::MySql => "MySQL",
        }
    }

    /// What carries it, as a Kubernetes Service has to know.
    #[must_use]
    pub fn transport(self) -> &'static str {
        if self == Self::Udp { "UDP" } else { "TCP" }
    }

    /// What istioctl took a port for that came without a protocol.
    fn usual(number: PortNumber) -> Option<Self> {
        match number.get() {
            80 | 8080 => Some(Self::Http),
            443 => Some(Self::Https),
            3306 => Some(Self::MySql),
            _ => None,
        }
    }

    fn known() -> String {
        Self::ALL.map(|protocol| protocol.as_str().to_lowercase()).join(", ")
    }
}

impl PortNumber {
    /// The number.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0.get()
    }
}

impl Port {
    /// Its name, as `grpc-3550`: Istio reads the protocol of a Service's port from it. In lower
    /// case, as a Service has to have it; a `ServiceEntry` of the same port has the same.
    #[must_use]
    pub fn name(self) -> String {
        format!("{}-{}", self.protocol.as_str().to_lowercase(), self.number)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.protocol.as_str().to_lowercase(), self.number)
    }
}

impl fmt::Display for PortNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for PortNumber {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse().map(Self) {
            Ok(number) if number.to_string() == text => Ok(number),
            _ => Err(format!("'{text}' is not a port from 1 to 65535")),
        }
    }
}

impl FromStr for Protocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // istioctl took it; the API server refused the port's name, which has an underscore.
        if text.eq_ignore_ascii_case("http_proxy") {
            return Err("http_proxy is for the egress listeners of a Sidecar; use http".to_owned());
        }
        let is_it = |protocol: &Self| protocol.as_str().eq_ignore_ascii_case(text);
        Self::ALL.into_iter().find(is_it).ok_or_else(|| {
            format!("Istio knows no protocol '{text}'; it is one of {}", Self::known())
        })
    }
}

impl FromStr for Port {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (protocol, number) = text.split_once(':').unwrap_or(("", text));
        let number: PortNumber = number.parse()?;
        let protocol = match protocol {
            "" => Protocol::usual(number).ok_or_else(|| {
                format!("port {number} needs its protocol, as tcp:{number}: {}", Protocol::known())
            })?,
            protocol => protocol.parse()?,
        };
        Ok(Self { number, protocol })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshcore::DnsLabel;
    use proptest::prelude::*;

    /// What istioctl 1.6 took (`protocol.Parse`), what it wrote into the `ServiceEntry`, and the
    /// port's name in the Service: written down from its source, not from ours.
    const OF_1_6: [(&str, &str, &str); 12] = [
        ("tcp", "TCP", "tcp-1"),
        ("udp", "UDP", "udp-1"),
        ("grpc", "GRPC", "grpc-1"),
        ("grpc-web", "GRPC-Web", "grpc-web-1"),
        ("http", "HTTP", "http-1"),
        ("http2", "HTTP2", "http2-1"),
        ("https", "HTTPS", "https-1"),
        ("thrift", "Thrift", "thrift-1"),
        ("tls", "TLS", "tls-1"),
        ("mongo", "Mongo", "mongo-1"),
        ("redis", "Redis", "redis-1"),
        ("mysql", "MySQL", "mysql-1"),
    ];

    #[test]
    fn protocols_are_those_of_istio_1_6() {
        for (text, written, name) in OF_1_6 {
            for text in [text.to_owned(), text.to_uppercase(), written.to_owned()] {
                let port: Port = format!("{text}:1").parse().unwrap();
                assert_eq!((port.protocol.as_str(), port.name().as_str()), (written, name));
                let transport = if written == "UDP" { "UDP" } else { "TCP" };
                assert_eq!(port.protocol.transport(), transport);
            }
        }
        assert_eq!(Protocol::ALL.map(Protocol::as_str), OF_1_6.map(|(_, written, _)| written));
    }

    #[test]
    fn a_usual_port_says_what_it_is() {
        for (text, expected) in [
            ("80", "http:80"),
            ("8080", "http:8080"),
            ("443", "https:443"),
            ("3306", "mysql:3306"),
            (":80", "http:80"),
            ("tcp:80", "tcp:80"),
            ("HTTP:65535", "http:65535"),
        ] {
            assert_eq!(text.parse::<Port>().unwrap().to_string(), expected);
        }
    }

    #[test]
    fn wrong_ports_are_refused() {
        for (text, reason) in [
            ("3550", "port 3550 needs its protocol, as tcp:3550: tcp, udp, grpc, grpc-web, http"),
            (":3550", "needs its protocol"),
            ("spdy:80", "no protocol 'spdy'; it is one of tcp, udp, grpc, grpc-web, http, http2"),
            ("grpc_web:80", "no protocol 'grpc_web'"),
            ("http_proxy:3128", "egress listeners of a Sidecar"),
            ("HTTP_PROXY:3128", "use http"),
            ("http", "'http' is not a port"),
            ("http:", "'' is not a port"),
            ("http:0", "'0' is not a port from 1 to 65535"),
            ("http:65536", "'65536' is not"),
            ("http:+80", "'+80' is not"),
            ("http:-80", "'-80' is not"),
            ("http:080", "'080' is not"),
            ("http: 80", "' 80' is not"),
            ("http:80:8080", "'80:8080' is not"),
            ("80/tcp", "'80/tcp' is not"),
            ("", "'' is not"),
        ] {
            let error = text.parse::<Port>().unwrap_err();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(number in 1u16.., which in 0usize..12) {
            let number = number.to_string().parse().unwrap();
            let port = Port { number, protocol: Protocol::ALL[which] };
            prop_assert_eq!(port.to_string().parse::<Port>(), Ok(port));
            let name = port.name();
            prop_assert!(DnsLabel::parse(&name).is_ok() && name.len() <= 15, "{}", name);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,12}|[a-z]{0,5}:?[0-9]{0,6}") {
            let _ = text.parse::<Port>();
        }
    }
}
