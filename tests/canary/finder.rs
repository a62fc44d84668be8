//! Secrets that nobody has seen before, found again in every form that a program could give them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io::Read as _;

/// So many bytes of a secret's form are found wherever they stand: a part of it is a leak, too.
const WINDOW: usize = 16;

/// Knows secrets, each by a name.
#[derive(Default)]
pub struct Finder(HashMap<Vec<u8>, String>);

/// Letters and digits that were never there before.
pub fn fresh() -> String {
    let mut bytes = [0; 40];
    let mut random = std::fs::File::open("/dev/urandom").expect("Linux has it");
    random.read_exact(&mut bytes).expect("it never ends");
    let alphabet: Vec<char> = ('a'..='z').chain('A'..='Z').chain('0'..='9').collect();
    bytes.iter().map(|byte| alphabet[usize::from(*byte) % alphabet.len()]).collect()
}

impl Finder {
    /// Learns a secret: as it is, in base64, in that again, in hexadecimal, and as Rust writes
    /// bytes.
    pub fn learn(&mut self, name: &str, secret: &str) {
        let once = in_base64(secret);
        let twice: Vec<String> = once.iter().flat_map(|form| in_base64(form)).collect();
        let hex = secret.bytes().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        let numbers: Vec<String> = secret.bytes().map(|byte| byte.to_string()).collect();
        let others = [hex.to_uppercase(), hex, numbers.join(", "), numbers.join(",")];
        for form in once.iter().chain(&twice).chain(&others).map(String::as_str).chain([secret]) {
            for window in form.as_bytes().windows(WINDOW) {
                self.0.insert(window.to_owned(), name.to_owned());
            }
        }
    }

    /// Learns the part of a private key that is in no certificate.
    pub fn learn_key(&mut self, name: &str, pem: &str) {
        let body: String = pem.lines().filter(|line| !line.contains("-----")).collect();
        let der = STANDARD.decode(&body).expect("a key of PEM");
        // The 32 secret bytes of P-256 stand behind a version and their own length (RFC 5915).
        let version = der.windows(5).position(|bytes| bytes == [2, 1, 1, 4, 32]);
        let at = version.expect("a key of P-256") + 5;
        // Whole groups of base64 alone, and the line may end among them.
        let (begin, end) = (at.div_ceil(3) * 4, (at + 32) / 3 * 4);
        self.learn(name, &body[begin..end]);
        self.learn(name, &format!("{}\n{}", &body[begin..64], &body[64..end]));
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The secrets of which a part is there.
    pub fn find(&self, bytes: &[u8]) -> BTreeSet<&str> {
        let known = bytes.windows(WINDOW).filter_map(|window| self.0.get(window));
        known.map(String::as_str).collect()
    }
}

/// What is in base64 wherever the text may begin in it.
fn in_base64(text: &str) -> Vec<String> {
    let encode = |before: usize| {
        let text = " ".repeat(before) + text;
        // The first and last letters depend on what is beside it.
        [STANDARD.encode(&text), URL_SAFE.encode(&text)].map(|form| form[4..form.len() - 4].into())
    };
    (0..3).flat_map(encode).collect()
}
