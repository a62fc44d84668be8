//! Tools as functions of kustomize and kpt (KRM Functions Specification, v1).
//!
//! A function is given a `ResourceList` on standard input and answers with one on standard output:
//! the items, changed, and results. A tool is called as a function by `--krm`, or without any
//! argument by kustomize, which gives none; it never waits for standard input otherwise. What the
//! function is to do stands in `functionConfig`, whose keys are the tool's flags, and on the
//! command line (kpt).
//!
//! - Items in which nothing changes leave with the text that they came with, comments and all, so
//!   that every reader sees in them what it saw before. Text in flow style, and text with aliases
//!   from one item to another, is written anew.
//! - A function that fails writes nothing to standard output, as every tool, and says why on
//!   standard error: kustomize and kpt show that, and do not read the list of a function that
//!   failed for anything but results. A check that says no fails with its results written.
//! - Results tell of how it is and not of what was done: the answer to an answer is the same.
//! - `--krm=CONFIG` is for the exec plugins of kubectl and of older kustomize: the configuration is
//!   a file, standard input and output are streams of objects.

mod config;
mod cut;
mod list;
mod note;
mod object;

pub use list::List;
pub use note::Note;
pub use object::Id;

use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{ArgMatches, Parser};
use meshcore::input::{self, Source};
use meshcore::{Console, Error, Outcome, Result, Verdict};
use serde_json::Value;
use std::ffi::OsString;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

/// The flag of tools that are functions.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Flag {
    /// Work as a KRM function of kustomize or kpt, on the `ResourceList` of standard input; with
    /// --krm=CONFIG on plain objects, as the configuration in that file says; see meshutils(7)
    #[arg(long, value_name = "CONFIG", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "-")]
    krm: Option<PathBuf>,
}

/// What a tool is as a function.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// The kind of its configuration: `Expose`.
    pub kind: &'static str,
    /// Flags that a function has no use for, and why.
    pub refused: &'static [(&'static str, &'static str)],
}

/// What a function is asked to do.
#[derive(Debug)]
pub struct Call<A> {
    /// The flags, from the configuration and the command line.
    pub args: A,
    /// The objects.
    pub list: List,
}

/// Whether the tool was called with nothing at all, as kustomize calls functions.
#[must_use]
pub fn is_bare() -> bool {
    std::env::args_os().len() <= 1
}

impl Function {
    /// What the tool is asked to do as a function, if it is. `listens`: standard input is looked
    /// at, and left as it is where no `ResourceList` begins there.
    pub fn call<A: Parser>(&self, flag: &Flag, listens: bool) -> Result<Option<Call<A>>> {
        let file = match &flag.krm {
            Some(file) => Some(file.as_path()).filter(|file| *file != Path::new("-")),
            None if listens && is_on_stdin() => None,
            None => return Ok(None),
        };
        let (list, config) = read(file)?;
        let line = std::env::args_os().skip(1).collect();
        Ok(Some(Call { args: self.args(line, config.as_ref())?, list }))
    }

    /// The flags of a command line and a configuration, read by the tool's own parser.
    fn args<A: Parser>(&self, line: Vec<OsString>, config: Option<&Value>) -> Result<A> {
        let command = meshcore::command::<A>();
        let arguments = config.map(|config| config::arguments(config, self.kind, &command));
        let arguments = arguments.transpose()?.unwrap_or_default();
        let mut all = vec![OsString::from(command.get_name())];
        all.extend(arguments.flags.into_iter().map(OsString::from));
        let is_ended = line.iter().any(|word| word == "--");
        all.extend(line);
        if !arguments.positional.is_empty() && !is_ended {
            all.push("--".into());
        }
        all.extend(arguments.positional.into_iter().map(OsString::from));
        let matches = command.clone().try_get_matches_from(all).map_err(refusal)?;
        self.check(&command, &matches)?;
        A::from_arg_matches(&matches).map_err(refusal)
    }

    fn check(&self, command: &clap::Command, matches: &ArgMatches) -> Result<()> {
        for (flag, why) in self.refused {
            let arg = command.get_arguments().find(|arg| arg.get_long() == Some(flag));
            let source = arg.and_then(|arg| matches.value_source(arg.get_id().as_str()));
            // A variable of the environment is for all tools.
            if source == Some(ValueSource::CommandLine) {
                return Err(Error::usage(format!("--{flag} is not for KRM functions: {why}")));
            }
        }
        Ok(())
    }
}

/// The answer: the list, and what there is to say of it.
#[must_use]
pub fn answer(list: &List, notes: &[Note], verdict: Verdict, console: &Console) -> Outcome {
    for note in notes {
        note.tell(console);
    }
    Outcome { output: list.text(notes), verdict }
}

/// The objects and the configuration, which is in `file` or in the `ResourceList`.
fn read(file: Option<&Path>) -> Result<(List, Option<Value>)> {
    input::refuse_terminal()?;
    let mut bytes = Vec::new();
    let read = io::stdin().lock().read_to_end(&mut bytes);
    read.map_err(|error| Error::data(error.to_string()).at("stdin"))?;
    let Some(file) = file else {
        return List::resource_list(&Source::new("stdin".to_owned(), bytes)?);
    };
    let name = file.display().to_string();
    let config = meshcore::file::read(file)?;
    let mut configs = Source::new(name.clone(), config)?.values()?;
    match (configs.pop(), configs.pop()) {
        (Some(config), None) => Ok((List::stream("stdin", bytes)?, Some(config))),
        _ => Err(Error::data("holds not one object but several").at(name)),
    }
}

/// Whether a `ResourceList` begins on standard input; nothing is taken from there.
fn is_on_stdin() -> bool {
    let stdin = io::stdin();
    !stdin.is_terminal() && stdin.lock().fill_buf().is_ok_and(begins_list)
}

/// Both orders of keys are common: as people write them, and sorted.
fn begins_list(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head);
    let is_content = |line: &&str| {
        let line = line.trim();
        !(line.is_empty() || line == "---" || line.starts_with('#'))
    };
    let content = head.trim_start_matches('\u{feff}').lines().filter(is_content).take(2);
    let bare: String = content
        .flat_map(str::chars)
        .filter(|c| !c.is_whitespace() && !"{\"'".contains(*c))
        .collect();
    ["apiVersion:config.kubernetes.io/", "kind:ResourceList"]
        .iter()
        .any(|key| bare.starts_with(key))
}

/// What the parser says, in one line and a hint.
fn refusal(error: clap::Error) -> Error {
    let text = error.render().to_string();
    let reason: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
    let reason = reason.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    let refused = Error::usage(reason.strip_prefix("error: ").unwrap_or(&reason));
    match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(flag)) => refused.hint(format!("did you mean {flag}?")),
        _ => refused.hint("keys of functionConfig are the flags that --help shows"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, Parser)]
    #[command(name = "mesh-test")]
    struct Args {
        names: Vec<String>,
        #[arg(long, value_parser = clap::value_parser!(u8))]
        port: Option<u8>,
        #[arg(long)]
        output: Option<String>,
        #[command(flatten)]
        krm: Flag,
    }

    const FUNCTION: Function =
        Function { kind: "Test", refused: &[("output", "it answers with items")] };

    fn args(line: &[&str], spec: Value) -> Result<Args> {
        let config = json!({"apiVersion": "meshutils/v1alpha1", "kind": "Test", "spec": spec});
        FUNCTION.args(line.iter().map(OsString::from).collect(), Some(&config))
    }

    #[test]
    fn configuration_and_command_line_go_together() {
        let both = args(&["--krm", "a", "--port", "7"], json!({"names": ["-b"]})).unwrap();
        assert_eq!((both.names.join(" "), both.port), ("a -b".to_owned(), Some(7)));
        let ended = args(&["--krm=-", "--", "-a"], json!({"names": "b", "port": 1})).unwrap();
        assert_eq!((ended.names.join(" "), ended.port), ("-a b".to_owned(), Some(1)));
        assert_eq!(ended.krm.krm.as_deref(), Some(Path::new("-")));
        assert!(FUNCTION.args::<Args>(vec![], None).unwrap().names.is_empty());
    }

    #[test]
    fn the_parser_says_what_is_wrong() {
        for (line, spec, message, hint) in [
            (
                &[][..],
                json!({"port": 300}),
                "invalid value '300' for '--port <PORT>': 300 is not",
                "keys",
            ),
            (
                &["--port", "1"],
                json!({"port": 2}),
                "'--port <PORT>' cannot be used multiple times",
                "keys",
            ),
            (
                &["--prot", "1"],
                json!({}),
                "unexpected argument '--prot' found",
                "did you mean --port?",
            ),
            (&[], json!({"output": "a"}), "--output is not for KRM functions: it answers", ""),
            (&["--output=a"], json!({}), "--output is not for KRM functions", ""),
        ] {
            let error = args(line, spec).unwrap_err();
            assert!(error.message().text().contains(message), "{error:?}");
            assert!(error.message().hints().join(" ").contains(hint), "{error:?}");
            assert_eq!(error.exit(), meshcore::Exit::Usage);
        }
    }

    #[test]
    fn a_list_is_known_by_its_beginning() {
        for (head, is_list) in [
            ("apiVersion: config.kubernetes.io/v1\n", true),
            ("\u{feff}# c\n---\napiVersion: \"config.kubernetes.io/v1\"\nkind: ResourceList", true),
            ("kind: ResourceList\napi", true),
            ("{\n  \"kind\": \"ResourceList\", ", true),
            ("{\"apiVersion\":\"config.kubernetes.io/v1\",", true),
            ("{apiVersion: config.kubernetes.io/v1", true),
            ("apiVersion: v1\nkind: ResourceList\n", false),
            ("{\"apiVersion\":\"meshutils/v1alpha1\",\"kind\":\"Capture\"", false),
            ("kind: List\nitems:\n- kind: ResourceList\n", false),
            ("", false),
            ("\u{0}", false),
        ] {
            assert_eq!(begins_list(head.as_bytes()), is_list, "{head}");
        }
    }
}
