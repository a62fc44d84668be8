//! From the command line to the exit code, the same for every tool.

use crate::{Console, Exit, Messages, Outcome, Result, Verdict, output, visible};
use clap::{
    ArgAction, Args as _, Command, CommandFactory, FromArgMatches as _, Parser,
    builder::FalseyValueParser,
    error::{ContextKind, ContextValue},
};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use std::io::Write as _;
use std::process::ExitCode;

/// The complete command of a tool: its own flags, those about messages, and their variables.
#[must_use]
pub fn command<A: CommandFactory>() -> Command {
    with_environment(with_messages(A::command()))
}

/// Parses the flags, runs the tool, writes its output or its error, and gives the exit code.
pub fn main<A: Parser>(run: fn(A, &Console) -> Result<Outcome>) -> ExitCode {
    leave_no_core();
    let command = command::<A>();
    let name = command.get_name().to_owned();
    let parsed = command.try_get_matches().and_then(|matches| {
        Ok((A::from_arg_matches(&matches)?, Messages::from_arg_matches(&matches)?))
    });
    let (args, messages) = match parsed {
        Ok(parsed) => parsed,
        Err(error) if error.use_stderr() => {
            // In a pipe of tools the name says which of them is meant.
            let text = without_value(error).to_string();
            let lines: Vec<String> = text.split('\n').map(visible).collect();
            let _ = write!(std::io::stderr(), "{name}: {}", lines.join("\n"));
            return ExitCode::from(Exit::Usage as u8);
        }
        Err(help_or_version) => {
            let text = help_or_version.to_string();
            let Err(error) = output::check_stdout().and_then(|()| output::write_stdout(&text))
            else {
                return ExitCode::SUCCESS;
            };
            let _ = writeln!(std::io::stderr(), "{name}: error: {}", error.message().text());
            return ExitCode::from(error.exit() as u8);
        }
    };
    let console = Console::new(&name, &messages);
    let verdict = output::check_stdout()
        .and_then(|()| run(args, &console))
        .and_then(|outcome| output::write_stdout(&outcome.output).map(|()| outcome.verdict));
    match verdict {
        Ok(Verdict::Yes) => ExitCode::SUCCESS,
        Ok(Verdict::No) => ExitCode::from(1),
        Err(error) => {
            // A full disk must not hide what failed before.
            let _ = output::write_stdout(error.parts());
            console.error(error.message());
            ExitCode::from(error.exit() as u8)
        }
    }
}

/// An error about the value of a flag without it, where it may be or hold a password: it goes to a
/// log, and may have come from the environment.
fn without_value(mut error: clap::Error) -> clap::Error {
    let holds = |value: &str| value.contains([':', '@', ' ', '=', '/']);
    if let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue)
        && holds(value)
    {
        let hidden = ContextValue::String("(not shown)".to_owned());
        let _ = error.insert(ContextKind::InvalidValue, hidden);
    }
    error
}

/// Whatever ends the process, its memory is written nowhere: any tool may be given tokens and keys.
/// Neither call fails on Linux; where one would, the tool does its work all the same.
fn leave_no_core() {
    // The programs that it starts, as those of a kubeconfig's `exec`, inherit the limit.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    // No limit counts where cores go to a program (`|` in core_pattern). This does, and keeps the
    // user's other processes from reading our memory.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Adds the flags about messages; they would put their own description in the tool's place.
fn with_messages(command: Command) -> Command {
    let about = command.get_about().cloned().unwrap_or_default();
    let long_about = command.get_long_about().cloned().unwrap_or_else(|| about.clone());
    Messages::augment_args(command).about(about).long_about(long_about)
}

/// Lets `MESH_FLAG_NAME` set `--flag-name`, so that Makefiles stay short.
fn with_environment(command: Command) -> Command {
    command.mut_args(|arg| {
        let Some(long) = arg.get_long() else { return arg };
        let variable = format!("MESH_{}", long.replace('-', "_").to_uppercase());
        let arg = match arg.get_action() {
            ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version => {
                return arg;
            }
            ArgAction::SetTrue => arg.value_parser(FalseyValueParser::new()),
            _ => arg,
        };
        arg.env(variable).hide_env(true)
    })
}
