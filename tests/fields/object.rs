//! Objects with a canary in every field, and what is found of them.

use super::Field;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const MARK: &str = "canary";
const DIGITS: usize = 5;

/// In what a canary stands.
#[derive(Clone, Copy)]
pub enum Form {
    /// By itself.
    Word,
    /// In an address, where a password, a query and a fragment are.
    Address,
    /// In an address without a scheme, where the password is.
    User,
    /// In a private key after a certificate.
    Key,
}

fn text(number: usize, form: Form) -> String {
    let canary = format!("{MARK}{number:0DIGITS$}");
    match form {
        Form::Word => canary,
        Form::Address => format!("https://u:{canary}@h.example/p?q={canary}#{canary}"),
        Form::User => format!("u:{canary}@h"),
        Form::Key => {
            let key = STANDARD.encode(format!("0{canary}"));
            let block = |kind: &str, text: &str| {
                format!("-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n")
            };
            block("CERTIFICATE", "MIIB") + &block("PRIVATE KEY", &key)
        }
    }
}

/// An object with canaries.
#[derive(Default)]
pub struct Planted {
    /// As the API has it.
    pub object: Value,
}

impl Planted {
    /// Puts a canary into a field.
    pub fn plant(&mut self, field: &Field, number: usize, form: Form) {
        let path: Vec<&str> = field.0.iter().map(String::as_str).collect();
        set(&mut self.object, &path, &text(number, form));
    }

    /// Puts a value where the object needs it.
    pub fn fix(&mut self, path: &[&str], value: &Value) {
        let mut place = &mut self.object;
        for segment in path {
            place = &mut place[*segment];
        }
        *place = value.clone();
    }
}

fn set(place: &mut Value, path: &[&str], text: &str) {
    let Some((segment, rest)) = path.split_first() else {
        *place = json!(text);
        return;
    };
    if let Some(flag) = segment.strip_prefix("[--") {
        items(place).push(json!(format!("--{}{text}", flag.trim_end_matches(']'))));
    } else if *segment == "[]" {
        let items = items(place);
        if items.is_empty() {
            items.push(json!(null));
        }
        set(&mut items[0], rest, text);
    } else if let Some(name) = segment.strip_prefix('[') {
        let (name, items) = (name.trim_end_matches(']'), items(place));
        let at = items.iter().position(|item| item["name"] == name).unwrap_or_else(|| {
            items.push(json!({"name": name}));
            items.len() - 1
        });
        set(&mut items[at], rest, text);
    } else if *segment == "{key}" {
        place[text] = json!("v");
    } else if let Some(name) = segment.strip_suffix('#') {
        let key = if name == "*" { "k" } else { name };
        place[key] = json!(STANDARD.encode(text));
    } else {
        let key = if *segment == "*" { "k" } else { segment };
        set(&mut place[key], rest, text);
    }
}

fn items(place: &mut Value) -> &mut Vec<Value> {
    if !place.is_array() {
        *place = json!([]);
    }
    place.as_array_mut().expect("it is a list now")
}

/// The numbers of the canaries in a text, with what is hidden in it.
#[must_use]
pub fn found(text: &str) -> BTreeSet<usize> {
    let open = laid_open(text);
    let number = |(at, _): (usize, &str)| {
        open.get(at + MARK.len()..at + MARK.len() + DIGITS)?.parse::<usize>().ok()
    };
    open.match_indices(MARK).filter_map(number).collect()
}

/// A text with what is hidden in it as base64, and in that again.
#[must_use]
pub fn laid_open(text: &str) -> String {
    let mut open = String::new();
    lay_open(text, 4, &mut open);
    open
}

fn lay_open(text: &str, depth: usize, open: &mut String) {
    open.push_str(text);
    open.push('\n');
    if depth == 0 {
        return;
    }
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
    for word in text.replace("\\n", "\n").split(|c| !is_base64(c)).filter(|word| word.len() > 7) {
        let decoded = STANDARD.decode(word).or_else(|_| URL_SAFE_NO_PAD.decode(word));
        if let Ok(Ok(decoded)) = decoded.map(String::from_utf8) {
            lay_open(&decoded, depth - 1, open);
        }
    }
}
