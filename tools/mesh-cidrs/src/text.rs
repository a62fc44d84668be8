//! Ranges as text.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::Ipv6Addr;

/// Ranges, each followed by `separator`. The standard library's way of writing addresses costs
/// more than all else that is done to a long list.
pub(crate) fn separated(set: &[IpNet], separator: u8) -> String {
    let mut out = Vec::with_capacity(set.len() * 18);
    for net in set {
        match net {
            IpNet::V4(net) => push_v4(&mut out, *net, separator),
            IpNet::V6(net) => {
                push_v6(&mut out, *net);
                out.push(separator);
            }
        }
    }
    String::from_utf8(out).expect("it is ASCII")
}

const fn digit(number: usize) -> u8 {
    b"0123456789"[number % 10]
}

/// Numbers with a dot after them, and how many bytes that is.
const OCTETS: [([u8; 4], usize); 256] = {
    let mut octets = [([0; 4], 0); 256];
    let mut n = 0;
    while n < 256 {
        let [ones, tens, hundreds] = [digit(n), digit(n / 10), digit(n / 100)];
        octets[n] = match n {
            0..10 => ([ones, b'.', 0, 0], 2),
            10..100 => ([tens, ones, b'.', 0], 3),
            _ => ([hundreds, tens, ones, b'.'], 4),
        };
        n += 1;
    }
    octets
};

fn push_v4(out: &mut Vec<u8>, net: Ipv4Net, separator: u8) {
    let mut line = [0; 20];
    let mut length = 0;
    let [a, b, c, d] = net.network().octets();
    for (number, end) in [(a, b'.'), (b, b'.'), (c, b'.'), (d, b'/'), (net.prefix_len(), separator)]
    {
        let (text, width) = OCTETS[usize::from(number)];
        line[length..length + 4].copy_from_slice(&text);
        length += width;
        line[length - 1] = end;
    }
    // What is cut off again is cheaper than a copy of a length that is not known.
    let end = out.len() + length;
    out.extend_from_slice(&line);
    out.truncate(end);
}

/// As RFC 5952 says.
fn push_v6(out: &mut Vec<u8>, net: Ipv6Net) {
    let address = net.network();
    if address.to_ipv4_mapped().is_some() {
        out.extend_from_slice(net.to_string().as_bytes());
        return;
    }
    let groups = address.segments();
    let (start, length) = longest_zeros(address);
    for (i, &group) in groups.iter().enumerate() {
        if (start..start + length).contains(&i) {
            if i == start {
                out.extend_from_slice(b"::");
            }
            continue;
        }
        if i > 0 && i != start + length {
            out.push(b':');
        }
        push_hexadecimal(out, group);
    }
    out.push(b'/');
    push_number(out, net.prefix_len());
}

/// Where "::" stands and for how many groups: for the first of the longest, if for two at least.
fn longest_zeros(address: Ipv6Addr) -> (usize, usize) {
    let (mut longest, mut current) = ((0, 0), (0, 0));
    for (i, group) in address.segments().into_iter().enumerate() {
        current = if group == 0 { (current.0, current.1 + 1) } else { (i + 1, 0) };
        if current.1 > longest.1 {
            longest = current;
        }
    }
    if longest.1 > 1 { longest } else { (8, 0) }
}

fn push_number(out: &mut Vec<u8>, number: u8) {
    for (divisor, least) in [(100, 100), (10, 10), (1, 0)] {
        if number >= least {
            out.push(b'0' + number / divisor % 10);
        }
    }
}

fn push_hexadecimal(out: &mut Vec<u8>, group: u16) {
    for (shift, least) in [(12, 0x1000), (8, 0x100), (4, 0x10), (0, 0)] {
        if group >= least {
            out.push(b"0123456789abcdef"[usize::from(group >> shift & 0xf)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranges_are_written_as_the_library_writes_them(address: [u8; 4], length in 0u8..=32) {
            let net = IpNet::new(address.into(), length).unwrap().trunc();
            prop_assert_eq!(separated(&[net], b','), format!("{net},"));
        }

        #[test]
        fn so_are_those_of_ipv6(
            groups in prop::array::uniform8(prop_oneof![Just(0u16), Just(0), 0u16..0x20, any::<u16>()]),
            mapped in any::<[u8; 4]>(), length in 0u8..=128,
        ) {
            for address in [Ipv6Addr::from(groups), std::net::Ipv4Addr::from(mapped).to_ipv6_mapped()] {
                let net = IpNet::new(address.into(), length).unwrap().trunc();
                prop_assert_eq!(separated(&[net], b'\n'), format!("{net}\n"));
            }
        }
    }
}
