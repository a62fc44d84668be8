//! The checks, described: for the command line, and as the manual page mesh-checks(7).

use crate::report::Form;
use crate::table::{self, Check, FAMILIES};
use meshcore::{Error, Result, json_lines};

/// All checks by code.
pub fn list(form: Form) -> Result<String> {
    let checks = table::by_number();
    let line =
        |check: &&Check| format!("{} {:7} {}\n", check.code, check.severity.as_str(), check.title);
    match form {
        Form::Lines => Ok(checks.iter().map(line).collect()),
        Form::Json => Ok(json_lines(&checks)),
        Form::Table => {
            let row = |check: &&Check| {
                let severity = check.severity.as_str();
                [check.code, severity, check.title].map(str::to_owned).to_vec()
            };
            Ok(meshcore::table::text(&["CODE", "SEVERITY", "TITLE"], checks.iter().map(row)))
        }
        Form::Sarif | Form::Junit => Err(Error::usage("checks are listed as lines, json or table")),
    }
}

/// All that the table has of one.
#[must_use]
pub fn explain(check: &Check) -> String {
    let Check { code, severity: how, title, meaning, remedy, source } = check;
    let text = format!("{code} ({}): {title}\n\n{meaning}\n\n{remedy}\n", how.as_str());
    let text = if *source == "-" { text } else { format!("{text}\nSource: {source}\n") };
    text.lines().map(|line| wrapped(line) + "\n").collect()
}

/// A line broken between words, so that no part has more than 80 characters.
fn wrapped(line: &str) -> String {
    let mut out = String::new();
    let mut width = 0;
    for word in line.split(' ') {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > 80 {
            out.push('\n');
            width = 0;
        } else if width > 0 {
            out.push(' ');
            width += 1;
        }
        out += word;
        width += length;
    }
    out
}

/// The manual page, in mdoc.
#[must_use]
pub fn page() -> String {
    let mut out = String::from(
        ".\\\" Made from tools/mesh-check/src/table: cargo run -p meshdocs man man\n\
         .Dd November 21, 2026\n\
         .Dt MESH-CHECKS 7\n\
         .Os\n\
         .Sh NAME\n\
         .Nm mesh-checks\n\
         .Nd what mesh-check finds in meshes of many clusters\n\
         .Sh DESCRIPTION\n\
         Codes are stable: what one means does not change.\n\
         They are listed in the order in which\n\
         .Xr mesh-check 1\n\
         writes what it finds: causes before what they cause.\n\
         .Ql mesh-check --explain CODE\n\
         tells the same of one.\n",
    );
    for family in FAMILIES {
        out += &format!(".Ss {}\n.Bl -tag -width 4n\n", family.title);
        for check in family.checks {
            let how = check.severity.as_str();
            out += &format!(".It {} Po {how} Pc {}\n", check.code, escaped(check.title));
            for text in [check.meaning, check.remedy] {
                sentences(text).for_each(|sentence| out += &format!("{}\n", escaped(sentence)));
                out += ".Pp\n";
            }
            if check.source == "-" {
                out.truncate(out.len() - ".Pp\n".len());
            } else {
                out += &format!("Source: {}\n", escaped(check.source));
            }
        }
        out += ".El\n";
    }
    out += ".Sh SEE ALSO\n.Xr mesh-check 1 ,\n.Xr meshutils 7\n";
    out
}

/// A text at the ends of its sentences: mdoc wants each on a line of its own.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(". ").map(str::trim_end)
}

/// Text that means nothing to roff.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('…', "...").replace('-', "\\-");
    let needs_guard = text.starts_with(['.', '\'']);
    if needs_guard { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explanations_fit_a_terminal() {
        for check in table::all() {
            let text = explain(check);
            assert!(text.starts_with(check.code) && text.ends_with('\n'));
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        }
    }

    #[test]
    fn the_list_is_by_code() {
        let text = list(Form::Lines).unwrap();
        assert!(text.starts_with("MESH0101 error   one cluster ID twice\n"));
        assert_eq!(text.lines().count(), table::all().count());
        assert!(list(Form::Json).unwrap().contains("\"meaning\":"));
        assert!(list(Form::Table).unwrap().starts_with("CODE      SEVERITY  TITLE\n"));
        assert!(list(Form::Sarif).is_err());
    }

    /// `cargo run -p meshdocs man man` writes it.
    #[test]
    fn the_manual_page_is_that_of_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../man/mesh-checks.7");
        let written = std::fs::read_to_string(path).unwrap();
        assert!(written == page(), "man/mesh-checks.7 is out of date");
    }
}
