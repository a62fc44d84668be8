//! PEM (RFC 7468), read as Go's `encoding/pem` reads it, but nothing that looks like a block is
//! passed over in silence.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// One block of a text.
pub(crate) struct Block {
    /// What stands after BEGIN: `CERTIFICATE`.
    pub label: String,
    /// Whether it has the header of an encrypted key (RFC 1421).
    pub encrypted: bool,
    /// Its bytes: perhaps a key.
    pub der: Zeroizing<Vec<u8>>,
}

/// All blocks of a text, in order; text around them is for people.
pub(crate) fn blocks(text: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    // A key is never copied as the string grows; one for all blocks, as all of it is wiped.
    let mut base64 = Zeroizing::new(String::with_capacity(text.len()));
    while let Some(line) = lines.next() {
        let count = blocks.len() + 1;
        let wrong = |what: &str| format!("PEM block {count} {what}");
        let Some(label) = marker(line, "BEGIN") else {
            if line.trim_start().starts_with("-----") {
                return Err(wrong(match marker(line.trim_start(), "BEGIN") {
                    Some(_) => "is indented: Go, and so istiod, does not see it",
                    None => "has a line of dashes that is no BEGIN line",
                }));
            }
            continue;
        };
        let mut encrypted = false;
        base64.clear();
        loop {
            let line = lines.next().ok_or_else(|| wrong(&format!("has no END {label} line")))?;
            if let Some(end) = marker(line, "END") {
                if end != label {
                    return Err(wrong(&format!("begins with {label} and ends with {end}")));
                }
                break;
            }
            if line.trim_start().starts_with("-----") {
                return Err(wrong(&format!("has no END {label} line")));
            }
            match line.split_once(':') {
                Some((name, value)) => {
                    encrypted |= name == "Proc-Type" && value.contains("ENCRYPTED");
                }
                None => base64.extend(line.split_whitespace()),
            }
        }
        let der = STANDARD.decode(base64.as_bytes()).map_err(|_| wrong("is not base64"))?;
        blocks.push(Block { label: label.to_owned(), encrypted, der: Zeroizing::new(der) });
    }
    Ok(blocks)
}

/// The label of a BEGIN or END line.
fn marker<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    line.trim_end()
        .strip_prefix("-----")?
        .strip_prefix(word)?
        .strip_prefix(' ')?
        .strip_suffix("-----")
}

/// Bytes as one block, as OpenSSL writes it.
pub(crate) fn encode(label: &str, der: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(STANDARD.encode(der));
    let mut text = Zeroizing::new(String::with_capacity(base64.len() / 64 * 65 + 200));
    text.push_str(&format!("-----BEGIN {label}-----\n"));
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_around_blocks_is_for_people() {
        let text = format!(
            "subject=CN = a\n{}\n# next\r\n{}",
            *encode("CERTIFICATE", b"one"),
            encode("A B", &[7; 100]).replace('\n', "\r\n")
        );
        let blocks = blocks(&text).unwrap();
        let found: Vec<_> = blocks.iter().map(|b| (b.label.as_str(), b.der.as_slice())).collect();
        assert_eq!(found, [("CERTIFICATE", &b"one"[..]), ("A B", &[7; 100][..])]);
    }

    #[test]
    fn headers_tell_of_encryption() {
        let text = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\nAAAA\n\
                    -----END EC PRIVATE KEY-----";
        assert!(blocks(text).unwrap()[0].encrypted);
    }

    #[test]
    fn broken_blocks_are_errors() {
        for (text, reason) in [
            ("-----BEGIN A-----\nAAAA\n", "PEM block 1 has no END A line"),
            ("-----BEGIN A-----\n-----BEGIN A-----\n-----END A-----", "1 has no END A line"),
            ("-----BEGIN A-----\nAAAA\n-----END B-----\n", "begins with A and ends with B"),
            ("-----BEGIN A-----\n*\n-----END A-----\n", "1 is not base64"),
            ("-----BEGIN A-----\nAAA\n-----END A-----\n", "1 is not base64"),
            ("-----END A-----\n", "no BEGIN line"),
            ("  -----BEGIN A-----\n  -----END A-----\n", "is indented"),
            ("-----BEGIN A-----\n-----END A-----\n-----BEGIN B-----", "PEM block 2 has no END B"),
        ] {
            let error = blocks(text).err().unwrap();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(all in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..4)) {
            let text: String = all.iter().map(|der| encode("CERTIFICATE", der).to_string()).collect();
            let read: Vec<Vec<u8>> = blocks(&text).unwrap().into_iter().map(|b| b.der.to_vec()).collect();
            prop_assert_eq!(read, all);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(-----BEGIN A-----\n|-----END A-----|[A=: \n-]|\\PC){0,9}") {
            if let Ok(blocks) = blocks(&text) {
                prop_assert_eq!(blocks.len(), text.lines().filter(|l| l.starts_with("-----BEGIN ")).count());
            }
        }
    }
}
