//! The address of an API server, as a kubeconfig has it, made whole: client-go's
//! `DefaultServerURL` (`rest/url_utils.go`, client-go 0.33).

use http::Uri;
use meshcore::{Address, Error, Result};

/// `scheme://host[:port][/path]`, whatever else the address has. One without a scheme, as
/// `localhost:8443`, gets https where the kubeconfig says what TLS is checked with, and else http.
/// An error says what is wrong with it.
pub fn whole(server: &str, has_trust: bool) -> Result<Uri> {
    let wrong = |reason: &str| {
        Err(Error::data(format!("the server's address {} {reason}", Address::of(server))).hint(
            "it is the kubeconfig's clusters[].cluster.server, such as https://203.0.113.7:6443",
        ))
    };
    let is_url = server.find("://").is_some_and(|colon| !server[..colon].contains('/'));
    let scheme = if has_trust { "https" } else { "http" };
    let text = if is_url { server.to_owned() } else { format!("{scheme}://{server}") };
    let Ok(uri) = text.parse::<Uri>() else { return wrong("is not a URL or HOST:PORT") };
    let (Some(scheme @ ("https" | "http")), Some(authority)) = (uri.scheme_str(), uri.authority())
    else {
        return wrong("does not begin with https:// or http://");
    };
    if !is_url && !matches!(uri.path(), "" | "/") {
        return wrong("is not a URL or HOST:PORT");
    }
    let host = authority.host();
    let port = authority.as_str().rsplit_once('@').map_or(authority.as_str(), |(_, rest)| rest);
    let port = &port[host.len()..];
    if host.is_empty() || !matches!(port, "" | ":") && authority.port_u16().is_none_or(|p| p == 0) {
        return wrong("has no valid host and port");
    }
    let port = authority.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    let whole = format!("{scheme}://{host}{port}{}", uri.path());
    whole.parse().or_else(|_| wrong("is not a URL or HOST:PORT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_made_whole_as_kubectl_does() {
        for (server, has_trust, expected) in [
            ("https://h:6443", true, "https://h:6443/"),
            ("https://h/k8s/clusters/c", true, "https://h/k8s/clusters/c"),
            ("localhost:8443", false, "http://localhost:8443/"),
            ("localhost:8443", true, "https://localhost:8443/"),
            ("127.0.0.1", true, "https://127.0.0.1/"),
            ("[::1]:6443", true, "https://[::1]:6443/"),
            ("https://u:SECRET@h:1/a?token=SECRET#SECRET", true, "https://h:1/a"),
            ("https://h:", true, "https://h/"),
            ("http:", true, "https://http/"),
            ("HTTPS://H", true, "https://H/"),
        ] {
            let whole = whole(server, has_trust).unwrap().to_string();
            assert_eq!(whole, expected, "{server}");
        }
    }

    #[test]
    fn others_are_refused_without_what_is_secret() {
        for server in [
            "",
            "https://",
            "https://:443",
            "https://h:0",
            "https://h:99999",
            "https://h:x",
            "mailto:x",
            "javascript:alert",
            "a:b",
            "h/path",
            "/dev/null",
            "ftp://u:SECRET@h",
            "u:SECRET@h/a",
            "https://a b",
            "https://h\n",
            "https://[::1",
        ] {
            let error = whole(server, true).unwrap_err();
            assert!(!error.message().text().contains("SECRET"), "{error:?}");
        }
    }

    proptest::proptest! {
        /// kube joins it with a path, and panics where that cannot be.
        #[test]
        fn any_text_ends_in_an_address_or_an_error(server in "\\PC{0,24}|[a-z:/@?#\\[\\]0-9.%]{0,24}") {
            if let Ok(uri) = whole(&server, true) {
                proptest::prop_assert!(uri.scheme().is_some() && uri.authority().is_some());
                let joined = Uri::builder()
                    .scheme(uri.scheme_str().unwrap())
                    .authority(uri.authority().unwrap().as_str())
                    .path_and_query(format!("{}/api/v1?x=y", uri.path().trim_end_matches('/')));
                proptest::prop_assert!(joined.build().is_ok());
            }
        }
    }
}
