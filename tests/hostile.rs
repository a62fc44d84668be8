//! Input that is wrong, or meant to do harm: every program that reads it ends as it should.

mod addresses;
mod child;
mod devices;
mod fields;
mod inputs;
mod programs;

use child::{Ran, Watch};
use inputs::Input;
use mesh_tests::{LIVE, root};
use programs::{
    ALL, ARGUMENTS, FILE, LONG_LINES, OTHER, Output, Reader, SAMPLES, TELL_SECRETS, TEXT,
};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// One run to make.
struct Case<'a> {
    sample: &'a str,
    input: &'a Input,
    reader: &'a Reader,
}

/// A program that comes second reads one in so many of the inputs made of fields.
const SHARE: usize = 12;

#[test]
fn every_program_ends_as_it_should_whatever_it_reads() {
    let general = inputs::of_no_kind();
    let own: Vec<(Vec<Input>, Vec<Input>)> = ALL
        .iter()
        .map(|sample| {
            let mut documents = inputs::of_document(sample.text);
            documents.extend(fields::misplaced_secrets(sample.text));
            (documents, fields::replaced(sample.text))
        })
        .collect();
    let mut cases = Vec::new();
    for (sample, (documents, fields)) in ALL.iter().zip(&own) {
        for (number, reader) in sample.readers.iter().enumerate() {
            let case = |input| Case { sample: sample.name, input, reader };
            cases.extend(documents.iter().map(case));
            // Those of no kind are the same to a program whatever else it could have read; and
            // kubeconfigs are the user's own, and read by kube.
            let is_kube = LIVE.contains(&reader.program) && reader.args.contains(FILE);
            if !is_kube && !cases.iter().any(|other| is_same(other, reader, &general)) {
                cases.extend(general.iter().map(case));
            }
            let share = |(i, _): &(usize, &Input)| number == 0 || i % SHARE == number % SHARE;
            cases.extend(fields.iter().enumerate().filter(share).map(|(_, input)| case(input)));
        }
    }
    let texts = fields::texts();
    for reader in ARGUMENTS {
        cases.extend(texts.iter().map(|input| Case { sample: "arguments", input, reader }));
    }
    let long = inputs::long_lines();
    for (input, reader) in long.iter().zip(LONG_LINES) {
        cases.push(Case { sample: "a long line", input, reader });
    }
    let inputs = general.len()
        + texts.len()
        + long.len()
        + own.iter().map(|(a, b)| a.len() + b.len()).sum::<usize>();
    finish(&cases, inputs);
}

/// Whether a program reads the general inputs already, by the same kind of argument.
fn is_same(case: &Case<'_>, reader: &Reader, general: &[Input]) -> bool {
    std::ptr::eq(case.input, &raw const general[0])
        && case.reader.program == reader.program
        && case.reader.args.contains(FILE) == reader.args.contains(FILE)
}

fn finish(cases: &[Case<'_>], inputs: usize) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let failures = Mutex::new(Vec::new());
    let (next, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    let watch = Watch::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..std::thread::available_parallelism().map_or(2, usize::from))
            .map(|worker| {
                let (dir, next, watch, failures) = (dir.path(), &next, &watch, &failures);
                scope.spawn(move || {
                    let dir = dir.join(worker.to_string());
                    std::fs::create_dir(&dir).expect("the folder is ours");
                    while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let faults = try_case(case, watch, &dir);
                        failures.lock().expect("no thread panics here").extend(faults);
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                watch.look();
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        for worker in workers {
            worker.join().expect("a worker ends");
        }
        done.store(true, Ordering::Relaxed);
    });
    let programs: BTreeSet<&str> = cases.iter().map(|case| case.reader.program).collect();
    // Past the harness, which shows what a test prints only when it fails.
    let _ = writeln!(
        std::io::stderr(),
        "hostile: {inputs} inputs, {} programs, {} runs",
        programs.len(),
        cases.len()
    );
    let failures = failures.into_inner().expect("no thread panicked");
    let first: Vec<&str> = failures.iter().take(30).map(String::as_str).collect();
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), first.join("\n"));
}

/// Runs one case and tells what is wrong.
fn try_case(case: &Case<'_>, watch: &Watch, dir: &Path) -> Vec<String> {
    let Reader { program, args, .. } = case.reader;
    let file = dir.join("input");
    std::fs::write(&file, &case.input.bytes).expect("it can be written");
    let other = dir.join("other");
    std::fs::write(&other, OTHER).expect("it can be written");
    let stdin = if args.contains(FILE) { &other } else { &file };
    let samples = root().join("tests/hostile/samples");
    let samples = samples.to_str().expect("it is UTF-8");
    let text = String::from_utf8_lossy(&case.input.bytes);
    let args: Vec<String> = args
        .split_terminator(' ')
        .map(|arg| arg.replace(SAMPLES, samples).replace(FILE, "input").replace(TEXT, &text))
        .collect();
    let path = &mesh_tests::programs()[*program];
    let ran = watch.run(path, &args, stdin, dir);
    let mut faults = faults(case, &ran);
    if dir.join("PWNED").exists() {
        faults.push("it ran what it read".to_owned());
    }
    let place = format!("{program} {} < {}: {}", args.join(" "), case.sample, case.input.name);
    let stderr = String::from_utf8_lossy(&ran.stderr);
    faults
        .into_iter()
        .map(|fault| format!("{place}: {fault}; {}: {:.300}", ran.status, stderr.trim_end()))
        .collect()
}

fn faults(case: &Case<'_>, ran: &Ran) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |text: &str| faults.push(text.to_owned());
    let reader = case.reader;
    let stderr = String::from_utf8_lossy(&ran.stderr);
    let stdout = String::from_utf8_lossy(&ran.stdout);
    if let Some(signal) = ran.status.signal() {
        fault(&format!("signal {signal}"));
    }
    let code = ran.status.code().unwrap_or(-1);
    // To it, a line is a reply, if not a good one.
    let is_bad = case.input.is_bad && reader.program != "mesh-lbcheck";
    match code {
        0 | 1 if is_bad => fault("it took what is bad"),
        0 | 1 => {}
        // mesh-apply says of each object what became of it.
        4 if LIVE.contains(&reader.program) => {}
        2 | 3 => {
            if !ran.stdout.is_empty() {
                fault("output of a failure");
            }
            if is_bad && code == 2 {
                fault("bad input is no wrong usage");
            }
            if !stderr.contains(&format!("{}: error: ", reader.program)) {
                fault("no error");
            }
            let has_place = ["stdin", "input", ".json", "kubeconfig"]
                .iter()
                .any(|place| stderr.contains(place));
            if is_bad && !has_place {
                fault("no place");
            }
        }
        _ => fault("exit code"),
    }
    if !ran.stdout.is_empty() && !ran.stdout.ends_with(b"\n") && reader.output != Output::Archive {
        fault("no line feed at the end");
    }
    if let Some(c) = stderr.chars().find(|&c| is_wild(c)) {
        fault(&format!("{c:?} in a message"));
    }
    // clap keeps the line feeds of what the user wrote.
    let is_argument = reader.args.contains(TEXT);
    if !is_argument && stderr.lines().any(|line| line.starts_with("INJECTED")) {
        fault("a line of its own in a message");
    }
    if fields::shows_secret(&stderr) {
        fault("a secret in a message");
    }
    if !TELL_SECRETS.contains(&reader.program) && fields::shows_secret(&stdout) {
        fault("a secret in the output");
    }
    match reader.output {
        Output::Archive => {}
        Output::Text => {
            if let Some(c) = stdout.chars().find(|&c| is_wild(c)) {
                fault(&format!("{c:?} in the output"));
            }
            if stdout.lines().any(|line| line.trim_start().starts_with("INJECTED")) {
                fault("a line of its own in the output");
            }
        }
        Output::Data => {
            if let Some(c) = stdout.chars().find(|&c| c < ' ' && c != '\n') {
                fault(&format!("{c:?} in the output"));
            }
            if !is_read_back(&stdout) {
                fault("the output is neither JSON nor YAML");
            }
        }
    }
    faults
}

fn is_read_back(output: &str) -> bool {
    use serde::Deserialize as _;
    let mut json = serde_json::Deserializer::from_str(output).into_iter::<serde_json::Value>();
    json.all(|value| value.is_ok())
        || serde_yaml::Deserializer::from_str(output)
            .all(|document| serde_yaml::Value::deserialize(document).is_ok())
}

/// What a terminal would act on instead of showing it.
fn is_wild(c: char) -> bool {
    c.is_control() && c != '\n'
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2066}'..='\u{2069}')
}
