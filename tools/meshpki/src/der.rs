//! The little of DER (X.690) that certificates are written in.

/// Object identifiers, as DER has their contents.
pub(crate) mod oid {
    pub const COMMON_NAME: &[u8] = &[0x55, 4, 3];
    pub const LOCALITY: &[u8] = &[0x55, 4, 7];
    pub const ORGANIZATION: &[u8] = &[0x55, 4, 10];
    pub const SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1d, 14];
    pub const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
    pub const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];
    pub const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
    pub const AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 35];
    pub const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
    pub const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
    pub const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
    pub const SHA256_WITH_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
    pub const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    pub const ECDSA_WITH_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];
    pub const ECDSA_WITH_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4];
}

/// A value: tag, length, contents.
pub(crate) fn value(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let bytes = &bytes[bytes.iter().take_while(|&&b| b == 0).count()..];
            out.push(0x80 | u8::try_from(bytes.len()).expect("a length has at most 8 bytes"));
            out.extend_from_slice(bytes);
        }
    }
    out.extend_from_slice(contents);
    out
}

pub(crate) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    value(0x30, &parts.concat())
}

pub(crate) fn set(part: &[u8]) -> Vec<u8> {
    value(0x31, part)
}

pub(crate) fn oid(contents: &[u8]) -> Vec<u8> {
    value(0x06, contents)
}

pub(crate) fn null() -> Vec<u8> {
    value(0x05, &[])
}

pub(crate) fn truth() -> Vec<u8> {
    value(0x01, &[0xff])
}

/// A positive integer from its bytes, the highest first.
pub(crate) fn integer(bytes: &[u8]) -> Vec<u8> {
    let bytes = &bytes[bytes.iter().take_while(|&&b| b == 0).count()..];
    // The highest bit is the sign.
    let pad: &[u8] = if bytes.first().is_none_or(|&b| b >= 0x80) { &[0] } else { &[] };
    value(0x02, &[pad, bytes].concat())
}

pub(crate) fn octets(contents: &[u8]) -> Vec<u8> {
    value(0x04, contents)
}

pub(crate) fn utf8(text: &str) -> Vec<u8> {
    value(0x0c, text.as_bytes())
}

/// Whole bytes as a bit string.
pub(crate) fn bits(bytes: &[u8]) -> Vec<u8> {
    value(0x03, &[&[0], bytes].concat())
}

/// Numbered bits, bit 0 first, without zeros behind the last one.
pub(crate) fn named_bits(numbers: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let all = numbers.into_iter().fold(0u16, |all, bit| all | 0x8000 >> bit);
    let unused = u8::try_from(all.trailing_zeros() % 8).expect("less than 8");
    let bytes = all.to_be_bytes();
    let length = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
    value(0x03, &[&[unused], &bytes[..length]].concat())
}

/// A tag that stands in place of the value's own.
pub(crate) fn implicit(number: u8, contents: &[u8]) -> Vec<u8> {
    value(0x80 | number, contents)
}

/// A tag around a value.
pub(crate) fn explicit(number: u8, contents: &[u8]) -> Vec<u8> {
    value(0xa0 | number, contents)
}

/// A time as RFC 5280 wants it: two digits of the year up to 2049, then four. None before 1950
/// and after 9999.
pub(crate) fn time(unix: i64) -> Option<Vec<u8>> {
    let time = jiff::Timestamp::from_second(unix).ok()?;
    let time = jiff::tz::TimeZone::UTC.to_datetime(time);
    let rest = format!(
        "{:02}{:02}{:02}{:02}{:02}Z",
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    );
    match time.year() {
        year @ 1950..=2049 => Some(value(0x17, format!("{:02}{rest}", year % 100).as_bytes())),
        year @ 2050..=9999 => Some(value(0x18, format!("{year}{rest}").as_bytes())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        assert_eq!(value(4, &[0; 127])[..2], [4, 127]);
        assert_eq!(value(4, &[0; 128])[..3], [4, 0x81, 128]);
        assert_eq!(value(4, &[0; 300])[..4], [4, 0x82, 1, 44]);
    }

    #[test]
    fn integers_are_positive_and_short() {
        assert_eq!(integer(&[0, 0, 5]), [2, 1, 5]);
        assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[0]), [2, 1, 0]);
    }

    #[test]
    fn named_bits_end_with_a_one() {
        assert_eq!(named_bits([0, 2]), [3, 2, 5, 0xa0]);
        assert_eq!(named_bits([0, 1, 2, 5]), [3, 2, 2, 0xe4]);
        assert_eq!(named_bits([7]), [3, 2, 0, 1]);
        assert_eq!(named_bits([8]), [3, 3, 7, 0, 0x80]);
        assert_eq!(named_bits([]), [3, 1, 0]);
    }

    #[test]
    fn years_from_2050_on_have_four_digits() {
        let text = |unix| String::from_utf8(time(unix).unwrap()[2..].to_vec()).unwrap();
        assert_eq!(text(0), "700101000000Z");
        assert_eq!(text(2_524_607_999), "491231235959Z");
        assert_eq!(text(2_524_608_000), "20500101000000Z");
        assert_eq!(text(253_402_207_200), "99991230220000Z");
        assert_eq!(time(-631_152_001), None);
        assert_eq!(time(i64::MAX), None);
    }
}
