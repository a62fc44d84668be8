//! `hosts`: whether the machine finds istiod by it.

use super::report::Report;
use super::table;
use crate::bundle::HOSTS;
use serde_json::json;
use std::net::IpAddr;

/// Looks at the text. `istiod` is the host that the agent looks for, `machine` the machine's own
/// address where it is known.
pub fn check(text: &str, istiod: &str, machine: Option<IpAddr>, report: &mut Report<'_>) {
    let again =
        "give the gateway's address to mesh-vm-env with --ingress-ip, or --resolve its name";
    let mut lines = 0;
    let mut is_named = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(first) = words.next() else { continue };
        lines += 1;
        let number = number + 1;
        let names: Vec<&str> = words.collect();
        let Ok(ip) = first.parse::<IpAddr>() else {
            // Without its words: they may be those of any file that a link leads to.
            let text = format!("has no IP address in line {number}");
            report.find(table::HOSTS_LINE, HOSTS, &text, json!({"line": number}), again);
            continue;
        };
        let evidence = json!({"line": number, "address": first, "names": names});
        if names.is_empty() {
            let text = format!("has no name in line {number}");
            report.find(table::HOSTS_LINE, HOSTS, &text, evidence, again);
            continue;
        }
        let is_istiod = names.contains(&istiod);
        is_named |= is_istiod;
        if leads_nowhere(ip) {
            let text = format!("has {ip}, which leads to no other machine");
            report.find(table::HOSTS_ADDRESS, HOSTS, &text, evidence, again);
        } else if is_private(ip) && !machine.is_some_and(is_private) {
            let text = format!("has {ip}, which only networks that are joined to its own reach");
            let fix = "is the machine in such a network? if not, take the gateway's public address";
            report.find(table::HOSTS_PRIVATE, HOSTS, &text, evidence, fix);
        }
    }
    if lines == 0 {
        let text = "is empty: the machine does not find istiod";
        report.find(table::HOSTS_EMPTY, HOSTS, text, json!({}), again);
    } else if !is_named && istiod.parse::<IpAddr>().is_err() {
        let text = format!("does not name {istiod}, which the agent looks for");
        let evidence = json!({"istiod": istiod});
        report.find(table::HOSTS_ISTIOD, HOSTS, &text, evidence, again);
    }
}

fn leads_nowhere(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    ip.is_loopback()
        || ip.is_unspecified()
        || ip.is_multicast()
        || match ip {
            IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        }
}

/// RFC 1918, RFC 4193, and the shared addresses of RFC 6598 that clouds use inside.
fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private() || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISTIOD: &str = "istiod.istio-system.svc";

    fn codes(text: &str, machine: Option<&str>) -> Vec<&'static str> {
        let mut report = Report::new("vm");
        check(text, ISTIOD, machine.map(|ip| ip.parse().unwrap()), &mut report);
        report.into_findings().into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn istiod_has_an_address_or_it_is_told_why_not() {
        for (text, expected) in [
            ("203.0.113.1 istiod.istio-system.svc\n", &[][..]),
            ("# gateway\n\n2001:db8::1\ta istiod.istio-system.svc # b\n", &[]),
            ("", &["MESH0811"]),
            (" \n# 203.0.113.1 istiod.istio-system.svc\n", &["MESH0811"]),
            ("a.elb.example istiod.istio-system.svc\n", &["MESH0812", "MESH0815"]),
            ("203.0.113.1\n", &["MESH0812", "MESH0815"]),
            ("203.0.113.1 istio-pilot\n", &["MESH0815"]),
            ("127.0.0.1 istiod.istio-system.svc\n", &["MESH0813"]),
            ("::ffff:0.0.0.0 istiod.istio-system.svc\n", &["MESH0813"]),
            ("fe80::1 istiod.istio-system.svc\n", &["MESH0813"]),
            ("10.0.0.7 istiod.istio-system.svc\n", &["MESH0814"]),
            ("100.64.0.7 istiod.istio-system.svc\n", &["MESH0814"]),
            ("fd00::7 istiod.istio-system.svc\n", &["MESH0814"]),
        ] {
            assert_eq!(codes(text, None), expected, "{text:?}");
        }
    }

    #[test]
    fn a_machine_with_a_private_address_may_be_of_the_same_network() {
        let text = "10.0.0.7 istiod.istio-system.svc\n";
        assert_eq!(codes(text, Some("10.9.0.1")), [] as [&str; 0]);
        assert_eq!(codes(text, Some("203.0.113.9")), ["MESH0814"]);
    }
}
