//! How the other clusters reach an API server, and what is known of it.

use crate::authority::Authority;
use crate::endpoint::{self, Wanted};
use crate::proxy;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meshcore::cluster::Endpoint;
use meshcore::{Error, Message, Result, Server};
use meshkube::Trust;

/// How the others reach the API server.
#[derive(Debug, PartialEq, Eq)]
pub struct Way {
    /// Its address.
    pub server: Server,
    /// The CA of its certificate, as far as the way itself tells.
    pub authority: Option<Authority>,
    /// The name in its certificate, when it is not the host.
    pub tls_server_name: Option<String>,
    /// The proxy on the way.
    pub proxy_url: Option<String>,
    /// Whether it is a DNS-based endpoint of GKE.
    pub is_dns_based: bool,
}

/// What the user says of the way.
#[derive(Debug, Clone, Copy)]
pub struct Wishes<'a> {
    /// Which endpoint of the record.
    pub endpoint: Wanted,
    /// The address itself.
    pub server: Option<&'a Server>,
    /// The name in the certificate.
    pub tls_server_name: Option<&'a str>,
    /// The proxy.
    pub proxy_url: Option<&'a str>,
}

/// How the kubeconfig reaches the API server.
#[derive(Debug, Clone, Copy)]
pub struct Own<'a> {
    /// The address.
    pub server: &'a str,
    /// What its certificate is checked with.
    pub trust: &'a Trust,
    /// `tls-server-name`.
    pub tls_server_name: Option<&'a str>,
    /// `proxy-url`.
    pub proxy_url: Option<&'a str>,
}

impl Way {
    /// Chooses the way: the user's, that of the record's endpoints, or the kubeconfig's.
    pub fn choose(
        wishes: Wishes<'_>,
        endpoints: &[Endpoint],
        own: Option<Own<'_>>,
    ) -> Result<Self> {
        let endpoint = match wishes.server {
            Some(_) => None,
            None => endpoint::choose(endpoints, wishes.endpoint)
                .map_err(|text| Error::data(format!("the record {text}")))?,
        };
        let url = endpoint.map(|e| e.url.as_str()).or(own.map(|own| own.server));
        let server = match (wishes.server, url) {
            (Some(server), _) => server.clone(),
            (None, Some(url)) => Server::parse(url).map_err(|text| {
                Error::data(format!("the server address {url:?} {text}"))
                    .hint("give the address that the others can reach with --server")
            })?,
            (None, None) => {
                return Err(Error::usage("nothing says where the API server answers")
                    .hint("give its address with --server, or its record"));
            }
        };
        // What the kubeconfig says of the way is for the kubeconfig's address.
        let own = own.filter(|own| endpoint::is_same(own.server, server.url()));
        let is_dns_based = endpoint::is_dns_based(endpoint, server.url());
        let ca_data = endpoint.and_then(|endpoint| endpoint.ca_data.as_deref());
        let authority =
            match (ca_data, own.map(|own| own.trust)) {
                (Some(data), _) => {
                    let pem = STANDARD.decode(data).map_err(|_| "is no base64".to_owned());
                    let authority = pem.and_then(Authority::from_pem);
                    Some(authority.map_err(|text| {
                        Error::data(format!("caData of {} {text}", server.url()))
                    })?)
                }
                (None, _) if is_dns_based => Some(Authority::Public),
                (None, Some(Trust::Authorities(certificates))) => {
                    Some(Authority::from_der(certificates))
                }
                (None, Some(Trust::System)) => Some(Authority::Public),
                (None, Some(Trust::Nothing) | None) => None,
            };
        let text = |text: &str| text.to_owned();
        let tls_server_name = wishes.tls_server_name.or(own.and_then(|own| own.tls_server_name));
        let proxy_url = wishes.proxy_url.or(own.and_then(|own| own.proxy_url));
        Ok(Self {
            authority,
            tls_server_name: tls_server_name.map(text),
            proxy_url: proxy_url.map(text),
            is_dns_based,
            server,
        })
    }

    /// What the user should know of the way, and of what is left out of it.
    #[must_use]
    pub fn warnings(&self, own: Option<Own<'_>>) -> Vec<Message> {
        let url = self.server.url();
        let mut warnings = Vec::new();
        let mut warn = |text: String, hint: &str| warnings.push(Message::new(text).hint(hint));
        // Behind a proxy any address will do that the proxy can reach.
        if let Some(proxy_url) = &self.proxy_url {
            if let Some((host, why)) = proxy::unreachable_because(proxy_url) {
                warn(
                    format!("the proxy {host} {why}: another cluster cannot reach it"),
                    "give the others' proxy with --proxy-url",
                );
            }
        } else {
            if own.is_some_and(|own| own.proxy_url.is_some()) {
                warn(
                    format!("the kubeconfig's proxy-url is not passed on for {url}"),
                    "--proxy-url gives the others a proxy",
                );
            }
            if let Some(why) = self.server.unreachable_because() {
                warn(
                    format!("{url} {why}: another cluster cannot reach it"),
                    "give the address that the others can reach with --server",
                );
            }
        }
        if self.is_dns_based {
            warn(
                format!("{url} takes tokens of service accounts only where that is switched on"),
                "gcloud container clusters update CLUSTER --enable-k8s-tokens-via-dns does it",
            );
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshcore::cluster::EndpointKind;

    const NO_WISHES: Wishes<'static> =
        Wishes { endpoint: Wanted::Auto, server: None, tls_server_name: None, proxy_url: None };

    fn kubeconfig<'a>(server: &'a str, trust: &'a Trust) -> Own<'a> {
        let proxy_url = Some("socks5://localhost:1080");
        Own { server, trust, tls_server_name: Some("kubernetes"), proxy_url }
    }

    fn endpoint(url: &str, kind: EndpointKind, ca: Option<&Authority>) -> Endpoint {
        let ca_data = ca.map(|ca| match ca {
            Authority::Certificates(pem) => STANDARD.encode(pem),
            Authority::Public => String::new(),
        });
        Endpoint { url: url.to_owned(), kind, ca_data }
    }

    #[test]
    fn the_kubeconfigs_way_is_kept_whole() {
        let trust = Trust::Authorities(vec![b"CA".to_vec()]);
        let own = kubeconfig("https://10.0.0.2", &trust);
        let way = Way::choose(NO_WISHES, &[], Some(own)).unwrap();
        assert_eq!(way.authority, Some(Authority::from_der(&[b"CA".to_vec()])));
        assert_eq!(way.tls_server_name.as_deref(), Some("kubernetes"));
        assert_eq!(way.proxy_url.as_deref(), Some("socks5://localhost:1080"));
        let warnings = way.warnings(Some(own));
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].text().starts_with("the proxy localhost is a loopback name"));
        for (trust, authority) in [(Trust::System, Some(Authority::Public)), (Trust::Nothing, None)]
        {
            let own = kubeconfig("https://10.0.0.2", &trust);
            assert_eq!(Way::choose(NO_WISHES, &[], Some(own)).unwrap().authority, authority);
        }
    }

    #[test]
    fn another_address_has_nothing_of_the_kubeconfigs() {
        let trust = Trust::Authorities(vec![b"CA".to_vec()]);
        let own = Some(kubeconfig("https://127.0.0.1:8443", &trust));
        let server = Server::parse("https://10.0.0.2").unwrap();
        // A server name stays with the server it is given for.
        let wishes = Wishes { server: Some(&server), tls_server_name: Some("a.b"), ..NO_WISHES };
        let way = Way::choose(wishes, &[], own).unwrap();
        let expected = Way {
            server: server.clone(),
            authority: None,
            tls_server_name: Some("a.b".to_owned()),
            proxy_url: None,
            is_dns_based: false,
        };
        assert_eq!(way, expected);
        let warnings = way.warnings(own);
        assert!(warnings[0].text().contains("proxy-url is not passed on"), "{warnings:?}");
        assert_eq!(warnings.len(), 1);
    }

    #[test]
    fn the_records_endpoint_has_a_ca_of_its_own() {
        let trust = Trust::Authorities(vec![b"CA".to_vec()]);
        let own = Some(kubeconfig("https://34.1.1.1", &trust));
        let ca = Authority::from_der(&[b"private".to_vec()]);
        let endpoints = [
            endpoint("https://x.gke.goog", EndpointKind::Dns, None),
            endpoint("https://10.0.0.2", EndpointKind::Private, Some(&ca)),
        ];
        let way = Way::choose(NO_WISHES, &endpoints, own).unwrap();
        assert_eq!((way.server.url(), way.authority), ("https://10.0.0.2", Some(ca)));
        let wishes = Wishes { endpoint: Wanted::Dns, ..NO_WISHES };
        let way = Way::choose(wishes, &endpoints, own).unwrap();
        assert_eq!(way.authority, Some(Authority::Public));
        let warnings = way.warnings(None);
        assert!(warnings[0].hints()[0].contains("--enable-k8s-tokens-via-dns"), "{warnings:?}");
    }

    #[test]
    fn what_leads_nowhere_is_refused() {
        let refusal = |wishes, endpoints: &[Endpoint], own: Option<Own<'_>>| {
            Way::choose(wishes, endpoints, own).unwrap_err().message().text().to_owned()
        };
        assert_eq!(refusal(NO_WISHES, &[], None), "nothing says where the API server answers");
        let own = kubeconfig("10.0.0.2", &Trust::System);
        let text = refusal(NO_WISHES, &[], Some(own));
        assert!(text.starts_with("the server address \"10.0.0.2\" needs its scheme"), "{text}");
        let text = refusal(Wishes { endpoint: Wanted::Private, ..NO_WISHES }, &[], None);
        assert_eq!(text, "the record has no private endpoint; it has: none");
        for (data, reason) in [("?", "is no base64"), ("Q0E=", "holds no certificate in PEM")] {
            let mut broken = endpoint("https://10.0.0.2", EndpointKind::Private, None);
            broken.ca_data = Some(data.to_owned());
            let text = refusal(NO_WISHES, &[broken], None);
            assert_eq!(text, format!("caData of https://10.0.0.2 {reason}"));
        }
    }
}
