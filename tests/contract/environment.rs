//! Flags that come from the environment, and refusals that say so.

use super::{PROGRAMS, command, fails};
use mesh_tests::run;

/// Who has such a variable for something else has given no flag, and would look for one.
#[test]
fn a_refusal_names_the_variable_that_it_comes_from() {
    for program in &PROGRAMS {
        let answers = program.answers.map(|(args, _)| args);
        let args = program.reads.or(program.asks).or(answers).expect("arguments");
        let ran = run(command(program, args).env("MESH_LOG_FORMAT", "junk"), "");
        fails(program, &ran, 2, "--log-format is set by the variable MESH_LOG_FORMAT");
        let given = [args, &["--log-format", "junk"]].concat();
        let ran = run(command(program, &given).env("MESH_LOG_FORMAT", "junk"), "");
        fails(program, &ran, 2, "junk");
        assert!(!ran.stderr.contains("MESH_"), "{ran:?}");
    }
}

#[test]
fn flags_that_exclude_each_other_name_their_variables() {
    let of = |name: &str| PROGRAMS.iter().find(|one| one.name == name).expect("a program");
    for (name, args, variable, value, others) in [
        // As clap refuses it.
        ("mesh-remote-secret", &["-f", "-"][..], "MESH_CONTEXT", "a", ("MESH_QUIET", "1")),
        ("mesh-sample", &["sleep"], "MESH_REPLICAS", "many", ("MESH_NAMESPACE", "a")),
        // As the tool does, which names the flag, or not.
        (
            "mesh-remote-secret",
            &["--context", "a", "--context", "b"],
            "MESH_SERVER",
            "https://a",
            ("MESH_NAMESPACE", "a"),
        ),
        ("mesh-apply", &["--leave", "c", "--context", "a"], "MESH_OUTPUT", "diff", ("HOME", "/")),
    ] {
        let mut command = command(of(name), args);
        let ran = run(command.env(variable, value).env(others.0, others.1), "");
        fails(of(name), &ran, 2, &format!("is set by the variable {variable} of"));
        assert!(!ran.stderr.contains(others.0), "{ran:?}");
    }
}
