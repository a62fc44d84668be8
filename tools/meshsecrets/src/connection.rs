//! The way from istiod to the API server of another cluster: address, proxy, certificate.

use crate::check;
use crate::subject::Subject;
use meshcore::credentials::{Cluster, is_pem};
use meshcore::finding::Finding;
use meshcore::{Address, Server};
use serde_json::json;
use std::net::IpAddr;

/// Findings about a valid entry of a kubeconfig.
#[must_use]
pub fn findings(subject: Subject<'_>, cluster: &Cluster) -> Vec<Finding> {
    let mut found = Vec::new();
    let address = shown(&cluster.server);
    let evidence = || json!({"server": address});
    let with_server = || subject.make_again(&["--server", "URL"]);
    let finding = |check, text: &str, fix| subject.finding(check, text, evidence(), fix);
    match Server::parse(&cluster.server) {
        Err(reason) => {
            let text = format!("its server {address:?} {reason}");
            found.push(finding(check::SERVER, &text, with_server()));
        }
        Ok(server) => {
            if let Some(why) = server.unreachable_because() {
                let check = if leads_nowhere_else(&cluster.server) {
                    check::SERVER_LOCAL
                } else {
                    check::SERVER_NAME
                };
                let text =
                    format!("its server {} {why}: istiod's pod does not get there", server.url());
                found.push(finding(check, &text, with_server()));
            }
        }
    }
    if !cluster.proxy_url.is_empty() {
        let text = "the way goes through a proxy (proxy-url), which istiod has to reach";
        found.push(finding(check::PROXY, text, with_server()));
    }
    found.extend(authority(subject, cluster));
    found
}

fn authority(subject: Subject<'_>, cluster: &Cluster) -> Option<Finding> {
    let finding = |check, text: &str| {
        let evidence = json!({"server": shown(&cluster.server)});
        Some(subject.finding(check, text, evidence, subject.make_again(&[])))
    };
    let data = &cluster.certificate_authority_data.0;
    let host = host(&cluster.server).unwrap_or_default();
    if cluster.insecure_skip_tls_verify {
        return finding(
            check::UNVERIFIED,
            "the server's certificate is not checked (insecure-skip-tls-verify): whoever answers \
             gets the token",
        );
    }
    if let Some(found) = file(subject, cluster) {
        return Some(found);
    }
    if data.is_empty() {
        // GKE's DNS endpoint and many a front have a certificate that every client trusts.
        return host.parse::<IpAddr>().ok().and_then(|_| {
            finding(
                check::NO_CA,
                "it has no CA, and no public one signs certificates for an API server's address",
            )
        });
    }
    if !is_pem(data, "CERTIFICATE") {
        return finding(check::CA, "its certificate-authority-data is no PEM certificate");
    }
    if host.ends_with(".gke.goog") {
        return finding(
            check::PUBLIC_CA,
            "GKE's DNS endpoint has a public certificate, which the cluster's own CA does not fit",
        );
    }
    None
}

/// A CA that istiod would read from a file.
pub(crate) fn file(subject: Subject<'_>, cluster: &Cluster) -> Option<Finding> {
    let text = "its CA is a file, which has to be in istiod's pod: put it into \
                certificate-authority-data";
    let evidence = json!({"server": shown(&cluster.server)});
    let finding = || subject.finding(check::CA_FILE, text, evidence, subject.make_again(&[]));
    (!cluster.certificate_authority.is_empty()).then(finding)
}

/// Whether an API server's address means the machine that it is used on.
#[must_use]
pub fn leads_nowhere_else(url: &str) -> bool {
    let server = Server::parse(url);
    server.is_ok_and(|server| server.unreachable_because().is_some()) && is_local(url)
}

fn is_local(url: &str) -> bool {
    let host = host(url).unwrap_or_default();
    let name = host.trim_end_matches('.');
    host.parse::<IpAddr>().is_ok() || name == "localhost" || name.ends_with(".localhost")
}

/// An address without what may be a password in it.
#[must_use]
pub fn shown(url: &str) -> String {
    Address::of(url).into_string()
}

fn host(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    Some(uri.host()?.trim_matches(['[', ']']).to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::tests::{remote_secret, subject};
    use meshcore::credentials::Bytes;

    fn codes(cluster: &Cluster) -> Vec<&'static str> {
        let secret = remote_secret(&json!(null));
        findings(subject(&secret), cluster).iter().map(|finding| finding.code).collect()
    }

    fn ca() -> Bytes {
        Bytes(b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n".to_vec())
    }

    #[test]
    fn servers_must_be_reached_from_elsewhere() {
        for (server, expected) in [
            ("https://203.0.113.7:6443", &[][..]),
            ("https://10.0.0.2", &[]),
            ("https://api.example.com", &[]),
            ("http://10.0.0.2", &["MESH0421"]),
            ("10.0.0.2:6443", &["MESH0421"]),
            ("https://127.0.0.1:6443", &["MESH0422"]),
            ("https://[::1]:6443", &["MESH0422"]),
            ("https://0.0.0.0:6443", &["MESH0422"]),
            ("https://localhost:6443", &["MESH0422"]),
            ("https://kind-control-plane:6443", &["MESH0423"]),
            ("https://host.docker.internal:6443", &["MESH0423"]),
            ("https://gke-1.us-west2.gke.goog", &["MESH0429"]),
        ] {
            let server = server.to_owned();
            let cluster =
                Cluster { server, certificate_authority_data: ca(), ..Cluster::default() };
            assert_eq!(codes(&cluster), expected, "{}", cluster.server);
        }
    }

    #[test]
    fn addresses_are_shown_without_passwords() {
        for (url, text) in [
            ("https://h:6443/a", "https://h:6443/a"),
            ("https://u:secret@h/a?token=secret", "https://h/a"),
            ("u:secret@h", "h"),
            ("", ""),
        ] {
            assert_eq!(shown(url), text);
        }
        assert_eq!(
            codes(&Cluster { server: "https://u:secret@h.x".into(), ..Cluster::default() }),
            ["MESH0421"]
        );
    }

    #[test]
    fn certificates_must_be_checked_against_something() {
        let base = || Cluster { server: "https://10.0.0.2".into(), ..Cluster::default() };
        assert_eq!(codes(&base()), ["MESH0427"]);
        let public = Cluster { server: "https://x.us-west2.gke.goog".into(), ..base() };
        assert_eq!(codes(&public), [] as [&str; 0]);
        assert_eq!(codes(&Cluster { insecure_skip_tls_verify: true, ..base() }), ["MESH0425"]);
        assert_eq!(codes(&Cluster { certificate_authority: "/ca".into(), ..base() }), ["MESH0426"]);
        let junk = Bytes(b"CA".to_vec());
        assert_eq!(codes(&Cluster { certificate_authority_data: junk, ..base() }), ["MESH0428"]);
        let proxy = Cluster {
            proxy_url: "http://user:secret@p".into(),
            certificate_authority_data: ca(),
            ..base()
        };
        assert_eq!(codes(&proxy), ["MESH0424"]);
        let secret = remote_secret(&json!(null));
        let text = format!("{:?}", findings(subject(&secret), &proxy));
        assert!(!text.contains("secret@"), "{text}");
    }
}
