//! The proxy between istiod and an API server.

use meshcore::Server;

/// Checks a proxy's address; the error completes "it …". client-go knows these schemes.
pub fn parse(url: &str) -> Result<String, String> {
    if url.contains('#')
        || url.rsplit_once('@').is_some_and(|(user, _)| user.matches('/').count() > 2)
    {
        return Err("must have %23, %2F and %3F where a password has #, / and ?".to_owned());
    }
    let uri: http::Uri =
        url.parse().map_err(|_| "is no URL, such as http://10.0.0.9:3128".to_owned())?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https" | "socks5"), Some(_)) => Ok(url.to_owned()),
        _ => Err("must begin with http://, https:// or socks5://".to_owned()),
    }
}

/// The proxy's host, and why another cluster cannot reach it, if that can be seen from it. The
/// rest of the address may hold a password and is not for messages.
#[must_use]
pub fn unreachable_because(url: &str) -> Option<(String, &'static str)> {
    let uri: http::Uri = url.parse().ok()?;
    let host = uri.host()?;
    let reason = Server::parse(&format!("https://{host}")).ok()?.unreachable_because()?;
    Some((host.to_owned(), reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_checked() {
        for url in
            ["http://10.0.0.9:3128", "https://u:p@proxy.example.com", "socks5://10.0.0.9:1080"]
        {
            assert_eq!(parse(url).as_deref(), Ok(url));
            assert_eq!(unreachable_because(url), None, "{url}");
        }
        for url in ["", "10.0.0.9:3128", "ftp://10.0.0.9", "http://", "a b"] {
            assert!(parse(url).is_err(), "{url}");
        }
        let local = unreachable_because("socks5://u:hush@localhost:1080").unwrap();
        assert_eq!(local, ("localhost".to_owned(), "is a loopback name"));
        assert!(unreachable_because("http://[::1]:3128").is_some());
    }
}
