//! A tool's manual page, in mdoc(7).
//!
//! What is typed most comes first: the examples stand in the synopsis, as they do in `--help`.
//! (mdoc wants a section of that name near the end.)

use crate::tools::Tool;
use crate::{File, mdoc};
use clap::builder::PossibleValue;
use clap::{Arg, ArgAction};
use std::fmt::Write as _;

/// The day of the release, of all pages.
const DATE: &str = "November 21, 2026";

/// How long a line of an example may become, indented as it is.
const EXAMPLE_WIDTH: usize = 66;

/// The page of a tool: its name as a file, and its text.
pub fn page(tool: &Tool) -> File {
    let name = tool.name();
    let text = [
        head(tool),
        synopsis(tool),
        description(tool),
        options(tool),
        tool.sections.to_owned(),
        environment(tool),
        exit_status(tool),
        see_also(tool),
    ]
    .concat();
    (format!("{name}.1"), text)
}

fn head(tool: &Tool) -> String {
    let name = tool.name();
    let about = tool.command.get_about().map(ToString::to_string).unwrap_or_default();
    let mut letters = about.chars();
    let first = letters.next().map(|c| c.to_lowercase().to_string()).unwrap_or_default();
    let about = mdoc::prose(&(first + letters.as_str())).replace('\n', " ");
    format!(
        ".\\\" Written by meshdocs from the tool's flags: change those, or man/sections.\n\
         .Dd {DATE}\n.Dt {} 1\n.Os\n.Sh NAME\n.Nm {name}\n.Nd {}\n",
        name.to_uppercase(),
        about.trim_end()
    )
}

fn synopsis(tool: &Tool) -> String {
    let mut out = ".Sh SYNOPSIS\n.Nm\n.Op Ar option ...\n".to_owned();
    let required = |arg: &&Arg| !arg.is_positional() && arg.is_required_set();
    for arg in tool.arguments().filter(required) {
        let name = arg.get_long().map(|long| mdoc::flag(&format!("--{long}")));
        let _ = writeln!(out, ".{}{}", name.unwrap_or_default(), values(arg));
    }
    for arg in tool.command.get_positionals() {
        let optional = if arg.is_required_set() { "." } else { ".Op " };
        let _ = writeln!(out, "{optional}{}", values(arg).trim_start());
    }
    let examples = tool.command.get_before_help().map(ToString::to_string).unwrap_or_default();
    let examples: Vec<String> = examples.lines().skip(1).map(|line| fold(line.trim())).collect();
    if !examples.is_empty() {
        out += ".Ss Examples\n.Bd -literal -offset indent\n";
        for line in examples.join("\n\n").lines() {
            out += &mdoc::literal(line);
            out.push('\n');
        }
        out += ".Ed\n";
    }
    out
}

/// A command line in several lines that a shell reads as one: cut behind pipes, and before flags.
fn fold(example: &str) -> String {
    if example.len() <= EXAMPLE_WIDTH {
        return example.to_owned();
    }
    let mut lines = vec![String::new()];
    for part in parts(example) {
        let line = lines.last_mut().expect("it begins with one");
        if line.ends_with(['|', ';']) {
            lines.push(format!("  {part}"));
        } else if line.is_empty() {
            line.push_str(&part);
        } else if line.len() + part.len() > EXAMPLE_WIDTH - 2 {
            line.push_str(r" \");
            lines.push(format!("    {part}"));
        } else {
            line.push(' ');
            line.push_str(&part);
        }
    }
    lines.join("\n")
}

/// What a reader takes in at once: a program, or a flag with its values, up to a pipe.
fn parts(line: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for word in shell_words(line) {
        let is_flag = word.starts_with('-') && word.len() > 1;
        match parts.last_mut() {
            Some(part) if !is_flag && !part.ends_with(['|', ';']) => {
                part.push(' ');
                part.push_str(word);
            }
            _ => parts.push(word.to_owned()),
        }
    }
    parts
}

/// The words of a command line as they are written, quotes included.
fn shell_words(line: &str) -> Vec<&str> {
    let mut quote = None;
    line.split(|c: char| {
        quote = match quote {
            None => matches!(c, '\'' | '"').then_some(c),
            Some(open) => (open != c).then_some(open),
        };
        c == ' ' && quote.is_none()
    })
    .collect()
}

fn description(tool: &Tool) -> String {
    let about = tool.command.get_about().map(ToString::to_string).unwrap_or_default();
    let long = tool.command.get_long_about().map(ToString::to_string).unwrap_or_default();
    let rest = long.strip_prefix(&about).map_or(long.as_str(), str::trim_start);
    let text = if rest.is_empty() { sentence(&about) } else { rest.to_owned() };
    format!(".Sh DESCRIPTION\n{}", mdoc::prose(&text))
}

fn options(tool: &Tool) -> String {
    let mut out = ".Sh OPTIONS\n".to_owned();
    let mut headings: Vec<Option<&str>> = vec![None];
    for arg in tool.arguments() {
        if !headings.contains(&arg.get_help_heading()) {
            headings.push(arg.get_help_heading());
        }
    }
    for heading in headings {
        if let Some(heading) = heading {
            let _ = writeln!(out, ".Ss {heading}");
        }
        out += ".Bl -tag -width Ds\n";
        let (positional, flags): (Vec<&Arg>, Vec<&Arg>) = tool
            .arguments()
            .filter(|arg| arg.get_help_heading() == heading)
            .partition(|arg| arg.is_positional());
        for arg in positional.into_iter().chain(flags) {
            out += &option(arg);
        }
        out += ".El\n";
    }
    out
}

fn option(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| mdoc::flag(&format!("-{short}")));
    let long = arg.get_long().map(|long| mdoc::flag(&format!("--{long}")));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    let tag = names.join(" , ") + &values(arg);
    let help = match arg.get_action() {
        ArgAction::Help => Some("Print help: --help in full, -h in short".to_owned()),
        _ => arg.get_long_help().or(arg.get_help()).map(ToString::to_string),
    };
    let help = help.unwrap_or_default();
    let help: Vec<String> = help.split("\n\n").map(sentence).collect();
    let mut out = format!(".It {}\n{}", tag.trim_start(), mdoc::prose(&help.join("\n\n")));
    let choices = arg.get_possible_values();
    let choices: Vec<&PossibleValue> =
        choices.iter().filter(|value| !value.is_hide_set()).collect();
    if !arg.is_hide_possible_values_set() {
        out += &choice(&choices);
    }
    let takes_value = arg.get_action().takes_values() && !arg.is_hide_default_value_set();
    if let [default, ..] = arg.get_default_values()
        && takes_value
    {
        out += &mdoc::prose(&format!("Default: `{}`.", default.to_string_lossy()));
    }
    out
}

/// The values that there are, with what each means where that is told.
fn choice(values: &[&PossibleValue]) -> String {
    if values.is_empty() {
        return String::new();
    }
    if values.iter().all(|value| value.get_help().is_none()) {
        let names: Vec<String> =
            values.iter().map(|value| format!("`{}`", value.get_name())).collect();
        return mdoc::prose(&format!("One of {}.", names.join(", ")));
    }
    let mut out = ".Bl -tag -width Ds -compact\n".to_owned();
    for value in values {
        let help = value.get_help().map(ToString::to_string).unwrap_or_default();
        let _ = write!(out, ".It Cm {}\n{}", mdoc::arguments(value.get_name()), mdoc::prose(&help));
    }
    out + ".El\n"
}

/// What follows a flag, or stands for itself: each value's name.
fn values(arg: &Arg) -> String {
    if !arg.get_action().takes_values() {
        return String::new();
    }
    let names = arg.get_value_names().unwrap_or_default();
    let range = arg.get_num_args().unwrap_or_default();
    let mut out = String::new();
    for name in names {
        let name = mdoc::arguments(name);
        out += &if range.min_values() == 0 && !arg.is_positional() {
            format!(" Oo Ar {name} Oc")
        } else {
            format!(" Ar {name}")
        };
    }
    if arg.is_positional() && matches!(arg.get_action(), ArgAction::Append) {
        out += " ...";
    }
    out
}

/// A paragraph of help, which has no full stop and may end in `[default: …]`, as sentences.
fn sentence(paragraph: &str) -> String {
    let default = paragraph
        .rsplit_once(" [default")
        .and_then(|(before, rest)| Some((before, rest.strip_suffix(']')?)));
    match default {
        Some((before, rest)) => format!("{} Default{rest}.", sentence(before)),
        None if paragraph.is_empty() || paragraph.ends_with(['.', ':', '!', '?']) => {
            paragraph.to_owned()
        }
        None => format!("{paragraph}."),
    }
}

fn environment(tool: &Tool) -> String {
    let mut out = ".Sh ENVIRONMENT\n.Bl -tag -width Ds\n".to_owned();
    if tool.reads_kubeconfig() {
        out += ".It Ev KUBECONFIG\n";
        out +=
            &mdoc::prose("Kubeconfig files, separated by colons, where --kubeconfig is not given.");
    }
    out += ".It Ev MESH_FLAG_NAME\n";
    out +=
        &mdoc::prose("Stands in for --flag-name, as `MESH_LOG_FORMAT=json` for --log-format json.");
    out += ".El\n";
    if tool.reads_kubeconfig() {
        out += ".Sh FILES\n.Bl -tag -width Ds\n.It Pa ~/.kube/config\n";
        out += &mdoc::prose("The kubeconfig, where none is named.");
        out += ".El\n";
    }
    out
}

fn exit_status(tool: &Tool) -> String {
    let live = tool.asks_clusters();
    let common = [
        ("0", "Done.", true),
        ("2", "Wrong usage.", true),
        ("3", "Bad input data, or data that could not be read or written.", true),
        ("4", "A cluster or its API refused, lacks what is needed, or was unreachable.", live),
        ("5", "Timed out waiting.", live),
    ];
    let mut all: Vec<(&str, &str)> = tool.codes.to_vec();
    for (code, meaning, applies) in common {
        if applies && !all.iter().any(|(known, _)| *known == code) {
            all.push((code, meaning));
        }
    }
    all.sort_by_key(|(code, _)| *code);
    // Longer ones are sums.
    all.sort_by_key(|(code, _)| code.len());
    let mut out = ".Sh EXIT STATUS\n.Bl -tag -width Ds -compact\n".to_owned();
    for (code, meaning) in all {
        let _ = write!(out, ".It {code}\n{}", mdoc::prose(meaning));
    }
    out + ".El\n"
}

fn see_also(tool: &Tool) -> String {
    let mut pages: Vec<(&str, u8)> = tool.see_also.iter().map(|name| (*name, 1)).collect();
    pages.sort_unstable();
    pages.push(("meshutils", 7));
    let pages: Vec<String> =
        pages.into_iter().map(|(name, section)| format!(".Xr {name} {section}")).collect();
    format!(".Sh SEE ALSO\n{}\n", pages.join(" ,\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools;

    #[test]
    fn an_example_keeps_its_words_when_it_is_folded() {
        for tool in tools::all() {
            let examples = tool.command.get_before_help().expect("each has some").to_string();
            for example in examples.lines().skip(1).map(str::trim) {
                let folded = fold(example);
                let one = folded.replace(" \\\n    ", " ").replace("\n  ", " ");
                assert_eq!(one, example);
                let quoted = |line: &str| line.contains('\'');
                assert!(folded.lines().all(|line| line.len() <= 72 || quoted(line)), "{folded}");
            }
        }
        assert_eq!(shell_words("a 'b c' \"d' e\" f"), ["a", "'b c'", "\"d' e\"", "f"]);
    }

    #[test]
    fn help_becomes_sentences() {
        assert_eq!(sentence("Name [default: the first]"), "Name. Default: the first.");
        assert_eq!(sentence("All [default with -f: none]"), "All. Default with -f: none.");
        assert_eq!(sentence("Form [default: a]: b"), "Form [default: a]: b.");
        assert_eq!(sentence("Done."), "Done.");
    }

    #[test]
    fn an_option_tells_its_values_and_its_default() {
        let arg = Arg::new("a").long("dry-run").short('d').value_name("WHO").help("Write nothing");
        let plain = arg.clone().value_parser(["none", "client"]).default_value("none");
        assert_eq!(
            option(&plain),
            ".It Fl d , Fl -dry-run Ar WHO\nWrite nothing.\nOne of\n.Ql none ,\n.Ql client .\n\
             Default:\n.Ql none .\n"
        );
        let told = arg.value_parser([PossibleValue::new("none").help("Write")]);
        assert_eq!(
            option(&told),
            ".It Fl d , Fl -dry-run Ar WHO\nWrite nothing.\n.Bl -tag -width Ds -compact\n\
             .It Cm none\nWrite\n.El\n"
        );
    }
}
