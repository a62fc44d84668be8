//! Completions for the three shells, with names out of the kubeconfig and its clusters.

use crate::tools::Tool;
use crate::{File, bash};
use clap::builder::{PossibleValuesParser, Resettable};
use clap::{Arg, Command, ValueHint};
use clap_complete::Shell;
use meshcore::shell::command_line;

/// The script for `sh` that knows contexts and namespaces, the same for every shell.
pub const CANDIDATES: &str = include_str!("candidates.sh");

/// What can be offered for a value.
pub enum Offer {
    /// Paths of files.
    Files,
    /// Paths of folders.
    Folders,
    /// One of a few words.
    Values(Vec<String>),
    /// Several of them with commas in between.
    ListOfValues(Vec<String>),
    /// A context of the kubeconfig.
    Contexts,
    /// Several of them with commas in between.
    ListOfContexts,
    /// A namespace of the cluster that the command line is about.
    Namespaces,
    /// Nobody knows: a number, a new name.
    Nothing,
}

/// The tool's completions, in the folders where the shells look for them below `PREFIX/share`.
pub fn files(tool: &Tool) -> [File; 3] {
    let name = tool.name();
    [
        (format!("bash-completion/completions/{name}"), bash::script(tool)),
        (format!("zsh/site-functions/_{name}"), zsh(tool)),
        (format!("fish/vendor_completions.d/{name}.fish"), fish(tool)),
    ]
}

impl Offer {
    /// By the values there are, and otherwise by the name of the value, which tells its kind in
    /// all tools.
    pub fn of(arg: &Arg) -> Self {
        let list = arg.get_value_delimiter().is_some();
        let values = arg.get_possible_values();
        if !values.is_empty() {
            let names = values.iter().filter(|value| !value.is_hide_set());
            let names = names.map(|value| value.get_name().to_owned()).collect();
            return if list { Self::ListOfValues(names) } else { Self::Values(names) };
        }
        match arg.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str())
        {
            "FILE" => Self::Files,
            "DIR" => Self::Folders,
            "CONTEXT" => Self::Contexts,
            "CONTEXT,..." => Self::ListOfContexts,
            "NAMESPACE" => Self::Namespaces,
            _ => Self::Nothing,
        }
    }
}

/// What `clap_complete` does not know of, with a mark that it writes in its place.
fn marked(command: &Command) -> (Command, Vec<(String, Offer)>) {
    let mut marks = Vec::new();
    let command = command.clone().mut_args(|arg| match Offer::of(&arg) {
        Offer::Files => arg.value_hint(ValueHint::FilePath),
        Offer::Folders => arg.value_hint(ValueHint::DirPath),
        Offer::Nothing if arg.get_action().takes_values() => arg.value_hint(ValueHint::Other),
        Offer::Nothing | Offer::Values(_) => arg,
        offer => {
            let mark = format!("-mark-{}-", marks.len());
            let parser = PossibleValuesParser::new([mark.clone()]);
            marks.push((mark, offer));
            // The default is none of the possible values now.
            arg.value_parser(parser).default_value(Resettable::Reset)
        }
    });
    (command, marks)
}

/// The shell's script with `action` in the place of each mark, as the shell's `form` shows it.
fn generate(
    shell: Shell,
    tool: &Tool,
    form: impl Fn(&str) -> String,
    action: impl Fn(&Offer) -> String,
) -> String {
    let (mut command, marks) = marked(&tool.command);
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, tool.name(), &mut script);
    let script = String::from_utf8(script).expect("clap_complete writes UTF-8");
    let script = marks
        .iter()
        .fold(script, |script, (mark, offer)| script.replace(&form(mark), &action(offer)));
    assert!(!script.contains("-mark-"), "clap_complete writes values in another form: {script}");
    script
}

fn zsh(tool: &Tool) -> String {
    // The blank keeps `_arguments` from putting words of its own before ours.
    let action = |offer: &Offer| match offer {
        Offer::ListOfValues(values) => format!("_sequence compadd - {}", values.join(" ")),
        Offer::ListOfContexts => " _mesh_names list contexts".to_owned(),
        Offer::Namespaces => " _mesh_names words namespaces".to_owned(),
        _ => " _mesh_names words contexts".to_owned(),
    };
    let script = generate(Shell::Zsh, tool, |mark| format!("({mark})"), action);
    let (compdef, rest) = script.split_once('\n').expect("it has lines");
    // With one colon the words stay those of the whole line.
    let rest = rest.replace("\n'*::", "\n'*:");
    let functions = include_str!("zsh.sh").replace("CANDIDATES", &command_line([CANDIDATES]));
    format!("{compdef}\n\n{functions}{rest}")
}

fn fish(tool: &Tool) -> String {
    let action = |offer: &Offer| match offer {
        Offer::ListOfValues(values) => format!("(__fish_append , {})", values.join(" ")),
        Offer::ListOfContexts => "(__fish_append , (__mesh_candidates contexts))".to_owned(),
        Offer::Namespaces => "(__mesh_candidates namespaces)".to_owned(),
        _ => "(__mesh_candidates contexts)".to_owned(),
    };
    let script = generate(Shell::Fish, tool, |mark| format!("{mark}\\t''"), action);
    let candidates = CANDIDATES.replace('\\', r"\\").replace('\'', r"\'");
    let name = tool.name();
    let mut out = format!(
        "function __mesh_candidates\n    sh -c '{candidates}' sh $argv (commandline -opc)\nend\n\n"
    );
    out += &script;
    // What may stand without a flag, which clap_complete leaves out.
    let positional = match tool.command.get_positionals().next().map(Offer::of) {
        Some(Offer::Files) => return out,
        None | Some(Offer::Nothing) => String::new(),
        Some(Offer::Values(values)) => format!(" -a '{}'", values.join(" ")),
        Some(offer) => format!(" -a '{}'", action(&offer)),
    };
    out += &format!("complete -c {name} -f{positional}\n");
    out
}
