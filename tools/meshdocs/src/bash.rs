//! Completion for bash. `clap_complete` has one, too, but it does not know `--flag=value`, lists,
//! names with a colon (of EKS) or an at sign (of kubeadm), nor what may stand without a flag.

use crate::completions::{CANDIDATES, Offer};
use crate::tools::Tool;
use clap::Arg;
use meshcore::shell::command_line;

/// The script; bash finds it by the tool's name.
pub fn script(tool: &Tool) -> String {
    let name = tool.name();
    let cases: Vec<String> = tool.arguments().filter_map(case).collect();
    let flags = tool.arguments().filter_map(|arg| Some(format!("--{}", arg.get_long()?)));
    let flags: Vec<String> = flags.collect();
    // With nothing to stand without a flag, all that can come is a flag.
    let positional = match tool.command.get_positionals().next() {
        Some(arg) => action(arg),
        None => format!("_mesh_words {}", flags.join(" ")),
    };
    let script = include_str!("bash.sh")
        .replace("FUNCTION", &format!("_{}", name.replace('-', "_")))
        .replace("NAME", name)
        .replace("FLAGS", &flags.join(" "))
        .replace("POSITIONAL", &positional)
        .replace("CASES\n", &cases.concat())
        .replace("CANDIDATES", &command_line([CANDIDATES]));
    format!("# bash completion of {name}, written by meshdocs\n\n{script}")
}

/// What follows a flag.
fn case(arg: &Arg) -> Option<String> {
    if !arg.get_action().takes_values() || arg.is_positional() {
        return None;
    }
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    Some(format!("        {}) {} ;;\n", names.join(" | "), action(arg)))
}

fn action(arg: &Arg) -> String {
    match Offer::of(arg) {
        // bash's default, which knows more of them than a script.
        Offer::Files => ":".to_owned(),
        Offer::Folders => "compopt +o default -o dirnames".to_owned(),
        Offer::Values(values) => format!("_mesh_words {}", command_line(values)),
        Offer::ListOfValues(values) => format!("_mesh_list {}", command_line(values)),
        Offer::Contexts => "_mesh_names words contexts".to_owned(),
        Offer::ListOfContexts => "_mesh_names list contexts".to_owned(),
        Offer::Namespaces => "_mesh_names words namespaces".to_owned(),
        Offer::Nothing => "_mesh_words".to_owned(),
    }
}
