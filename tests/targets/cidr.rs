//! Ranges: one, and lists of them; what is taken is written back as it is.

use meshcore::cidr;

pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for word in text.split([' ', ',', ';', '\t', '\r', '\n']) {
        if let Ok(range) = cidr::parse(word) {
            assert_eq!(cidr::parse(&range.to_string()), Ok(range), "{word}");
            assert_eq!(range.trunc(), range, "{word}");
        }
    }
    if let Some(source) = super::source(bytes) {
        let _ = cidr::read(&[source]);
    }
}
