//! Which address of an API server the other clusters are given.

use meshcore::Server;
use meshcore::cluster::{Endpoint, EndpointKind};

/// Which of a record's endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Wanted {
    /// The public one, or else the private one, or else the DNS-based one
    Auto,
    /// For clusters anywhere
    Public,
    /// For clusters of the same VPC network, or one that is joined to it
    Private,
    /// GKE's, with a public certificate
    Dns,
}

impl Wanted {
    fn kinds(self) -> &'static [EndpointKind] {
        use EndpointKind::{Dns, Private, Public};
        match self {
            Self::Auto => &[Public, Private, Dns],
            Self::Public => &[Public],
            Self::Private => &[Private],
            Self::Dns => &[Dns],
        }
    }
}

/// Chooses an endpoint of a record, one that others can reach if there is one. A private cluster
/// has no public one in its record. `None` when the record has none at all; the error completes
/// "the record …".
pub fn choose(endpoints: &[Endpoint], wanted: Wanted) -> Result<Option<&Endpoint>, String> {
    let candidates: Vec<&Endpoint> = wanted
        .kinds()
        .iter()
        .flat_map(|kind| endpoints.iter().filter(|endpoint| endpoint.kind == *kind))
        .collect();
    let reachable = |endpoint: &&&Endpoint| {
        Server::parse(&endpoint.url).is_ok_and(|server| server.unreachable_because().is_none())
    };
    let chosen = candidates.iter().find(reachable).or(candidates.first()).copied();
    if chosen.is_none() && wanted != Wanted::Auto {
        let known: Vec<String> =
            endpoints.iter().map(|e| format!("{} ({})", e.url, kind_name(e.kind))).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let wanted = wanted.kinds().iter().map(|kind| kind_name(*kind)).collect::<String>();
        return Err(format!("has no {wanted} endpoint; it has: {known}"));
    }
    Ok(chosen)
}

fn kind_name(kind: EndpointKind) -> &'static str {
    match kind {
        EndpointKind::Public => "public",
        EndpointKind::Private => "private",
        EndpointKind::Dns => "dns",
    }
}

/// Whether two addresses are the same but for their spelling.
#[must_use]
pub fn is_same(a: &str, b: &str) -> bool {
    let plain = |url: &str| {
        let url = url.trim_end_matches('/').to_ascii_lowercase();
        url.strip_suffix(":443").map_or_else(|| url.clone(), str::to_owned)
    };
    plain(a) == plain(b)
}

/// Whether this is a DNS-based endpoint of GKE, whose certificate is of a public CA.
#[must_use]
pub fn is_dns_based(endpoint: Option<&Endpoint>, url: &str) -> bool {
    endpoint.is_some_and(|endpoint| endpoint.kind == EndpointKind::Dns)
        || url.split('/').nth(2).is_some_and(|authority| {
            authority.split(':').next().is_some_and(|host| host.ends_with(".gke.goog"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints(all: &[(&str, EndpointKind)]) -> Vec<Endpoint> {
        let endpoint = |&(url, kind): &(&str, _)| Endpoint {
            url: format!("https://{url}"),
            kind,
            ca_data: None,
        };
        all.iter().map(endpoint).collect()
    }

    fn chosen(all: &[(&str, EndpointKind)], wanted: Wanted) -> Result<Option<String>, String> {
        let endpoints = endpoints(all);
        choose(&endpoints, wanted).map(|found| found.map(|e| e.url["https://".len()..].to_owned()))
    }

    #[test]
    fn private_clusters_give_their_private_address() {
        use EndpointKind::{Dns, Private, Public};
        let public = [("10.0.0.2", Private), ("34.1.1.1", Public), ("x.gke.goog", Dns)];
        let private = [("x.gke.goog", Dns), ("10.0.0.2", Private)];
        assert_eq!(chosen(&public, Wanted::Auto), Ok(Some("34.1.1.1".into())));
        assert_eq!(chosen(&private, Wanted::Auto), Ok(Some("10.0.0.2".into())));
        assert_eq!(chosen(&public, Wanted::Private), Ok(Some("10.0.0.2".into())));
        assert_eq!(chosen(&private, Wanted::Dns), Ok(Some("x.gke.goog".into())));
        assert_eq!(chosen(&[], Wanted::Auto), Ok(None));
        let error = chosen(&private, Wanted::Public).unwrap_err();
        assert_eq!(
            error,
            "has no public endpoint; it has: https://x.gke.goog (dns), https://10.0.0.2 (private)"
        );
        assert_eq!(chosen(&[], Wanted::Dns).unwrap_err(), "has no dns endpoint; it has: none");
    }

    #[test]
    fn an_address_that_others_can_reach_comes_first() {
        use EndpointKind::{Private, Public};
        let tunnel = [("127.0.0.1:8443", Private), ("10.0.0.2", Private)];
        assert_eq!(chosen(&tunnel, Wanted::Auto), Ok(Some("10.0.0.2".into())));
        let alone = [("localhost:8443", Public)];
        assert_eq!(chosen(&alone, Wanted::Auto), Ok(Some("localhost:8443".into())));
    }

    #[test]
    fn spelling_makes_no_other_address() {
        assert!(is_same("https://A.example.com/", "https://a.example.com"));
        assert!(is_same("https://10.0.0.2:443", "https://10.0.0.2"));
        assert!(!is_same("https://10.0.0.2:6443", "https://10.0.0.2"));
        assert!(is_dns_based(None, "https://gke-1.us-west2-a.gke.goog"));
        assert!(is_dns_based(None, "https://gke-1.us-west2-a.gke.goog:443/"));
        assert!(!is_dns_based(None, "https://10.0.0.2/x.gke.goog"));
    }
}
