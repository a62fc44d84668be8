//! Which service is asked for, and whether a host name in an object means it.

use meshcore::{Error, Result};

/// A Kubernetes Service, as far as its name is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its namespace, where it is said.
    pub namespace: Option<String>,
    /// The port that is asked, where it is said.
    pub port: Option<u16>,
}

impl Service {
    /// Reads `helloworld`, `helloworld.sample` or `helloworld.sample.svc.cluster.local`.
    pub fn parse(text: &str) -> Result<Self> {
        Self::of_host(text).ok_or_else(|| {
            Error::usage(format!("--service: {text:?} is no name of a service"))
                .hint("as --service helloworld.sample")
        })
    }

    /// The service of a URL such as `http://helloworld.sample:5000/hello`; none if its host is
    /// an address.
    #[must_use]
    pub fn of_url(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let authority = rest.split(['/', '?', '#']).next()?;
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (authority, if scheme == "https" { Some(443) } else { Some(80) }),
        };
        Some(Self { port, ..Self::of_host(host)? })
    }

    fn of_host(host: &str) -> Option<Self> {
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let labels: Vec<&str> = host.trim_end_matches('.').split('.').collect();
        let is_address = labels.iter().all(|label| label.bytes().all(|b| b.is_ascii_digit()));
        if !labels.iter().all(|label| is_label(label)) || is_address {
            return None;
        }
        let namespace = labels.get(1).map(|&namespace| namespace.to_owned());
        Some(Self { name: labels[0].to_owned(), namespace, port: None })
    }

    /// Whether this is the object of that name and namespace.
    #[must_use]
    pub fn is(&self, name: &str, namespace: &str) -> bool {
        self.name == name && self.namespace.as_deref().is_none_or(|own| own == namespace)
    }

    /// How well a host of an Istio object in `namespace` means this service: not at all, or the
    /// more, the more it says. A host without a dot is of the object's own namespace; one with a
    /// dot is a whole name (istio pkg/config/model: `ResolveShortnameToFQDN`).
    #[must_use]
    pub fn matches(&self, host: &str, namespace: &str) -> Option<usize> {
        if !host.contains('.') && !host.starts_with('*') {
            return self.is(host, namespace).then_some(usize::MAX);
        }
        if let Some(suffix) = host.strip_prefix('*') {
            let own = self.namespace.as_deref().unwrap_or(namespace);
            let name = format!("{}.{own}.svc.cluster.local", self.name);
            return name.ends_with(suffix).then_some(suffix.len());
        }
        let mut labels = host.split('.');
        let (name, namespace) = (labels.next()?, labels.next()?);
        (labels.next() == Some("svc") && self.is(name, namespace)).then_some(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn service(text: &str) -> Service {
        Service::parse(text).unwrap()
    }

    #[test]
    fn names_and_urls_are_read() {
        let named = |name: &str, namespace: Option<&str>, port| Service {
            name: name.to_owned(),
            namespace: namespace.map(str::to_owned),
            port,
        };
        assert_eq!(service("hello"), named("hello", None, None));
        assert_eq!(service("hello.a.svc.cluster.local"), named("hello", Some("a"), None));
        for (url, expected) in [
            ("http://hello.a:5000/hello", Some(named("hello", Some("a"), Some(5000)))),
            ("https://hello", Some(named("hello", None, Some(443)))),
            ("hello.a/x?y", Some(named("hello", Some("a"), Some(80)))),
            ("http://u:p@hello.a:80", Some(named("hello", Some("a"), Some(80)))),
            ("http://10.0.0.1:80/", None),
            ("http://[::1]:80/", None),
            ("http://hello:x", None),
            ("", None),
        ] {
            assert_eq!(Service::of_url(url), expected, "{url}");
        }
        assert!(Service::parse("").is_err() && Service::parse("a b").is_err());
    }

    #[test]
    fn hosts_mean_services_as_in_istio() {
        let own = service("hello.sample");
        for (host, namespace, matches) in [
            ("hello", "sample", true),
            ("hello", "other", false),
            ("hello.sample.svc.cluster.local", "other", true),
            ("hello.sample.svc.corp.example", "other", true),
            // A well-known trap: with a dot it is a whole name, and no service has that.
            ("hello.sample", "sample", false),
            ("*.sample.svc.cluster.local", "other", true),
            ("*.other.svc.cluster.local", "sample", false),
            ("*", "other", true),
            ("bye.sample.svc.cluster.local", "sample", false),
        ] {
            assert_eq!(own.matches(host, namespace).is_some(), matches, "{host}");
        }
        assert!(own.matches("*.local", "x") < own.matches("*.sample.svc.cluster.local", "x"));
        assert!(own.matches("*.sample.svc.cluster.local", "x") < own.matches("hello", "sample"));
        assert!(service("hello").matches("hello.any.svc.cluster.local", "x").is_some());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,30}|[a.:/@*\\[\\]]{0,20}") {
            let _ = (Service::of_url(&text), Service::parse(&text));
            let _ = service("a.b").matches(&text, "c");
        }
    }
}
