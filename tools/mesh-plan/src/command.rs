//! Command lines that reach clusters.

use crate::wanted::Member;
use meshcore::shell::command_line;
use std::collections::BTreeSet;

/// A line of a program with `--context` for each cluster.
#[must_use]
pub fn on<S: AsRef<str>>(members: &[&Member<'_>], words: impl IntoIterator<Item = S>) -> String {
    let mut line: Vec<String> = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
    let environment = match files(members)[..] {
        [] | [None] => String::new(),
        [Some(file)] => {
            line.extend(["--kubeconfig".to_owned(), file.to_owned()]);
            String::new()
        }
        // No program takes several files by a flag.
        ref files => format!("{} ", environment(files)),
    };
    for member in members {
        line.extend(["--context".to_owned(), member.context.clone()]);
    }
    environment + &command_line(line)
}

/// The kubeconfigs of clusters; none for the usual one.
fn files<'m>(members: &[&'m Member<'_>]) -> Vec<Option<&'m str>> {
    let files: BTreeSet<Option<&str>> =
        members.iter().map(|member| member.kubeconfig.as_deref()).collect();
    files.into_iter().collect()
}

fn environment(files: &[Option<&str>]) -> String {
    let file = |file: Option<&str>| match file {
        Some(file) => command_line([file]),
        None => "\"${KUBECONFIG:-$HOME/.kube/config}\"".to_owned(),
    };
    format!("KUBECONFIG={}", files.iter().copied().map(file).collect::<Vec<_>>().join(":"))
}

/// Lines that print commands, which are then run. A pipe into `sh` would hide that the first of
/// them failed. The commands know contexts alone, so kubeconfigs are in the environment.
#[must_use]
pub fn run_output(members: &[&Member<'_>], line: &str) -> String {
    let lines = format!("steps=$({line})\nprintf '%s\\n' \"$steps\" | sh -eu");
    match files(members)[..] {
        [] | [None] => lines,
        ref files => format!("(\nexport {}\n{lines}\n)", environment(files)),
    }
}

/// A line of kubectl.
#[must_use]
pub fn kubectl<S: AsRef<str>>(member: &Member<'_>, words: impl IntoIterator<Item = S>) -> String {
    let words = words.into_iter().map(|word| word.as_ref().to_owned());
    let files = member.kubeconfig.iter().flat_map(|file| ["--kubeconfig".to_owned(), file.clone()]);
    let context = ["--context".to_owned(), member.context.clone()];
    command_line(["kubectl".to_owned()].into_iter().chain(files).chain(context).chain(words))
}

/// Programs that read what the one before wrote.
#[must_use]
pub fn pipe(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().collect::<Vec<_>>().join(" | ")
}

/// Lines one after the other. Not `&&`: a shell with `set -e` does not end where a line fails in
/// the middle of it.
#[must_use]
pub fn then(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().collect::<Vec<_>>().join("\n")
}

/// A line that prints a text.
#[must_use]
pub fn print(text: &str) -> String {
    command_line(["printf", "%s\\n", text])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member<'a>(context: &str, kubeconfig: Option<&str>) -> Member<'a> {
        let mut member = Member::named(context);
        member.kubeconfig = kubeconfig.map(str::to_owned);
        member
    }

    #[test]
    fn every_cluster_is_reached_through_its_own_file() {
        let (a, b, c) = (member("a b", None), member("b", Some("k 1")), member("c", Some("k2")));
        assert_eq!(on(&[&a], ["x"]), "x --context 'a b'");
        assert_eq!(on(&[&b], ["x"]), "x --kubeconfig 'k 1' --context b");
        assert_eq!(on(&[&b, &c], ["x"]), "KUBECONFIG='k 1':k2 x --context b --context c");
        assert_eq!(
            on(&[&a, &c], ["x"]),
            "KUBECONFIG=\"${KUBECONFIG:-$HOME/.kube/config}\":k2 x --context 'a b' --context c"
        );
        assert_eq!(kubectl(&b, ["get"]), "kubectl --kubeconfig 'k 1' --context b get");
    }
}
