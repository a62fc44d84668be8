//! Strict reading of CIDR ranges.

pub(crate) mod canonical;
mod embedded;
mod set;
mod wide;

pub(crate) use embedded::of_ipv4;
pub use set::{Joined, before, span, subtract};
pub use wide::{AllowPublic, refuse_wide};

use crate::Error;
use crate::input::Source;
use crate::list::{is_list, ranges};
use ipnet::IpNet;
use serde::Deserialize;
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

impl std::error::Error for CidrError {}

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

/// All ranges of the sources, in their order: of plain lists, and of what mesh-cidrs writes as JSON.
pub fn read(sources: &[Source]) -> crate::Result<Vec<IpNet>> {
    let bad = |text: &str, error: CidrError| Error::data(format!("{text:?} {error}"));
    let mut all = Vec::new();
    for source in sources {
        if is_list(&source.text) {
            for item in ranges(&source.text) {
                let at = |error| {
                    bad(item.text, error).at(format!("{}: line {}", source.name, item.line))
                };
                all.push(item.range.map_err(at)?);
            }
            continue;
        }
        for document in source.documents()? {
            let Entry { cidr } = document.decode().map_err(|error| {
                error.hint("ranges are read; of clusters, mesh-cidrs writes them")
            })?;
            let at = |error| bad(&cidr, error).at(document.field("cidr"));
            all.push(parse(&cidr).map_err(at)?);
        }
    }
    Ok(all)
}

/// A line of `mesh-cidrs -o json`.
#[derive(Deserialize)]
struct Entry {
    cidr: String,
}

/// Reads `10.0.0.0/8` or `2001:db8::/32`, in the one notation that every tool and cloud API
/// reads alike: no leading zeros (octal to some, RFC 6943 section 3.1.1), no bare address, no
/// netmask, no host bits.
pub fn parse(text: &str) -> Result<IpNet, CidrError> {
    let canonical = canonical::prefix(text.as_bytes()).filter(|(_, length)| *length == text.len());
    canonical.map_or_else(|| parse_any(text), |(net, _)| Ok(net))
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
    if let Some(v4) = of_ipv4(&net) {
        return Err(CidrError::Syntax(format!("is IPv4 in the form of IPv6: write {v4}")));
    }
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
    fn mapped_ipv4_is_ipv4() {
        for (text, written) in [
            ("::ffff:0:0/96", "write 0.0.0.0/0"),
            ("::ffff:10.0.0.0/104", "write 10.0.0.0/8"),
            ("::FFFF:a00:0/104", "write 10.0.0.0/8"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.ends_with(written), "{error}");
        }
        assert!(parse("::ffff:0:0:0/96").is_ok() && parse("::/0").is_ok());
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

    fn read_text(text: &str) -> crate::Result<Vec<String>> {
        let source = Source::new("stdin".to_owned(), text.as_bytes().to_vec())?;
        read(&[source]).map(|ranges| ranges.iter().map(IpNet::to_string).collect())
    }

    #[test]
    fn lists_of_every_form_are_read() {
        for text in [
            "10.0.0.0/14\n2001:db8::/32\n",
            "10.0.0.0/14,2001:db8::/32\n",
            "# pods\n10.0.0.0/14;2001:db8::/32",
            "{\"cidr\":\"10.0.0.0/14\",\"owners\":[]}\n{\"cidr\":\"2001:db8::/32\",\"owners\":[]}\n",
            "[{\"cidr\": \"10.0.0.0/14\"}, {\"cidr\": \"2001:db8::/32\"}]",
        ] {
            assert_eq!(read_text(text).unwrap(), ["10.0.0.0/14", "2001:db8::/32"], "{text}");
        }
    }

    #[test]
    fn errors_of_lists_say_where() {
        for (text, message) in [
            ("10.0.0.0/8\n10.1.2.3/8", "stdin: line 2: \"10.1.2.3/8\" has host bits set"),
            ("10.0.0.0/8 x", "stdin: line 1: \"x\" is not a CIDR range"),
            ("{\"cidr\": \"10.0.0.1\"}", "stdin: document 1: .cidr: \"10.0.0.1\" has no prefix"),
            ("{\"name\": \"a\"}", "stdin: document 1: missing field `cidr`"),
            ("[]", "stdin: holds no objects"),
            ("# none\n", "stdin: holds no objects"),
            ("\n", "stdin: is empty"),
        ] {
            let error = read_text(text).unwrap_err();
            assert!(error.message().text().starts_with(message), "{error:?}");
        }
    }

    #[test]
    fn halves_are_all_addresses() {
        for (text, expected) in [
            ("10.0.0.0/8 0.0.0.0/0", Some("0.0.0.0/0")),
            ("::/1 10.0.0.0/8 8000::/1", Some("::/0")),
            ("0.0.0.0/1 8000::/1", None),
        ] {
            let ranges: Vec<IpNet> = text.split(' ').map(|range| parse(range).unwrap()).collect();
            assert_eq!(
                Joined::of(&ranges).everything(),
                expected.map(|net| parse(net).unwrap()),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_never_nothing(text in "[0-9./, #\n{}\":cidr]{0,40}|\\PC{0,20}") {
            if let Ok(ranges) = read_text(&text) {
                prop_assert!(!ranges.is_empty());
            }
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
