//! mdoc(7), the language of manual pages, written so that `mandoc -T lint` has nothing to say.

/// How long a line of prose may become.
const WIDTH: usize = 78;

/// Prose as input lines: a sentence begins a line, `` `code` `` and flags have their macros.
pub fn prose(text: &str) -> String {
    let mut out = String::new();
    for (number, paragraph) in text.split("\n\n").enumerate() {
        if number > 0 {
            out += ".Pp\n";
        }
        let mut line = String::new();
        for word in words(paragraph) {
            let (text, whole_line) = match macro_line(&word) {
                Some(text) => (text, true),
                None => (inline(&word), false),
            };
            if whole_line || line.chars().count() + text.len() >= WIDTH {
                flush(&mut out, &mut line);
            }
            if whole_line {
                out += &text;
                out.push('\n');
                continue;
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line += &text;
            if ends_sentence(&text) {
                flush(&mut out, &mut line);
            }
        }
        flush(&mut out, &mut line);
    }
    out
}

/// One line of text that is typed as it stands: in a display, or after a macro as its last word.
pub fn literal(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| match c {
            '\\' => r"\e".to_owned(),
            '\'' => r"\(aq".to_owned(),
            '`' => r"\(ga".to_owned(),
            '-' => r"\-".to_owned(),
            '^' => r"\(ha".to_owned(),
            '~' => r"\(ti".to_owned(),
            '"' => r"\(dq".to_owned(),
            c => character(c),
        })
        .collect();
    protect(line)
}

/// Words for a macro's line, none of which is taken for a macro (as `Nm`) or for punctuation.
pub fn arguments(text: &str) -> String {
    let argument = |word: &str| {
        let guard = match word.as_bytes() {
            [delimiter] if !delimiter.is_ascii_alphanumeric() => r"\&",
            [b'A'..=b'Z', b'a'..=b'z'] | [b'A'..=b'Z', b'a'..=b'z', _] | [b'%', _] => r"\&",
            _ => "",
        };
        format!("{guard}{}", literal(word).trim_start_matches(r"\&"))
    };
    text.split_whitespace().map(argument).collect::<Vec<_>>().join(" ")
}

/// `--long` or `-s` as the words that follow `Fl`.
pub fn flag(flag: &str) -> String {
    format!("Fl {}", &flag[1..])
}

enum Piece<'a> {
    Text(&'a str),
    Code(&'a str),
    Flag(&'a str),
}

/// What stands between blanks, code in backticks counting as one.
fn words(paragraph: &str) -> Vec<Vec<Piece<'_>>> {
    let mut words: Vec<Vec<Piece>> = vec![Vec::new()];
    for (number, span) in paragraph.split('`').enumerate() {
        if number % 2 == 1 {
            words.last_mut().expect("it begins with one").push(Piece::Code(span));
            continue;
        }
        for (number, text) in span.split(char::is_whitespace).enumerate() {
            if number > 0 {
                words.push(Vec::new());
            }
            let word = words.last_mut().expect("it begins with one");
            word.extend(with_flag(text));
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Text without blanks, cut where a flag begins and ends.
fn with_flag(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let start = text.find(|c| !"([\"".contains(c)).unwrap_or(text.len());
    let (before, rest) = text.split_at(start);
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(rest.len());
    let (flag, after) = rest.split_at(end);
    let named = flag.trim_start_matches('-');
    let is_flag = match flag.len() - named.len() {
        1 => named.len() == 1 && named.starts_with(|c: char| c.is_ascii_alphabetic()),
        2 => named.starts_with(|c: char| c.is_ascii_lowercase()),
        _ => false,
    };
    let pieces = if is_flag {
        [Piece::Text(before), Piece::Flag(flag), Piece::Text(after)]
    } else {
        [Piece::Text(text), Piece::Text(""), Piece::Text("")]
    };
    pieces.into_iter().filter(|piece| !matches!(piece, Piece::Text("")))
}

/// A word that is code or a flag with nothing but punctuation around it.
fn macro_line(word: &[Piece]) -> Option<String> {
    let (before, core, after) = match word {
        [core] => ("", core, ""),
        [core, Piece::Text(after)] => ("", core, *after),
        [Piece::Text(before), core] => (*before, core, ""),
        [Piece::Text(before), core, Piece::Text(after)] => (*before, core, *after),
        _ => return None,
    };
    if !before.chars().all(|c| "([".contains(c)) || !after.chars().all(|c| ".,:;)]?!".contains(c)) {
        return None;
    }
    let spaced = |text: &str| text.chars().flat_map(|c| [' ', c]).collect::<String>();
    let (name, text) = match core {
        Piece::Text(_) => return None,
        Piece::Code(code) => ("Ql", arguments(code)),
        Piece::Flag(flag) => ("Fl", flag[1..].to_owned()),
    };
    Some(format!(".{name}{} {text}{}", spaced(before), spaced(after)))
}

/// A word as a part of a line of text.
fn inline(word: &[Piece]) -> String {
    word.iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.chars().map(character).collect(),
            Piece::Code(code) => format!(r"\(oq{}\(cq", literal(code)),
            Piece::Flag(flag) => literal(flag),
        })
        .collect()
}

fn flush(out: &mut String, line: &mut String) {
    if !line.is_empty() {
        *out += &protect(std::mem::take(line));
        out.push('\n');
    }
}

fn ends_sentence(text: &str) -> bool {
    text.trim_end_matches([')', '"']).ends_with(['.', '?', '!'])
}

/// No line of text begins as a macro's line does.
fn protect(line: String) -> String {
    if line.starts_with(['.', '\'']) { format!(r"\&{line}") } else { line }
}

fn character(c: char) -> String {
    match c {
        '\\' => r"\e".to_owned(),
        c if c.is_ascii() => c.to_string(),
        c => format!(r"\[u{:04X}]", u32::from(c)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn code_and_flags_have_their_macros() {
        assert_eq!(
            prose("Reads `kubectl get -o json` (or -f), with --to-peers. It\n\nends."),
            "Reads\n.Ql kubectl get \\-o json\n(or\n.Fl f ) ,\nwith\n.Fl -to-peers .\nIt\n.Pp\nends.\n"
        );
        assert_eq!(prose("see (`a`; --b)"), "see\n.Ql ( a ;\n.Fl -b )\n");
    }

    #[test]
    fn what_is_glued_to_code_stays_in_the_text() {
        assert_eq!(
            prose("`gke_P`-like --rev/--tag -1 --"),
            "\\(oqgke_P\\(cq-like \\-\\-rev/--tag -1 --\n"
        );
    }

    #[test]
    fn a_sentence_begins_a_line() {
        assert_eq!(prose("One. Two (three.) Four… x"), "One.\nTwo (three.)\nFour\\[u2026] x\n");
    }

    #[test]
    fn nothing_is_taken_for_a_macro() {
        assert_eq!(prose(".Sh x 'y"), "\\&.Sh x 'y\n");
        assert_eq!(
            prose("`Nm a | \"b\" 'c' \\d`"),
            ".Ql \\&Nm a \\&| \\(dqb\\(dq \\(aqc\\(aq \\ed\n"
        );
        assert_eq!(literal(".x ~ ^ `"), "\\&.x \\(ti \\(ha \\(ga");
    }

    proptest! {
        #[test]
        fn lines_are_short_and_keep_the_letters(text in "[a-zA-Z`().,'\\\\ -]{0,300}") {
            let lines = prose(&text);
            let letters = |text: &str| text.chars().filter(char::is_ascii_lowercase).count();
            // Escapes and macros add letters and never take any.
            prop_assert!(letters(&lines) >= letters(&text));
            for line in lines.lines() {
                prop_assert!(!line.is_empty());
                prop_assert!(!line.starts_with('\''), "{line}");
                prop_assert!(!line.starts_with('.') || [".Ql", ".Fl", ".Pp"].contains(&&line[..3]), "{line}");
            }
        }
    }
}
