//! Secrets that nobody has seen before go into every program, and are looked for everywhere else.

mod api;
mod cases;
mod finder;
mod site;
mod watch;

use api::{Api, MOODS, Mood};
use base64::Engine as _;
use cases::{ALL, Case, DEAF, FILES, May};
use finder::Finder;
use mesh_tests::programs;
use site::Site;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use watch::{Seen, Stage, WRITE_NOTHING};

type Flags = &'static [&'static str];
type Variables = &'static [(&'static str, &'static str)];

/// Every way to make a program say more or less.
const VOICES: [(Flags, Variables); 4] = [
    (&[], &[]),
    (&["-q"], &[]),
    (&["--log-format", "json"], &[]),
    (
        &[],
        &[
            ("RUST_LOG", "trace"),
            ("RUST_BACKTRACE", "full"),
            ("RUST_LIB_BACKTRACE", "1"),
            ("RUST_LOG_STYLE", "always"),
            ("KUBE_LOG", "trace"),
            ("LOG_LEVEL", "trace"),
            ("DEBUG", "1"),
            ("SSLKEYLOGFILE", "keys"),
        ],
    ),
];

/// What the kubeconfig has for the plugin's environment.
const PLUGINS_OWN: &str = "the plugin's variable";

fn servers() -> [(Mood, &'static str, Api); 4] {
    MOODS.map(|(mood, name)| (mood, name, Api::start(mood)))
}

/// A site of which every server knows, with a kubeconfig for each of them.
fn site(servers: &[(Mood, &'static str, Api)]) -> Site {
    let site = Site::make(&servers[0].2.url);
    for (_, name, api) in servers {
        api.know(&site.documents);
        let config = site.documents.kubeconfig.to_string().replace(&servers[0].2.url, &api.url);
        std::fs::write(site.files.join(name), config).expect("the folder is ours");
    }
    let heard = site.files.join("finally-heard");
    let text = format!("#!/bin/sh\n{{ echo \"$*\"; env; }} >{}\n", heard.display());
    mesh_tests::write_program(&site.files.join("finally"), &text);
    site
}

fn run(site: &Site, case: &Case, voice: usize, dir: &Path) -> Seen {
    let files = site.files.to_str().expect("it is UTF-8");
    let (flags, environment) = VOICES[voice];
    let args = case.args.split_whitespace().map(|arg| arg.replace(FILES, files));
    let args: Vec<String> = args.chain(flags.iter().map(|flag| (*flag).to_owned())).collect();
    let shell = if case.writes { "" } else { WRITE_NOTHING };
    let stage = Stage { dir, shell, environment, signal: None };
    watch::run(&programs()[case.program], &args, case.input.as_bytes(), &stage)
}

/// What is wrong with a run.
fn faults(site: &Site, case: &Case, seen: &Seen) -> Vec<String> {
    let mut faults = Vec::new();
    let made = made(seen);
    let find = |bytes: &[u8]| -> BTreeSet<&str> { site.finder.find(bytes) };
    let all = |bytes: &[u8]| -> BTreeSet<&str> { &find(bytes) | &made.find(bytes) };
    let mut leak = |what: &str, found: &BTreeSet<&str>| {
        faults.extend(found.iter().map(|name| format!("{what}: {name}")));
    };
    leak("standard error", &all(&seen.stderr));
    for shown in &seen.processes {
        let mut found = all(shown);
        // It is in the kubeconfig for that, and without a context all of them are asked.
        let asks_all = case.args.contains("--kubeconfig") && !case.args.contains("--context ");
        if case.args.contains("--context exec") || asks_all {
            found.remove(PLUGINS_OWN);
        }
        leak("arguments or environment", &found);
    }
    let mut output = BTreeSet::new();
    if case.may == May::Output {
        output.extend(find(&seen.stdout));
    } else {
        leak("standard output", &find(&seen.stdout));
    }
    if case.may == May::Nowhere {
        leak("standard output", &made.find(&seen.stdout));
    }
    for file in &seen.files {
        let path = file.path.display();
        match case.may {
            May::Output if file.mode == 0o600 => output.extend(find(&file.bytes)),
            May::Made if file.mode == 0o600 => leak(&format!("{path}"), &find(&file.bytes)),
            _ => leak(&format!("{path} of mode {:o}", file.mode), &all(&file.bytes)),
        }
    }
    let is_function = case.args.starts_with("--krm");
    if !is_function
        && case.may != May::Nowhere
        && String::from_utf8_lossy(&seen.stdout).contains("last-applied")
    {
        faults.push("it copies an annotation that has it all".to_owned());
    }
    if !case.writes && !seen.files.is_empty() {
        faults.push("it has written a file".to_owned());
    }
    if !case.codes.contains(&seen.code()) {
        faults.push(format!("it ends with {}", seen.code()));
    }
    match case.may {
        May::Output if output.is_empty() => faults.push("it has nothing to hide".to_owned()),
        May::Made if made.is_empty() => faults.push("it has made no key".to_owned()),
        _ => {}
    }
    faults
}

/// The private keys in its files and, as a Secret has them, in its output.
fn made(seen: &Seen) -> Finder {
    let mut finder = Finder::default();
    let stdout = String::from_utf8_lossy(&seen.stdout);
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    let words = stdout.split(|c| !is_base64(c)).filter(|word| word.len() > 100);
    let decode = |word| base64::engine::general_purpose::STANDARD.decode(word).ok();
    let values = words.filter_map(decode).chain(seen.files.iter().map(|file| file.bytes.clone()));
    for text in values.filter_map(|bytes| String::from_utf8(bytes).ok()) {
        if text.starts_with("-----BEGIN PRIVATE KEY-----") && text.lines().count() == 5 {
            finder.learn_key("a key that it made", &text);
        }
    }
    finder
}

#[test]
fn secrets_are_where_they_were_asked_for_and_nowhere_else() {
    let servers = servers();
    let site = site(&servers);
    let (meant, misled) =
        (cases::meant(&site.documents), cases::misled(&site.documents, &site.finder));
    // Of what is broken there is enough for one voice in turn.
    let all_voices =
        meant.iter().flat_map(|case| (0..VOICES.len()).map(move |voice| (case, voice)));
    let in_turn = misled.iter().enumerate().map(|(i, case)| (case, i % VOICES.len()));
    let runs: Vec<(&Case, usize)> = all_voices.chain(in_turn).collect();
    for (case, _) in &runs {
        let given = !site.finder.find(case.input.as_bytes()).is_empty();
        let makes = case.may == May::Made;
        assert!(given || makes || case.args.contains(FILES), "{} {}", case.program, case.args);
    }
    let listed: BTreeSet<&str> = runs.iter().map(|(case, _)| case.program).collect();
    assert_eq!(listed, programs().keys().map(String::as_str).collect());
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let next = runs.get(next.fetch_add(1, Ordering::Relaxed));
                    let Some((case, voice)) = next else { break };
                    let dir = tempfile::tempdir().expect("a temporary folder");
                    let seen = run(&site, case, *voice, dir.path());
                    let faults = faults(&site, case, &seen);
                    let mut wrong = wrong.lock().expect("nobody panicked");
                    wrong.extend(faults.into_iter().map(|fault| {
                        let stderr = String::from_utf8_lossy(&seen.stderr);
                        format!("{} {}: {fault}: {stderr:.400}", case.program, case.args)
                    }));
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().expect("nobody panicked");
    wrong.extend(told_to_others(&site, &servers));
    // Past the harness, which shows what a test prints only when it fails.
    let _ = writeln!(
        std::io::stderr(),
        "canary: {} canaries, {} programs, {} runs, {} found",
        site.canaries,
        listed.len(),
        runs.len(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), runs.len(), wrong.join("\n"));
}

/// What API servers and other programs heard that was not for them.
fn told_to_others(site: &Site, servers: &[(Mood, &'static str, Api)]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut credentials = BTreeSet::new();
    for (_, name, api) in servers {
        for heard in api.heard() {
            credentials.extend(
                site.finder.find(heard.credentials.as_bytes()).into_iter().map(str::to_owned),
            );
            let line = heard.head.lines().next().unwrap_or_default().to_owned();
            for secret in site.finder.find(heard.head.as_bytes()) {
                wrong.push(format!("{name} server: {line}: {secret} in its head"));
            }
            let body: serde_json::Value = serde_json::from_str(&heard.body).unwrap_or_default();
            let metadata = body["metadata"].to_string();
            let is_ours = metadata.contains("last-applied");
            if is_ours || !site.finder.find(metadata.as_bytes()).is_empty() {
                wrong.push(format!("{name} server: {line}: a secret in its metadata"));
            }
        }
    }
    // The credentials were in use, each with the server that it is for.
    let expected = ["a user's token", "the plugin's token"];
    if !expected.iter().all(|name| credentials.contains(*name)) || credentials.len() != 2 {
        wrong.push(format!("servers heard these credentials: {credentials:?}"));
    }
    let heard = |name: &str| std::fs::read(site.files.join(name)).unwrap_or_default();
    let plugin = heard("heard");
    if site.finder.find(&plugin) != BTreeSet::from([PLUGINS_OWN]) {
        let text = String::from_utf8_lossy(&plugin);
        wrong.push(format!("the plugin heard {:?}: {text:.300}", site.finder.find(&plugin)));
    }
    let finally = heard("finally-heard");
    if finally.is_empty() || !site.finder.find(&finally).is_empty() {
        wrong.push(format!("the last command heard {:?}", site.finder.find(&finally)));
    }
    wrong
}

/// The same eyes on a shell that gives a secret away.
#[test]
fn what_leaks_is_found() {
    let servers = servers();
    let site = site(&servers);
    let secret = format!("{}/client-secret", site.files.display());
    let key = format!("{}/root/root-key.pem", site.files.display());
    for (script, where_) in [
        (format!("cat {secret}"), "standard output"),
        (format!("cat {secret} >&2"), "standard error"),
        (format!("cut -c 9-24 {secret} >&2"), "standard error"),
        (format!("base64 {secret} >&2"), "standard error"),
        (
            format!(
                "echo \"{{\\\"a\\\": \\\"$(cat {secret})\\\"}}\" | base64 -w0 | base64 -w0 >&2"
            ),
            "standard error",
        ),
        (format!("od -An -v -tx1 {secret} | tr -d ' \\n' >&2"), "standard error"),
        (format!("od -An -v -tu1 {secret} | tr -s ' \\n' , >&2"), "standard error"),
        (format!("cat {key} >&2"), "standard error"),
        (format!("base64 {key} >&2"), "standard error"),
        (format!("cp {secret} $TMPDIR/a"), "tmp/a of mode 600"),
        (format!("cat {key} >$HOME/.a; chmod 644 $HOME/.a"), "home/.a of mode 644"),
        (format!("mkdir a; cat {secret} >a/b; chmod 640 a/b"), "work/a/b of mode 640"),
        (format!("A=$(cat {secret}) sh -c 'cat; exit'"), "arguments or environment"),
        (format!("sh -c 'cat; exit' \"$(cat {secret})\""), "arguments or environment"),
    ] {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let stage = Stage { dir: dir.path(), shell: "", environment: &[], signal: None };
        let args = ["-c".to_owned(), script.clone()];
        let seen = watch::run(Path::new("/bin/sh"), &args, b"", &stage);
        let case = Case {
            program: "sh",
            args: script,
            input: String::new(),
            may: May::Nowhere,
            codes: &[0],
            writes: true,
        };
        let faults = faults(&site, &case, &seen);
        let is_found = !faults.is_empty() && faults.iter().all(|fault| fault.contains(where_));
        assert!(is_found, "{}: {faults:?}: {}", case.args, String::from_utf8_lossy(&seen.stderr));
        // Where it was asked for, a file of its own is no leak, and one for all is.
        let faults = self::faults(&site, &Case { may: May::Output, ..case }, &seen);
        let is_right = ["standard output", "tmp/a of mode 600"].contains(&where_);
        assert_eq!(faults.is_empty(), is_right, "{where_}: {faults:?}");
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let stage = Stage { dir: dir.path(), shell: WRITE_NOTHING, environment: &[], signal: None };
    let args = ["-c".to_owned(), format!("cp {secret} $TMPDIR/a && rm $TMPDIR/a")];
    let seen = watch::run(Path::new("/bin/sh"), &args, b"", &stage);
    assert!(seen.files.iter().all(|file| file.bytes.is_empty()), "a file could be written");
    assert_ne!(seen.code(), 0);
}

/// What ends a program writes its memory nowhere, whatever the user allows.
#[test]
fn no_program_leaves_its_memory_behind() {
    let servers = servers();
    let site = site(&servers);
    let end = |program: &Path, args: &[String]| {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (shell, signal) = ("ulimit -c unlimited;", Some("QUIT"));
        let stage = Stage { dir: dir.path(), shell, environment: &[], signal };
        watch::run(program, args, b"", &stage)
    };
    let mut programs_seen = 0;
    for (name, args) in ALL.into_iter().filter(|(name, _)| !DEAF.contains(name)) {
        let files = site.files.to_str().expect("it is UTF-8");
        let args: Vec<String> =
            args.split_terminator(' ').map(|arg| arg.replace(FILES, files)).collect();
        let seen = end(&programs()[name], &args);
        assert_eq!(seen.status.signal(), Some(3), "{name}: it was not waiting");
        let limit = seen.limits.lines().find(|line| line.starts_with("Max core file size"));
        let words: Vec<&str> = limit.unwrap_or_default().split_whitespace().collect();
        assert_eq!(words[4..], ["0", "0", "bytes"], "{name}: {limit:?}");
        assert!(!seen.status.core_dumped() && seen.files.is_empty(), "{name}");
        programs_seen += 1;
    }
    assert_eq!(programs_seen, programs().len() - DEAF.len());
    let control = end(Path::new("cat"), &[]);
    if !control.status.core_dumped() {
        let _ = writeln!(
            std::io::stderr(),
            "canary: nothing leaves a core here: limits alone were seen"
        );
    }
}
