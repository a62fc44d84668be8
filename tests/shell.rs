//! Command lines that programs print: a shell makes of them the words that were meant, and the
//! programs take those for what was meant, whatever names are in them.

mod inputs;
mod meshes;
mod words;

use inputs::Source;
use std::collections::BTreeSet;
use std::sync::Mutex;
use words::{Shell, words};

/// A name that means no harm and is nowhere else.
const HARMLESS: &str = "zqharmless";

/// What a kubeconfig, which may hold anything, could call a context.
const NAMES: [&str; 20] = [
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
    // Options of the programs that are called.
    "--all",
    "-n",
    "-A",
    "--kubeconfig=other",
];

/// One of each kind, for names that are in many places.
const FEW_NAMES: [&str; 4] = [
    "PWNED it's \"so\" $(touch PWNED)`touch PWNED`;touch PWNED&touch PWNED|>PWNED ~PWNED*?[a-z]{a,b}\\n%s",
    "(PWNED) \u{1b}[31m\u{202e}\n$(touch PWNED)'`",
    "--all",
    "-Aall",
];

/// What was tried.
#[derive(Default)]
struct Tally {
    words: usize,
    lines: usize,
    /// Of those, the ones whose name could be taken for an option.
    options: usize,
    programs: BTreeSet<&'static str>,
    wrong: Vec<String>,
}

#[test]
fn printed_commands_have_the_words_that_were_meant() {
    let shell = Shell::new();
    let tally = Mutex::new(Tally::default());
    let sources = Mutex::new(inputs::all().into_iter());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let next = sources.lock().expect("nobody panicked").next();
                    let Some(source) = next else { break };
                    try_source(&source, &shell, &tally);
                }
            });
        }
    });
    let Tally { words, lines, options, programs, wrong } =
        tally.into_inner().expect("nobody panicked");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let count = programs.len();
    #[allow(clippy::print_stderr)] // this is a test's own report
    {
        eprintln!(
            "shell: {words} words, {lines} lines, {options} of them with a name like an option, {count} tools"
        );
    }
    assert!(lines > 1000 && options > 100, "only {lines} lines and {options} options");
    let missing: Vec<_> =
        inputs::PROGRAMS.iter().filter(|name| !programs.contains(*name)).collect();
    assert!(missing.is_empty(), "no line of {missing:?} has a name");
}

/// What another field manager has written, no later apply of ours could change.
#[test]
fn printed_commands_change_our_objects_as_ours() {
    let shell = Shell::new();
    let (mut writes, mut wrong) = (0, BTreeSet::new());
    for (place, script) in meshes::scripts() {
        for command in shell.run(&script).iter().filter(|command| words::changes_ours(command)) {
            writes += 1;
            if !command.windows(2).any(|pair| pair == ["--field-manager", "meshutils"]) {
                wrong.insert(format!("{place}: {command:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(writes > 50, "only {writes} writes");
}

fn try_source(source: &Source, shell: &Shell, tally: &Mutex<Tally>) {
    let place = &source.place;
    let meant = match (source.print)(HARMLESS) {
        Ok(script) => shell.run(&script),
        Err(_) if source.is_guessed => return,
        Err(error) => panic!("{place}: {error}"),
    };
    if !words(&meant).any(|word| word.contains(HARMLESS)) {
        assert!(source.is_guessed, "{place}: no command has the name: {meant:?}");
        return;
    }
    for name in source.names {
        // A line cannot show where a name ends with the end of a line.
        if source.is_line && name.ends_with('\n') {
            continue;
        }
        // A name may be refused; a command must not be another than is meant.
        let Ok(script) = (source.print)(name) else { continue };
        let wild = |c: char| c.is_control() && c != '\n' || ('\u{202a}'..'\u{2070}').contains(&c);
        assert!(!script.contains(wild), "{place}: {name:?}: {script:?}");
        let said = shell.run(&script);
        let expected = words::expected(&meant, name);
        let mut tally = tally.lock().expect("nobody panicked");
        // With another name there may be other things to do.
        let is_right = if source.is_guessed {
            said.iter().all(|command| words::is_among(&expected, command, name))
        } else {
            said == expected
        };
        if !is_right {
            let but = |of: &[Vec<String>], other: &[Vec<String>]| {
                let only = of.iter().filter(|command| !other.contains(command));
                only.map(|words| format!("\n  {words:?}")).collect::<Vec<_>>().concat()
            };
            let (more, less) = (but(&said, &expected), but(&expected, &said));
            tally.wrong.push(format!("{place}: {name:?}: it calls{more}\nand not{less}"));
            continue;
        }
        tally.words += words(&said).count();
        tally.lines += said.len();
        tally.options += if name.starts_with('-') { said.len() } else { 0 };
        tally.programs.insert(source.program);
    }
}
