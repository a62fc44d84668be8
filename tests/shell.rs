//! Command lines that programs print: a shell makes of them the words that were meant, whatever
//! names are in them.

use mesh_tests::{program_dir, root, run, write_program};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// A program that prints commands, and where a name goes into its input.
struct Case {
    program: &'static str,
    args: &'static [&'static str],
    sample: &'static str,
    /// JSON pointers of the fields that are the name.
    fields: &'static [&'static str],
    printed: Printed,
}

/// How commands are printed.
#[derive(Clone, Copy)]
enum Printed {
    /// As the whole of standard output.
    Whole,
    /// As `fix` of JSON lines.
    Fix,
    /// As lines that begin with `  fix: `.
    FixLine,
}

const CASES: [Case; 11] = [
    case("mesh-plan", &["-o", "sh"], "records", &["/0/context"], Printed::Whole),
    case("mesh-plan", &["-o", "sh"], "records", &["/0/kubeconfig"], Printed::Whole),
    case("mesh-plan", &["-o", "sh", "--leave", "cluster2"], "captures", CONTEXT, Printed::Whole),
    case("mesh-plan", &["-o", "sh", "--undo"], "captures", CONTEXT, Printed::Whole),
    case("mesh-check", &["-o", "json"], "captures", CONTEXT, Printed::Fix),
    case("mesh-check", &[], "captures", CONTEXT, Printed::FixLine),
    case("mesh-id", &["--labels"], "records", &["/0/location"], Printed::Whole),
    case("mesh-authnets", &["--enable"], "gke", &["/1/location"], Printed::Whole),
    case("mesh-authnets", &["--enable"], "gke", &["/1/name"], Printed::Whole),
    case("mesh-authnets", &[], "records", &["/0/project"], Printed::Whole),
    case("mesh-label-ns", RESTARTS, "injection", NAMESPACE, Printed::Whole),
];

const CONTEXT: &[&str] = &["/0/items/0/context"];
const NAMESPACE: &[&str] = &["/items/0/metadata/name", "/items/1/metadata/namespace"];
const RESTARTS: &[&str] = &["--restart-list", "--injection", "disabled"];

const fn case(
    program: &'static str,
    args: &'static [&'static str],
    sample: &'static str,
    fields: &'static [&'static str],
    printed: Printed,
) -> Case {
    Case { program, args, sample, fields, printed }
}

/// A name that means no harm and is nowhere else.
const HARMLESS: &str = "zqharmless";

/// What a kubeconfig, which may hold anything, could call a context.
const NAMES: [&str; 16] = [
    "a b",
    "it's \"so\"",
    "$(touch PWNED)`touch PWNED`;touch PWNED&touch PWNED|touch PWNED",
    "a;touch PWNED #",
    "<in >PWNED",
    "~root/*?[a-z]!{a,b}",
    "$HOME ${IFS} \\$x",
    "%s%n\\n\\033\\",
    "C:\\new\\temp",
    "\u{1b}[31m\u{9b}2J\u{7}\t\r",
    "a\ntouch PWNED\nb",
    "' '\n\u{1b}'\n",
    "=ls",
    "a=b",
    "\u{202e}\u{441}luster1\u{2066}é",
    "(sub) \u{1b}$(touch PWNED)'`",
];

const STUBS: [&str; 8] =
    ["kubectl", "gcloud", "aws", "az", "istioctl", "helm", "asmcli", "install_asm"];

/// Writes its arguments to a file of its own.
const STUB: &str = "#!/bin/sh\nprintf '%s\\0' \"${0##*/}\" \"$@\" >\"$WORDS/$$\"\n";

#[test]
fn printed_commands_have_the_words_that_were_meant() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let bin = dir.path().join("bin");
    let tools = mesh_tests::programs().keys().map(String::as_str);
    for stub in STUBS.into_iter().chain(tools) {
        write_program(&bin.join(stub), STUB);
    }
    let mut accepted = 0;
    for case in &CASES {
        let place = format!("{} {:?} {:?}", case.program, case.args, case.fields);
        let harmless = print(case, HARMLESS).unwrap_or_else(|error| panic!("{place}: {error}"));
        let meant = words_of(&harmless, dir.path());
        let has = |words: &Vec<String>| words.iter().any(|word| word.contains(HARMLESS));
        assert!(meant.iter().any(has), "{place}: no command has the name:\n{harmless}");
        for name in NAMES {
            // A line cannot show where a name ends with the end of a line.
            if matches!(case.printed, Printed::FixLine) && name.ends_with('\n') {
                continue;
            }
            // A name may be refused; a command must not be another than is meant.
            let Ok(script) = print(case, name) else { continue };
            let wild =
                |c: char| c.is_control() && c != '\n' || ('\u{202a}'..'\u{2070}').contains(&c);
            assert!(!script.contains(wild), "{place}: {name:?}: {script:?}");
            let mut expected: Vec<Vec<String>> = meant
                .iter()
                .map(|words| words.iter().map(|word| with_name(word, name)).collect())
                .collect();
            expected.sort_unstable();
            assert_eq!(words_of(&script, dir.path()), expected, "{place}: {name:?}:\n{script}");
            accepted += 1;
        }
    }
    assert!(accepted > CASES.len() * NAMES.len() / 2, "only {accepted} names were taken");
}

/// The commands that a program prints when the fields have this name, or its error.
fn print(case: &Case, name: &str) -> Result<String, String> {
    let path = root().join(format!("tests/hostile/samples/{}.json", case.sample));
    let text = std::fs::read_to_string(path).expect("a sample");
    let mut input: Value = serde_json::from_str(&text).expect("a sample is JSON");
    for field in case.fields {
        *input.pointer_mut(field).unwrap_or_else(|| panic!("no {field}")) = name.into();
    }
    let program = program_dir().join(case.program);
    let ran = run(Command::new(program).args(case.args).env_clear(), &input.to_string());
    if !matches!(ran.code, Some(0 | 1)) {
        assert!(ran.stdout.is_empty() && ran.stderr.contains("error: "), "{ran:?}");
        return Err(ran.stderr);
    }
    Ok(match case.printed {
        Printed::Whole => ran.stdout,
        Printed::Fix => {
            let lines = serde_json::Deserializer::from_str(&ran.stdout).into_iter::<Value>();
            let fixes = lines.map(|line| line.expect("JSON")["fix"].as_str().map(str::to_owned));
            // Some are advice and no command.
            let is_command = |fix: &String| fix.starts_with(['k', 'm', 'g', 'p']);
            fixes.flatten().filter(is_command).collect::<Vec<_>>().join("\n")
        }
        Printed::FixLine => {
            let fixes = ran.stdout.lines().filter_map(|line| line.strip_prefix("  fix: "));
            let is_command = |fix: &&str| fix.starts_with(['k', 'm', 'g', 'p']);
            fixes.filter(is_command).collect::<Vec<_>>().join("\n")
        }
    })
}

/// The words of all commands that a script calls, sorted.
fn words_of(script: &str, dir: &Path) -> Vec<Vec<String>> {
    let work = tempfile::tempdir_in(dir).expect("a temporary folder");
    let words = work.path().join("words");
    std::fs::create_dir(&words).expect("the folder is ours");
    let path = format!("{}:/usr/bin:/bin", dir.join("bin").display());
    let mut sh = Command::new("sh");
    sh.current_dir(work.path()).env_clear().env("PATH", path).env("WORDS", &words);
    sh.env("HOME", "/nowhere");
    let ran = run(&mut sh, script);
    assert_eq!(ran.code, Some(0), "{}\n{script}", ran.stderr);
    assert!(!work.path().join("PWNED").exists(), "a name was run:\n{script}");
    let files =
        std::fs::read_dir(&words).expect("it is there").map(|file| file.expect("it is").path());
    let mut all: Vec<Vec<String>> = files
        .map(|file| {
            let text = std::fs::read_to_string(file).expect("it is UTF-8");
            text.split_terminator('\0').map(same_json).collect()
        })
        .collect();
    all.sort_unstable();
    all
}

/// JSON in one form, other words as they are.
fn same_json(word: &str) -> String {
    serde_json::from_str::<Value>(word).map_or_else(|_| word.to_owned(), |value| value.to_string())
}

/// A word with the name in place of the harmless one, also where it is a string in JSON.
fn with_name(word: &str, name: &str) -> String {
    let is_object = serde_json::from_str::<Value>(word).is_ok_and(|value| value.is_object());
    if is_object {
        let quoted = Value::from(name).to_string();
        word.replace(HARMLESS, &quoted[1..quoted.len() - 1])
    } else {
        word.replace(HARMLESS, name)
    }
}
