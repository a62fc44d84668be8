//! DNS names, of hosts and of Secrets.

use meshcore::DnsLabel;
use std::net::IpAddr;

/// Checks a host's name for a certificate; the first part may be `*`.
pub(crate) fn host(text: &str) -> Result<String, String> {
    if text.contains("://") {
        return Err("is a URI, and would be a DNS name that nobody asks for; the identity is \
                    --spiffe"
            .to_owned());
    }
    if text.parse::<IpAddr>().is_ok() {
        return Err("is an address, and not a DNS name".to_owned());
    }
    subdomain(text.strip_prefix("*.").unwrap_or(text)).map(|_| text.to_owned())
}

/// Checks a name as Kubernetes wants a Secret's.
pub(crate) fn subdomain(text: &str) -> Result<String, String> {
    if text.len() > 253 {
        return Err("has more than 253 characters".to_owned());
    }
    for label in text.split('.') {
        DnsLabel::parse(label).map_err(|reason| format!("has a part '{label}' that {reason}"))?;
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for text in ["vm", "vm.example.com", "*.example.com", "1.a"] {
            assert_eq!(host(text).unwrap(), text);
        }
        let long = "a.".repeat(127);
        for (text, reason) in [
            ("spiffee://cluster.local/ns/vm/sa/vm", "is a URI"),
            ("spiffe://cluster.local/ns/vm/sa/vm", "--spiffe"),
            ("10.0.0.1", "is an address"),
            ("fd00::1", "is an address"),
            ("", "that is empty"),
            ("a..b", "that is empty"),
            ("a.*", "'*' that may have"),
            ("Vm", "lower-case"),
            (&long, "253"),
        ] {
            assert!(host(text).unwrap_err().contains(reason), "{text}");
        }
    }
}
