//! From the command line to the exit code, the same for every tool.

use crate::environment::{self, Variable};
use crate::{Console, Exit, Messages, Outcome, Verdict, output, visible};
use clap::{
    Args as _, Command, CommandFactory, FromArgMatches as _, Parser,
    error::{ContextKind, ContextValue},
};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use std::io::Write as _;
use std::process::ExitCode;

/// The complete command of a tool: its own flags, those about messages, and their variables.
#[must_use]
pub fn command<A: CommandFactory>() -> Command {
    environment::read_by(with_messages(A::command()))
}

type Parsed<A> = (A, Messages, Vec<Variable>);

/// The flags, and those of the variables that have set one.
fn parse<A: Parser>(command: Command, variables: &[Variable]) -> Result<Parsed<A>, clap::Error> {
    let matches = command.try_get_matches()?;
    let args = (A::from_arg_matches(&matches)?, Messages::from_arg_matches(&matches)?);
    let used = variables.iter().filter(|variable| variable.is_used(&matches)).cloned();
    Ok((args.0, args.1, used.collect()))
}

/// Parses the flags, runs the tool, writes its output or its error, and gives the exit code.
pub fn main<A: Parser>(run: fn(A, &Console) -> crate::Result<Outcome>) -> ExitCode {
    leave_no_core();
    let command = command::<A>();
    let name = command.get_name().to_owned();
    let variables = environment::set_in(&command);
    let (args, messages, variables) = match parse::<A>(command, &variables) {
        Ok(parsed) => parsed,
        Err(error) if error.use_stderr() => {
            // In a pipe of tools the name says which of them is meant.
            let refused = without_value(error).to_string();
            let lines: Vec<String> = refused.split('\n').map(visible).collect();
            let mut text = format!("{name}: {}", lines.join("\n"));
            for variable in variables {
                let other = parse::<A>(variable.unset(self::command::<A>()), &[]).err();
                if other.map(|other| without_value(other).to_string()).as_ref() != Some(&refused) {
                    text += &format!("{name}: hint: {}\n", variable.hint());
                }
            }
            let _ = std::io::stderr().write_all(text.as_bytes());
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
            let error = environment::named(error, &variables);
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
