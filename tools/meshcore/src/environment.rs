//! Flags that are set by variables of the environment. Who has one for something else is told of it:
//! a refusal names a flag that nobody has given.

use crate::{Error, Exit};
use clap::builder::{FalseyValueParser, Resettable};
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Command};

/// Lets `MESH_FLAG_NAME` set `--flag-name`, so that Makefiles stay short.
pub fn read_by(command: Command) -> Command {
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

/// A variable that is there, and a flag that it sets where the command line does not.
#[derive(Debug, Clone)]
pub struct Variable {
    id: String,
    flag: String,
    name: String,
}

/// Those of a command's flags.
pub fn set_in(command: &Command) -> Vec<Variable> {
    let of = |arg: &clap::Arg| {
        let name = arg.get_env().filter(|name| std::env::var_os(name).is_some())?;
        let name = name.to_str()?.to_owned();
        Some(Variable {
            id: arg.get_id().to_string(),
            flag: format!("--{}", arg.get_long()?),
            name,
        })
    };
    command.get_arguments().filter_map(of).collect()
}

impl Variable {
    /// The command as if it were not there.
    pub fn unset(&self, command: Command) -> Command {
        command.mut_arg(&self.id, |arg| arg.env(Resettable::Reset))
    }

    /// Whether it has set its flag.
    pub fn is_used(&self, matches: &ArgMatches) -> bool {
        matches.value_source(&self.id) == Some(ValueSource::EnvVariable)
    }

    /// For people.
    pub fn hint(&self) -> String {
        let Self { flag, name, .. } = self;
        format!("{flag} is set by the variable {name} of the environment: is it meant for that?")
    }
}

/// An error about flags, with the variables that have set those which it names, or else all of them.
pub fn named(error: Error, used: &[Variable]) -> Error {
    if error.exit() != Exit::Usage {
        return error;
    }
    let text = error.message().text().to_owned();
    let words = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
    let is_meant = |variable: &&Variable| text.split(words).any(|word| word == variable.flag);
    let mut meant: Vec<&Variable> = used.iter().filter(is_meant).collect();
    if meant.is_empty() {
        meant = used.iter().collect();
    }
    meant.into_iter().fold(error, |error, variable| error.hint(variable.hint()))
}
