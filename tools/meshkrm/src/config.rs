//! A function's configuration as the flags that it stands for: the tool's own parser reads them,
//! so that a key means what the flag of its name means.

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};
use meshcore::{Error, Result};
use serde_json::{Map, Value};

/// The API of our own kinds.
const API_VERSION: &str = "meshutils/v1alpha1";

/// Keys that only a command line has.
const OF_COMMAND_LINE: [&str; 3] = ["krm", "quiet", "log-format"];

/// What a configuration stands for on the command line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// `--rev=asm-managed`.
    pub flags: Vec<String>,
    /// What has no flag.
    pub positional: Vec<String>,
}

/// Reads a configuration: a `ConfigMap`, or an object of the tool's own kind.
pub fn arguments(config: &Value, kind: &str, command: &Command) -> Result<Arguments> {
    let mut arguments = Arguments::default();
    for (key, value) in keys(config, kind)?.into_iter().flatten() {
        let Some(arg) = find(command, key) else { return Err(unknown(command, key)) };
        let name = arg.get_long().unwrap_or(key);
        for value in values(arg, value).map_err(|error| error.at(key).at(PLACE))? {
            refuse_file(arg, &value).map_err(|error| error.at(key).at(PLACE))?;
            match arg.get_action() {
                _ if arg.is_positional() => arguments.positional.push(value),
                ArgAction::SetTrue => match &*value {
                    "true" => arguments.flags.push(format!("--{name}")),
                    "false" => {}
                    _ => {
                        let error = Error::data("is neither true nor false");
                        return Err(error.at(key).at(PLACE));
                    }
                },
                _ => arguments.flags.push(format!("--{name}={value}")),
            }
        }
    }
    Ok(arguments)
}

/// The first part of every place in an error.
pub const PLACE: &str = "functionConfig";

/// The part of the configuration that is the function's.
fn keys<'c>(config: &'c Value, kind: &str) -> Result<Option<&'c Map<String, Value>>> {
    let text = |field: &str| config[field].as_str().unwrap_or_default();
    let holder = match (text("apiVersion"), text("kind")) {
        ("v1", "ConfigMap") => "data",
        (API_VERSION, own) if own == kind => "spec",
        (api_version, other) => {
            let text = format!("is a {other:?} of {api_version:?}");
            let known = format!("give a ConfigMap of v1, or a {kind} of {API_VERSION}");
            return Err(Error::data(text).at(PLACE).hint(known));
        }
    };
    let known = ["apiVersion", "kind", "metadata", "immutable", holder];
    let other = |key: &&String| !known.contains(&key.as_str());
    if let Some(field) = config.as_object().and_then(|config| config.keys().find(other)) {
        return Err(Error::data(format!("unknown field {field:?}"))
            .at(PLACE)
            .hint(format!("the keys, named as the flags are, stand in {holder}")));
    }
    match &config[holder] {
        Value::Null => Ok(None),
        Value::Object(keys) => Ok(Some(keys)),
        _ => Err(Error::data(format!("{holder} is no mapping")).at(PLACE)),
    }
}

/// The flag of this name, or the argument without a flag.
fn find<'c>(command: &'c Command, key: &str) -> Option<&'c Arg> {
    let is_its = |arg: &&Arg| match arg.get_long() {
        Some(long) => {
            long == key || arg.get_all_aliases().is_some_and(|other| other.contains(&key))
        }
        None => arg.is_positional() && arg.get_id() == key,
    };
    command.get_arguments().find(is_its).filter(|_| !OF_COMMAND_LINE.contains(&key))
}

/// A configuration comes with a package that somebody else wrote: it names no file of ours. `-` and
/// `NAME=-` are the items.
fn refuse_file(arg: &Arg, value: &str) -> Result<()> {
    let names = arg.get_value_names().unwrap_or_default();
    let is_of_file = names.iter().any(|name| name.contains("FILE") || name.contains("DIR"));
    if !is_of_file || value == "-" || value.ends_with("=-") {
        return Ok(());
    }
    let flag = arg.get_long().unwrap_or_default();
    Err(Error::data("names a file, and a function reads nothing but its items")
        .hint(format!("if you want it read, give --{flag} on the command line")))
}

/// The tool's own parser knows which flag is meant.
fn unknown(command: &Command, key: &str) -> Error {
    let error = Error::data(format!("unknown key {key:?}")).at(PLACE);
    let name = command.get_name();
    let parsed = command.clone().try_get_matches_from([name.to_owned(), format!("--{key}")]);
    let similar = parsed.err().and_then(|error| match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(flag)) => Some(flag.trim_start_matches('-').to_owned()),
        _ => None,
    });
    let similar = similar.filter(|flag| find(command, flag).is_some());
    let help = || format!("keys are named as the flags that {name} --help shows");
    error.hint(similar.map_or_else(help, |flag| format!("did you mean {flag}?")))
}

/// The values of a key. A text of several lines, or with commas, is a list where a flag may be
/// repeated: a `ConfigMap` has nothing but texts.
fn values(arg: &Arg, value: &Value) -> Result<Vec<String>> {
    let is_list = matches!(arg.get_action(), ArgAction::Append);
    match value {
        Value::Array(values) if is_list => values.iter().map(scalar).collect(),
        Value::Array(_) => Err(Error::data("takes one value")),
        Value::Null => Ok(Vec::new()),
        Value::String(text) if is_list => {
            let separator = if text.trim_end().contains('\n') { '\n' } else { ',' };
            let values = text.split(separator).map(str::trim);
            Ok(values.filter(|value| !value.is_empty()).map(str::to_owned).collect())
        }
        value => scalar(value).map(|value| vec![value]),
    }
}

fn scalar(value: &Value) -> Result<String> {
    match value {
        Value::String(text) => Ok(text.trim().to_owned()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        _ => Err(Error::data("is neither a text nor a number nor true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory as _, Parser};
    use serde_json::json;

    #[derive(Parser)]
    #[command(name = "mesh-test")]
    #[allow(dead_code)] // only its flags are of interest
    struct Args {
        names: Vec<String>,
        #[arg(long, alias = "asm-version")]
        istio_version: Option<String>,
        #[arg(long)]
        host: Vec<String>,
        #[arg(long)]
        https: bool,
        #[arg(long, value_name = "[NAME=]FILE")]
        rules: Vec<String>,
        #[command(flatten)]
        krm: crate::Flag,
    }

    fn read(config: &Value) -> Result<(Vec<String>, Vec<String>)> {
        let read = arguments(config, "Test", &Args::command())?;
        Ok((read.flags, read.positional))
    }

    fn map(data: Value) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})
    }

    fn own(spec: Value) -> Value {
        json!({"apiVersion": "meshutils/v1alpha1", "kind": "Test", "spec": spec})
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn keys_are_flags() {
        let data =
            json!({"istio-version": "1.29\n", "host": "a, b,", "https": "true", "names": "x"});
        let flags = texts(&["--host=a", "--host=b", "--https", "--istio-version=1.29"]);
        assert_eq!(read(&map(data)).unwrap(), (flags, texts(&["x"])));
        let spec =
            json!({"host": ["a,b", 1], "https": true, "names": ["x", "y"], "istio-version": 1.5});
        let flags = texts(&["--host=a,b", "--host=1", "--https", "--istio-version=1.5"]);
        assert_eq!(read(&own(spec)).unwrap(), (flags, texts(&["x", "y"])));
        let lines =
            json!({"host": "a,b\nc\n", "https": "false", "asm-version": "--https", "names": null});
        let flags = texts(&["--istio-version=--https", "--host=a,b", "--host=c"]);
        assert_eq!(read(&own(lines)).unwrap(), (flags, vec![]));
        assert_eq!(read(&own(Value::Null)).unwrap(), (vec![], vec![]));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_key() {
        let spec = |spec| own(spec);
        for (config, message, hint) in [
            (
                spec(json!({"istioVersion": 1})),
                "unknown key \"istioVersion\"",
                "did you mean istio-version?",
            ),
            (spec(json!({"hots": 1})), "unknown key \"hots\"", "did you mean host?"),
            (
                spec(json!({"zzzz": 1})),
                "unknown key \"zzzz\"",
                "keys are named as the flags that mesh-test",
            ),
            (spec(json!({"host=": 1})), "unknown key \"host=\"", ""),
            (spec(json!({"krm": "a"})), "unknown key \"krm\"", "keys are named"),
            (spec(json!({"help": "a"})), "unknown key \"help\"", "keys are named"),
            (spec(json!({"https": "on"})), "https: is neither true nor false", ""),
            (spec(json!({"istio-version": ["a"]})), "istio-version: takes one value", ""),
            (spec(json!({"host": [{}]})), "host: is neither a text nor", ""),
            (spec(json!("a")), "spec is no mapping", ""),
            (
                json!({"kind": "Test", "spec": {}}),
                "is a \"Test\" of \"\"",
                "give a ConfigMap of v1, or a Test",
            ),
            (
                json!({"apiVersion": "meshutils/v1", "kind": "Test"}),
                "is a \"Test\" of \"meshutils/v1\"",
                "v1alpha1",
            ),
            (
                json!({"apiVersion": "meshutils/v1alpha1", "kind": "Check"}),
                "is a \"Check\"",
                "or a Test of",
            ),
            (
                json!({"apiVersion": "meshutils/v1alpha1", "kind": "Test", "data": {}}),
                "unknown field \"data\"",
                "stand in spec",
            ),
            (json!("a"), "is a \"\" of \"\"", ""),
        ] {
            let error = read(&config).unwrap_err();
            let told = error.message().text();
            assert!(told.starts_with(&format!("functionConfig: {message}")), "{told}");
            let hints = error.message().hints().join(" ");
            assert!(hints.contains(hint), "{hints}");
            assert_eq!(error.exit(), meshcore::Exit::Data);
        }
    }

    /// Of an attack: whoever wrote the package had any file opened, and a FIFO hung.
    #[test]
    fn a_configuration_names_no_file() {
        let config = |rules: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"rules": rules}});
        assert_eq!(read(&config("-, a=-")).unwrap().0, ["--rules=-", "--rules=a=-"]);
        for file in ["/etc/hostname", "a=/etc/hostname", "-, x"] {
            let error = read(&config(file)).unwrap_err();
            let text = error.message().text();
            assert_eq!(
                text,
                "functionConfig: rules: names a file, and a function reads nothing but its items"
            );
            assert!(error.message().hints()[0].contains("--rules"));
        }
    }
}
