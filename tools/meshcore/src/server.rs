//! The address under which the other clusters' istiod reach an API server.

use std::net::IpAddr;

/// A checked `https://HOST[:PORT][/PATH]`, kept as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    url: String,
    host: String,
}

impl Server {
    /// Checks an address; the error completes "ADDRESS …". istiod reports a missing or wrong
    /// scheme only as a vague connection error, so it is refused here.
    pub fn parse(url: &str) -> Result<Self, String> {
        let wrong = |reason: &str| Err(reason.to_owned());
        let Ok(uri) = url.parse::<http::Uri>() else {
            return wrong("is no URL, such as https://203.0.113.7:6443");
        };
        match uri.scheme_str() {
            Some("https") => {}
            Some(_) => return wrong("must begin with https://"),
            None => return wrong("needs its scheme: write https:// before it"),
        }
        let Some(authority) = uri.authority() else { return wrong("has no host") };
        // In a path, too: what looks like a host may be the beginning of a password.
        if url.contains('@') {
            return wrong("must not hold a user or password");
        }
        if uri.query().is_some() {
            return wrong("must not have a query");
        }
        // Read as a URL it is gone already.
        if url.contains('#') {
            return wrong("must not have a # in it");
        }
        let port = &authority.as_str()[authority.host().len()..];
        if port == ":" || (!port.is_empty() && authority.port_u16().is_none_or(|port| port == 0)) {
            return wrong("has no valid port");
        }
        let host = authority.host().trim_matches(['[', ']']).to_ascii_lowercase();
        Ok(Self { url: url.to_owned(), host })
    }

    /// As written.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Why another cluster cannot reach this address, if that can be seen from the address.
    /// Private addresses are not refused: clusters of one VPC network use them on purpose.
    #[must_use]
    pub fn unreachable_because(&self) -> Option<&'static str> {
        match self.host.parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(address) if address.is_loopback() => Some("is a loopback address"),
            Ok(address) if address.is_unspecified() => Some("is the unspecified address"),
            Ok(IpAddr::V4(address)) if address.is_link_local() => Some("is a link-local address"),
            Ok(IpAddr::V6(address)) if address.is_unicast_link_local() => {
                Some("is a link-local address")
            }
            Ok(_) => None,
            Err(_) => self.unreachable_name(),
        }
    }

    fn unreachable_name(&self) -> Option<&'static str> {
        let host = self.host.trim_end_matches('.');
        let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| host.ends_with(suffix));
        if host == "localhost" || ends(&[".localhost"]) {
            Some("is a loopback name")
        } else if ends(&[".docker.internal"]) {
            Some("is a name that only this machine's containers know")
        } else if ends(&[".svc", ".svc.cluster.local"]) {
            Some("is a name that only the cluster itself knows")
        } else if ends(&[".local"]) {
            Some("is a multicast DNS name")
        } else if !host.contains('.') {
            Some("is a name without a domain")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_another_cluster_cannot_reach_are_known() {
        for (url, reason) in [
            ("https://127.0.0.1:6443", "loopback"),
            ("https://127.9.9.9", "loopback"),
            ("https://[::1]:6443", "loopback"),
            ("https://[::ffff:127.0.0.1]:6443", "loopback"),
            ("https://LOCALHOST:6443", "loopback"),
            ("https://kind.localhost:6443", "loopback"),
            ("https://0.0.0.0:6443", "unspecified"),
            ("https://[::]:6443", "unspecified"),
            ("https://169.254.1.1", "link-local"),
            ("https://[fe80::1]", "link-local"),
            ("https://host.docker.internal:6443", "containers"),
            ("https://kubernetes.default.svc", "cluster itself"),
            ("https://mac.local:6443", "multicast"),
            ("https://kind-control-plane:6443", "without a domain"),
        ] {
            let why = Server::parse(url).unwrap().unreachable_because();
            assert!(why.is_some_and(|why| why.contains(reason)), "{url}: {why:?}");
        }
        for url in [
            "https://10.0.0.2",
            "https://192.168.1.2:6443",
            "https://34.1.1.1",
            "https://[2001:db8::1]:6443",
            "https://api.example.com:6443",
            "https://rancher.example.com/k8s/clusters/c-1",
            "https://gke-1.us-west2-a.gke.goog",
        ] {
            assert_eq!(Server::parse(url).unwrap().unreachable_because(), None, "{url}");
        }
    }

    #[test]
    fn what_istiod_could_not_use_is_refused() {
        for (url, reason) in [
            ("", "no URL"),
            ("10.0.0.2", "scheme"),
            ("10.0.0.2:6443", "scheme"),
            ("http://10.0.0.2", "https://"),
            ("https://", "no URL"),
            ("https://a b", "no URL"),
            ("https://h:", "port"),
            ("https://h:0", "port"),
            ("https://h:99999", "port"),
            ("https://h:x", "port"),
            ("https://u:p@h", "user"),
            ("https://p/x@h", "user"),
            ("https://h/?a", "query"),
            ("https://h/#a", "#"),
        ] {
            let error = Server::parse(url).unwrap_err();
            assert!(error.contains(reason), "{url}: {error}");
        }
    }
}
