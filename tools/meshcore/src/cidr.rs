//! Strict reading of CIDR ranges.

use ipnet::{IpNet, Ipv4Net};
use std::net::IpAddr;

/// Why a text is no range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CidrError {
    /// Not of the form ADDRESS/LENGTH; the text says what is wrong.
    Syntax(String),
    /// An address inside the network and not its first one: cloud APIs refuse this, so it is
    /// a typing error or a node's address.
    HostBits {
        /// The network that the address lies in.
        network: IpNet,
    },
}

impl std::fmt::Display for CidrError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Syntax(reason) => f.write_str(reason),
            Self::HostBits { network } => {
                write!(f, "has host bits set: the network is {network}")
            }
        }
    }
}

/// Reads `10.0.0.0/8` or `2001:db8::/32`, in the one notation that every tool and cloud API
/// reads alike: no leading zeros (octal to some, RFC 6943 section 3.1.1), no bare address, no
/// netmask, no host bits.
pub fn parse(text: &str) -> Result<IpNet, CidrError> {
    parse_v4(text.as_bytes()).map_or_else(|| parse_any(text), Ok)
}

/// The ordinary case, canonical IPv4, in one pass: lists have a million of them. Everything else
/// is left to [`parse_any`], which knows what to say of it.
fn parse_v4(text: &[u8]) -> Option<IpNet> {
    let mut rest = text;
    let mut address = 0;
    for end in *b".../" {
        let (octet, after) = number(rest)?;
        address = address << 8 | octet;
        rest = after.strip_prefix(&[end])?;
    }
    let (length, after) = number(rest)?;
    let host_bits = u32::MAX.checked_shr(length).unwrap_or(0);
    if !after.is_empty() || length > 32 || address & host_bits != 0 {
        return None;
    }
    Ipv4Net::new(address.into(), u8::try_from(length).ok()?).ok().map(IpNet::V4)
}

/// A number below 256 without leading zeros, and what follows it.
fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let digit = |i: usize| text.get(i).filter(|b| b.is_ascii_digit()).map(|b| u32::from(b - b'0'));
    let first = digit(0)?;
    let (value, length) = match (digit(1), digit(2)) {
        (None, _) => (first, 1),
        (Some(second), None) => (10 * first + second, 2),
        (Some(second), Some(third)) => (100 * first + 10 * second + third, 3),
    };
    (value < 256 && (length == 1 || first > 0)).then(|| (value, &text[length..]))
}

fn parse_any(text: &str) -> Result<IpNet, CidrError> {
    let syntax = |reason: &str| CidrError::Syntax(reason.to_owned());
    let Some((address, length)) = text.split_once('/') else {
        return Err(match text.parse::<IpAddr>() {
            Ok(address) => {
                CidrError::Syntax(format!("has no prefix length: write {}", IpNet::from(address)))
            }
            Err(_) => syntax("is not a CIDR range, such as 10.0.0.0/8"),
        });
    };
    let address: IpAddr = address.parse().map_err(|_| {
        if address.split('.').any(|octet| octet.len() > 1 && octet.starts_with('0')) {
            syntax("has an octet with a leading zero, which some programs read as octal")
        } else {
            syntax("does not begin with an IP address")
        }
    })?;
    let digits = length.bytes().all(|b| b.is_ascii_digit());
    let canonical = digits && (length == "0" || !length.starts_with('0'));
    let max = if address.is_ipv4() { 32 } else { 128 };
    let length = length
        .parse::<u8>()
        .ok()
        .filter(|&length| canonical && length <= max)
        .ok_or_else(|| CidrError::Syntax(format!("needs a prefix length of 0 to {max}")))?;
    let net = IpNet::new(address, length).map_err(|error| CidrError::Syntax(error.to_string()))?;
    if net.network() == address {
        Ok(net)
    } else {
        Err(CidrError::HostBits { network: net.trunc() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn canonical_ranges_are_read() {
        for text in ["10.0.0.0/8", "0.0.0.0/0", "1.2.3.4/32", "2001:db8::/32", "::/0"] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_programs_read_differently_is_refused() {
        for (text, reason) in [
            ("010.0.0.0/8", "leading zero"),
            ("10.0.0.0/08", "prefix length"),
            ("10.0.0.0/+8", "prefix length"),
            ("10.0.0.0/", "prefix length"),
            ("10.0.0.0/33", "0 to 32"),
            ("::/129", "0 to 128"),
            ("10.0.0.0/255.0.0.0", "prefix length"),
            ("10.0.0.1", "write 10.0.0.1/32"),
            ("10.0.0/8", "begin with an IP address"),
            (" 10.0.0.0/8", "begin with an IP address"),
            ("default", "not a CIDR range"),
            ("", "not a CIDR range"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    #[test]
    fn host_bits_are_told_with_the_network() {
        let error = parse("10.1.2.3/8").unwrap_err();
        assert_eq!(error, CidrError::HostBits { network: "10.0.0.0/8".parse().unwrap() });
    }

    proptest! {
        #[test]
        fn the_short_way_reads_what_the_long_way_reads(
            text in "[0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,3}|(10|0)\\.0\\.[0-9]\\.0/(8|1[0-9]|2[0-9]|3[0-3])"
        ) {
            prop_assert_eq!(parse(&text), parse_any(&text));
        }

        #[test]
        fn whatever_is_read_is_written_the_same(text in "[0-9a-f:./]{1,20}") {
            if let Ok(net) = parse(&text) {
                prop_assert_eq!(parse(&net.to_string()), Ok(net));
                prop_assert_eq!(net.trunc(), net);
            }
        }
    }
}
