//! Host names of load balancers, as this machine resolves them.

use crate::address::Address;
use crate::reason::Reason;
use std::collections::BTreeSet;
use std::net::{IpAddr, ToSocketAddrs as _};

/// The addresses with IP addresses in place of names, each once; a name's in the order of their
/// numbers, as resolvers give them in a new order each time.
pub fn resolve(addresses: Vec<Address>) -> Result<Vec<Address>, Reason> {
    let mut resolved: Vec<Address> = Vec::new();
    for address in addresses {
        let ips = match address.address.parse::<IpAddr>() {
            Ok(_) => vec![address],
            Err(_) => look_up(&address)?,
        };
        for ip in ips {
            if !resolved.iter().any(|known| known.address == ip.address) {
                resolved.push(ip);
            }
        }
    }
    Ok(resolved)
}

fn look_up(address: &Address) -> Result<Vec<Address>, Reason> {
    let host = &address.address;
    let unresolved = |error: String| Reason::Unresolved { host: host.clone(), error };
    let found = (host.as_str(), 0).to_socket_addrs().map_err(|e| unresolved(e.to_string()))?;
    let ips: BTreeSet<IpAddr> = found.map(|socket| socket.ip()).collect();
    if ips.is_empty() {
        return Err(unresolved("it has no address".to_owned()));
    }
    let name = |ip: IpAddr| Address {
        address: ip.to_string(),
        hostname: Some(host.clone()),
        ..address.clone()
    };
    Ok(ips.into_iter().map(name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Source;

    fn address(text: &str) -> Address {
        let source = Source::LoadBalancer;
        Address { address: text.to_owned(), port: Some(1), source, hostname: None }
    }

    #[test]
    fn names_become_addresses_and_addresses_stay() {
        let found = resolve(vec![address("2001:db8::1"), address("localhost")]).unwrap();
        assert_eq!(found[0], address("2001:db8::1"));
        let local = found.iter().find(|found| found.address == "127.0.0.1").unwrap();
        assert_eq!((local.hostname.as_deref(), local.port), (Some("localhost"), Some(1)));
        let twice = resolve(vec![address("127.0.0.1"), address("localhost")]).unwrap();
        assert_eq!(twice.iter().filter(|found| found.address == "127.0.0.1").count(), 1);
    }

    #[test]
    fn a_name_that_leads_nowhere_is_told() {
        // Reserved so that nobody ever has it (RFC 2606).
        let reason = resolve(vec![address("ew.invalid")]).unwrap_err();
        assert!(matches!(&reason, Reason::Unresolved { host, .. } if host == "ew.invalid"));
        assert!(reason.may_pass());
    }
}
