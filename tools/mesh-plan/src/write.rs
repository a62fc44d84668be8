//! A plan as lines for people, as JSON, and as a script.

use crate::step::Step;
use meshcore::{json_lines, shell, visible};
use serde::Serialize;

/// A step as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Numbered<'a> {
    order: usize,
    stage: &'static str,
    cluster: Option<&'a str>,
    what: &'a str,
    why: &'a str,
    command: &'a str,
    undo: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_for: Option<&'a str>,
}

/// One object per line.
#[must_use]
pub fn json(steps: &[Step]) -> String {
    json_lines(steps.iter().enumerate().map(|(i, step)| Numbered {
        order: i + 1,
        stage: step.stage.as_str(),
        cluster: step.cluster.as_deref(),
        what: &step.what,
        why: &step.why,
        command: &step.command,
        undo: step.undo.as_deref(),
        waits_for: step.waits_for.as_deref(),
    }))
}

/// What, why, and the command below it.
#[must_use]
pub fn lines(steps: &[Step]) -> String {
    if steps.is_empty() {
        return "nothing to do\n".to_owned();
    }
    let mut out = String::new();
    for (i, step) in steps.iter().enumerate() {
        let waits = step.waits_for.as_ref();
        let waits =
            waits.map_or_else(String::new, |name| format!("when {} answers: ", visible(name)));
        out += &format!("{}. {waits}{}\n", i + 1, head(step));
        for line in step.command.lines() {
            out += &format!("     {line}\n");
        }
    }
    out
}

/// Stage, cluster, what and why, in one line.
fn head(step: &Step) -> String {
    let cluster = step.cluster.as_ref().map_or_else(String::new, |name| format!("{name}: "));
    visible(&format!("{}: {cluster}{} ({})", step.stage.as_str(), step.what, step.why))
}

/// A script for `sh`. It ends with the first line that fails and may be run again. Steps that
/// wait for a cluster are left out when it still does not answer: exit status 4.
#[must_use]
pub fn script(steps: &[Step], answers: impl Fn(&str) -> String) -> String {
    if steps.is_empty() {
        return "#!/bin/sh\n# nothing to do\n".to_owned();
    }
    // Braces: all of it is read before the first command can read what is left of it.
    let mut out = "#!/bin/sh\nset -eu\n{\n".to_owned();
    let mut waiting: Option<&str> = None;
    for (i, step) in steps.iter().enumerate() {
        let waits_for = step.waits_for.as_deref();
        if waits_for != waiting {
            out += &match waiting {
                Some(_) => end_waiting(waiting),
                None => "\nstatus=0\n".to_owned(),
            };
            if let Some(name) = waits_for {
                out += &format!("\nif {} >/dev/null 2>&1; then\n", answers(name));
            }
            waiting = waits_for;
        }
        out += &format!(
            "\n{}\n{}\n",
            shell::comment(&format!("{}. {}", i + 1, head(step))),
            step.command
        );
    }
    if waiting.is_some() {
        out += &end_waiting(waiting);
    }
    if steps.iter().any(|step| step.waits_for.is_some()) {
        out += "exit $status\n";
    }
    out + "} </dev/null\n"
}

fn end_waiting(name: Option<&str>) -> String {
    let text = format!("{} does not answer: its steps are left out", name.unwrap_or_default());
    let text = crate::command::print(&visible(&text));
    format!("\nelse\n{text} >&2\nstatus=4\nfi\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::Stage;
    use proptest::prelude::*;

    fn step(text: &str, command: &str, waits_for: Option<&str>) -> Step {
        Step {
            stage: Stage::Secrets,
            cluster: Some(text.to_owned()),
            what: text.to_owned(),
            why: text.to_owned(),
            command: command.to_owned(),
            undo: None,
            waits_for: waits_for.map(str::to_owned),
        }
    }

    fn run(script: &str) -> (Option<i32>, String, String) {
        use std::io::Write as _;
        use std::process::Stdio;
        let mut sh = std::process::Command::new("sh");
        sh.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut sh = sh.spawn().unwrap();
        sh.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let ran = sh.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (ran.status.code(), text(ran.stdout), text(ran.stderr))
    }

    #[test]
    fn the_first_line_that_fails_ends_a_script() {
        let answers = |name: &str| format!("test {name} = up");
        let all = [
            // Nothing of the script is left for a command to read.
            step("a", "cat\necho 1", None),
            step("b", "echo 2", Some("up")),
            step("c", "echo 3", Some("down")),
            step("d", "echo 4", Some("down")),
            step("e", "echo 5", None),
        ];
        let (code, out, err) = run(&script(&all, answers));
        assert_eq!((code, out.as_str()), (Some(4), "1\n2\n5\n"));
        assert_eq!(err, "down does not answer: its steps are left out\n");
        assert_eq!(run(&script(&all[..2], answers)).0, Some(0));
        let fails = [step("a", "echo 1\nfalse\necho 2", None), step("b", "echo 3", None)];
        assert_eq!(run(&script(&fails, answers)), (Some(1), "1\n".to_owned(), String::new()));
        let later = [step("a", "false\necho 2", Some("up"))];
        assert_eq!(run(&script(&later, answers)).0, Some(1));
        assert_eq!(run(&script(&[], answers)), (Some(0), String::new(), String::new()));
    }

    #[test]
    fn people_see_what_waits() {
        let all = [step("a", "x\ny", None), step("b", "z", Some("c"))];
        assert_eq!(
            lines(&all),
            "1. secrets: a: a (a)\n     x\n     y\n2. when c answers: secrets: b: b (b)\n     z\n"
        );
        assert!(json(&all).starts_with(
            "{\"order\":1,\"stage\":\"secrets\",\"cluster\":\"a\",\"what\":\"a\",\"why\":\"a\",\
             \"command\":\"x\\ny\",\"undo\":null}\n{\"order\":2,"
        ));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn no_text_of_a_cluster_becomes_a_command(
            text in "\\PC{0,12}|[\n\r;`$(){}'\"#\\\\ a]{0,12}", waits in any::<bool>()
        ) {
            let all = [step(&text, "true", waits.then_some(text.as_str()))];
            let (code, out, err) = run(&script(&all, |_| "true".to_owned()));
            prop_assert_eq!((code, out, err), (Some(0), String::new(), String::new()));
            let (code, out, _) = run(&script(&all, |_| "false".to_owned()));
            prop_assert_eq!((code, out), (Some(if waits { 4 } else { 0 }), String::new()));
        }
    }
}
