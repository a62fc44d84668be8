//! Ranges in their usual notation, read in one pass: lists have a million of them.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The range that a text begins with and its length in bytes, if it is one without host bits and
/// of an ordinary notation. Of anything else [`super::parse`] knows what it is.
#[inline]
pub(crate) fn prefix(text: &[u8]) -> Option<(IpNet, usize)> {
    prefix_v4(text).or_else(|| prefix_v6(text))
}

#[inline]
fn prefix_v4(text: &[u8]) -> Option<(IpNet, usize)> {
    let mut at = 0;
    let mut address = 0;
    for end in *b".../" {
        let octet = number(&text[at..]);
        if !octet.is_one || octet.next != end {
            return None;
        }
        address = address << 8 | octet.value;
        at += octet.digits + 1;
    }
    let Number { is_one, value: length, digits, .. } = number(&text[at..]);
    if !is_one || length > 32 {
        return None;
    }
    let host_bits = u32::MAX.checked_shr(length).unwrap_or(0);
    if address & host_bits != 0 {
        return None;
    }
    let net = Ipv4Net::new(address.into(), u8::try_from(length).ok()?).ok()?;
    Some((IpNet::V4(net), at + digits))
}

fn prefix_v6(text: &[u8]) -> Option<(IpNet, usize)> {
    let mut at = 0;
    let mut address = 0;
    let mut groups = 0;
    // How many groups stand before "::".
    let mut before_gap = None;
    loop {
        if before_gap.is_none() && text[at..].starts_with(b"::") {
            before_gap = Some(groups);
            at += 2;
        } else if groups > 0 && text.get(at) == Some(&b':') {
            at += 1;
        }
        if before_gap == Some(groups) && text.get(at) == Some(&b'/') {
            break;
        }
        let (group, digits) = hexadecimal(&text[at..])?;
        address = address << 16 | u128::from(group);
        groups += 1;
        at += digits;
        if text.get(at) == Some(&b'/') {
            break;
        }
        if groups == 8 || text.get(at) != Some(&b':') {
            return None;
        }
    }
    let address = match before_gap {
        // The gap is of one group at least.
        Some(before) if groups < 8 => {
            let after = 16 * (groups - before);
            let low = address & u128::MAX.checked_shr(128 - after).unwrap_or(0);
            let high = (address >> after).checked_shl(128 - 16 * before).unwrap_or(0);
            high | low
        }
        None if groups == 8 => address,
        _ => return None,
    };
    let Number { is_one, value: length, digits, .. } = number(&text[at + 1..]);
    if !is_one || length > 128 {
        return None;
    }
    let host_bits = u128::MAX.checked_shr(length).unwrap_or(0);
    if address & host_bits != 0 {
        return None;
    }
    let net = IpNet::V6(Ipv6Net::new(address.into(), u8::try_from(length).ok()?).ok()?);
    // Not an ordinary notation.
    super::of_ipv4(&net).is_none().then_some((net, at + 1 + digits))
}

/// What a text begins with.
struct Number {
    /// Whether it is a number below 256 without leading zeros.
    is_one: bool,
    value: u32,
    digits: usize,
    /// The byte after it; 0 at the end of the text.
    next: u8,
}

/// Reads a number from four bytes at once and without branches: where numbers have one to three
/// digits, processors guess wrong.
#[inline]
fn number(text: &[u8]) -> Number {
    let bytes = text.first_chunk().copied().unwrap_or_else(|| last_bytes(text));
    let text = u32::from_le_bytes(bytes);
    let values = text ^ 0x3030_3030;
    // The lowest top bit is that of the first byte above 9; higher ones may be wrong.
    let tops = (values | values.wrapping_add(0x7676_7676)) & 0x8080_8080;
    let digits = tops.trailing_zeros() / 8;
    // The last digit goes to the top; what comes after the digits is gone.
    let aligned = values.wrapping_shl(32 - 8 * digits);
    // As many digits, a byte each and the first one highest, are in the order of their numbers.
    let least = [u32::MAX, 0, 0x0100, 0x01_0000, u32::MAX][digits as usize];
    Number {
        is_one: (least..=0x02_0505).contains(&aligned.swap_bytes()),
        // In the highest byte: the last digit, ten times the one before, a hundred times the first.
        value: aligned.wrapping_mul(1 + (10 << 8) + (100 << 16)) >> 24,
        digits: digits as usize,
        next: text.wrapping_shr(8 * digits).to_le_bytes()[0],
    }
}

/// Less than four bytes at the end of a text.
#[cold]
fn last_bytes(text: &[u8]) -> [u8; 4] {
    std::array::from_fn(|i| text.get(i).copied().unwrap_or(0))
}

/// A group of an IPv6 address, and how many digits it has.
#[inline]
fn hexadecimal(text: &[u8]) -> Option<(u16, usize)> {
    let mut value = 0;
    let mut digits = 0;
    for &byte in text.iter().take(4) {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => break,
        };
        value = value << 4 | u16::from(digit);
        digits += 1;
    }
    (digits > 0).then_some((value, digits))
}

#[cfg(test)]
mod tests {
    use super::super::parse_any;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_unusual_is_left() {
        for text in [
            "",
            "1",
            "1.2.3",
            "1.2.3.4",
            "1.2.3.4/",
            "1.2.3.4/33",
            "1.2.3.4/31",
            "01.2.3.4/32",
            "::",
            "1::",
            "1:2::/",
            ":1::/16",
            "1:::/16",
            "1::2::/128",
            "1:2/32",
            "1:2:3:4:5:6:7:8:9/128",
            "1:2:3:4:5:6:7::8/128",
            "::/129",
            "1::/15",
            "::1.2.3.4/128",
            "12345::/32",
            "1:/16",
        ] {
            let exact = parse_any(text).is_ok() && !text.contains("::1.");
            assert_eq!(prefix(text.as_bytes()).is_some(), exact, "{text}");
        }
    }

    #[test]
    fn what_follows_is_not_read() {
        for (text, length) in [("10.0.0.0/8,x", 10), ("10.0.0.0/32/", 11), ("a::/16 b::/16", 6)] {
            assert_eq!(prefix(text.as_bytes()).map(|(_, length)| length), Some(length), "{text}");
        }
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,3}",
            "(10|0)\\.0\\.[0-9]\\.0/(8|1[0-9]|2[0-9]|3[0-3])",
            "([0-9a-fA-F]{0,5}:){1,8}[0-9a-f]{0,4}/[0-9]{1,3}",
            "[0-3a:]{1,12}/(0|16|32|64|128)",
            any::<(u128, u8)>().prop_map(|(address, length)| {
                // Groups of zeros, as there are in what is used.
                let address = address & (address << 64 | u128::MAX >> 64) & !(0xffff << 96);
                let net = Ipv6Net::new(address.into(), length % 129).unwrap().trunc();
                net.to_string()
            }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn it_is_what_the_library_reads(text in text()) {
            if let Some((net, length)) = prefix(text.as_bytes()) {
                prop_assert_eq!(parse_any(&text[..length]), Ok(net));
            } else {
                // What is left is an error, but for addresses with a dotted end.
                prop_assert!(parse_any(&text).is_err() || text.contains(['.']), "{}", text);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9a-f:./]{0,40}") {
            prefix(text.as_bytes());
        }
    }
}
