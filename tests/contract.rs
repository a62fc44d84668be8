//! What holds for every program: one table, and every program must be in it.

mod environment;

use mesh_tests::samples::{
    GCLOUD, ISTIOD, KUBECONFIG, RECORD, REMOTE_SECRET, SERVICE, TAGGED, TWO_CLUSTERS,
};
use mesh_tests::{Ran, programs, run};
use std::process::{Command, Stdio};

/// What the contract has to know of a program.
struct Program {
    name: &'static str,
    /// Arguments and input that give an answer without any server.
    answers: Option<(&'static [&'static str], &'static str)>,
    /// Arguments with which it reads objects from standard input.
    reads: Option<&'static [&'static str]>,
    /// Whether standard input is lines, of which any will do.
    reads_lines: bool,
    /// Arguments with which it asks the server of context "down".
    asks: Option<&'static [&'static str]>,
}

const NAMESPACE: &str = r#"{"kind": "Namespace", "metadata": {"name": "a"}}"#;

const PROGRAMS: [Program; 27] = [
    Program {
        name: "mesh-apply",
        answers: None,
        reads: Some(&["--context", "a"]),
        reads_lines: false,
        // It says of each object that it failed: its own tests look at that.
        asks: None,
    },
    Program {
        name: "mesh-authnets",
        answers: Some((&["--enable", "-q"], TWO_CLUSTERS)),
        reads: Some(&[]),
        reads_lines: false,
        asks: None,
    },
    Program {
        name: "mesh-cacerts",
        answers: Some((&["verify", "--list-checks"], "")),
        reads: Some(&["verify"]),
        reads_lines: false,
        asks: None,
    },
    Program {
        name: "mesh-capture",
        answers: None,
        reads: Some(&[]),
        reads_lines: false,
        asks: Some(&["--context", "down"]),
    },
    Program {
        name: "mesh-cert",
        answers: None,
        reads: Some(&["verify"]),
        reads_lines: false,
        asks: None,
    },
    Program {
        name: "mesh-check",
        answers: Some((&["--list"], "")),
        reads: Some(&[]),
        reads_lines: false,
        asks: None,
    },
    Program {
        name: "mesh-cidrs",
        answers: Some((&[], GCLOUD)),
        reads: Some(&[]),
        reads_lines: false,
        asks: None,
    },
    Program {
        name: "mesh-clusters",
        answers: Some((&[], GCLOUD)),
        reads: Some(&[]),
        reads_lines: false,
        asks: None,
    },
    Program {
        name: "mesh-context",
        answers: Some((&[], KUBECONFIG)),
        reads: Some(&[]),
        reads_lines: false,
        asks: None,
    },
    Program {
        name: "mesh-expose",
        answers: Some((&["services"], "")),
        reads: None,
        reads_lines: false,
        asks: None,
    },
    Program {
        name: "mesh-firewall",
        answers: Some((&["--network", "n", "--target-tags", "a"], "10.0.0.0/14")),
        reads: Some(&["--network", "n", "--target-tags", "a"]),
        reads_lines: false,
        asks: None,
    },
    Program {
        name: "mesh-gateway-gen",
        answers: Some((&["--network", "network1"], "")),
        reads: None,
        reads_lines: false,
        asks: None,
    },
    Program {
        name: "mesh-graph",
        answers: Some((&["-o", "mermaid"], RECORD)),
        reads: Some(&[]),
        reads_lines: false,
        asks: None,
    },
    Program {
        name: "mesh-id",
        answers: Some((&["--scheme", "name"], GCLOUD)),
        reads: Some(&[]),
        reads_lines: false,
        asks: None,
    },
    Program {
        name: "mesh-install-gen",
        answers: Some((&[], RECORD)),
        reads: Some(&[]),
        reads_lines: false,
        asks: None,
    },
    Program {
        name: "mesh-label-ns",
        answers: Some((&["--rev", "r"], NAMESPACE)),
        reads: Some(&["--rev", "r"]),
        reads_lines: false,
        asks: Some(&["--context", "down", "--rev", "r", "sample"]),
    },
    Program {
        name: "mesh-lbaddr",
        answers: Some((&[], SERVICE)),
        reads: Some(&[]),
        reads_lines: false,
        asks: Some(&["--context", "down"]),
    },
    Program {
        name: "mesh-lbcheck",
        answers: Some((&["--expect", "v1"], "Hello version: v1, instance: a\n")),
        reads: Some(&[]),
        reads_lines: true,
        asks: None,
    },
    Program {
        name: "mesh-nettags",
        answers: Some((&[], TAGGED)),
        reads: Some(&[]),
        reads_lines: false,
        asks: None,
    },
    Program {
        name: "mesh-plan",
        // A mesh that is as wanted takes captures: its own tests look at that.
        answers: None,
        reads: Some(&[]),
        reads_lines: false,
        asks: None,
    },
    Program {
        name: "mesh-probe",
        answers: None,
        reads: None,
        reads_lines: false,
        asks: Some(&["--context", "down", "--url", "http://a"]),
    },
    Program {
        name: "mesh-remote-secret",
        answers: None,
        reads: Some(&[]),
        reads_lines: false,
        asks: Some(&["--context", "down"]),
    },
    Program {
        name: "mesh-revision",
        answers: Some((&[], ISTIOD)),
        reads: Some(&[]),
        reads_lines: false,
        asks: None,
    },
    Program {
        name: "mesh-sample",
        answers: Some((&["sleep"], "")),
        reads: None,
        reads_lines: false,
        asks: None,
    },
    Program {
        name: "mesh-secret-lint",
        answers: Some((&[], REMOTE_SECRET)),
        reads: Some(&[]),
        reads_lines: false,
        asks: Some(&["--context", "down"]),
    },
    Program {
        name: "mesh-vm-env",
        answers: Some((&["--list-checks"], "")),
        reads: Some(&["-o", "tar", "--no-token"]),
        reads_lines: false,
        asks: Some(&["--context", "down", "-o", "tar", "--name", "a", "-n", "b"]),
    },
    Program {
        name: "mesh-vm-service",
        answers: Some((&["a", "80", "--group"], "")),
        reads: None,
        reads_lines: false,
        asks: None,
    },
];

fn command(program: &Program, args: &[&str]) -> Command {
    let path = programs().get(program.name);
    let mut command = Command::new(path.unwrap_or_else(|| panic!("no program {}", program.name)));
    command.args(args).env_clear();
    command
}

/// The program fails as the contract says: code, nothing on standard output, and an error that
/// has the program's name and says `text`.
fn fails(program: &Program, ran: &Ran, code: i32, text: &str) {
    let name = program.name;
    assert_eq!(ran.code, Some(code), "{name}: {ran:?}");
    assert_eq!(ran.stdout, "", "{name}: standard output of a failure");
    assert!(ran.stderr.starts_with(&format!("{name}: ")), "{ran:?}");
    assert!(ran.stderr.contains(&format!("{name}: error: ")), "{ran:?}");
    assert!(ran.stderr.contains(text), "{name}: no {text:?} in {ran:?}");
}

#[test]
fn every_program_is_in_the_table() {
    let listed: Vec<&str> = PROGRAMS.iter().map(|program| program.name).collect();
    let built: Vec<&str> = programs().keys().map(String::as_str).collect();
    assert_eq!(listed, built);
}

#[test]
fn help_begins_with_examples_and_version_is_one_line() {
    for program in &PROGRAMS {
        let help = run(&mut command(program, &["--help"]), "");
        assert_eq!(help.stderr, "");
        let help = help.ok();
        assert!(help.starts_with("Examples:\n  "), "{}: {help}", program.name);
        let examples = help.lines().skip(1).take_while(|line| line.starts_with("  ")).count();
        assert!(examples >= 2, "{}: {help}", program.name);
        let version = run(&mut command(program, &["--version"]), "").ok();
        assert_eq!(version, format!("{} {}\n", program.name, env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn unknown_flags_are_wrong_usage() {
    for program in &PROGRAMS {
        fails(program, &run(&mut command(program, &["--no-such-flag"]), ""), 2, "--no-such-flag");
    }
}

#[test]
fn bad_input_is_told_with_its_place() {
    for program in &PROGRAMS {
        let Some(args) = program.reads else { continue };
        fails(program, &run(&mut command(program, args), ""), 3, "stdin: is empty");
        fails(program, &run(&mut command(program, args), " \n\n"), 3, "stdin: is empty");
        let mut missing = args.to_vec();
        missing.extend(["-f", "/nowhere/input.json"]);
        fails(
            program,
            &run(&mut command(program, &missing), ""),
            3,
            "/nowhere/input.json: No such file",
        );
        if program.reads_lines {
            continue;
        }
        for (input, text) in [
            ("{\"a\":", "stdin: document 1: is not JSON: "),
            ("{\"a\": 1}\n{\"a\"", "stdin: document "),
            ("a: b: c", "stdin: document 1: is not YAML: "),
            ("[]", "stdin: holds no objects"),
            ("[1]", "stdin: document 1: is neither"),
            ("{\"kind\": \"ConfigMap\"}", "stdin: document 1"),
        ] {
            fails(program, &run(&mut command(program, args), input), 3, text);
        }
    }
}

#[test]
fn messages_can_be_json() {
    for program in &PROGRAMS {
        let Some(args) = program.reads else { continue };
        let mut args = args.to_vec();
        args.extend(["--log-format", "json"]);
        let ran = run(&mut command(program, &args), "");
        let message: serde_json::Value = serde_json::from_str(ran.stderr.trim()).expect("JSON");
        assert_eq!(message["tool"], program.name);
        assert_eq!(message["level"], "error");
    }
}

#[test]
fn flags_can_come_from_the_environment() {
    for program in &PROGRAMS {
        let Some(args) = program.reads else { continue };
        let ran = run(command(program, args).env("MESH_LOG_FORMAT", "json"), "");
        assert!(ran.stderr.starts_with("{\"tool\":"), "{ran:?}");
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    for program in &PROGRAMS {
        let Some((args, input)) = program.answers else { continue };
        let once = run(&mut command(program, args), input).ok();
        assert_eq!(run(&mut command(program, args), input).ok(), once);
        assert!(once.ends_with('\n'), "{}: {once:?}", program.name);
    }
}

#[test]
fn a_reader_that_leaves_is_no_error_and_a_full_disk_is() {
    for program in &PROGRAMS {
        let Some((args, input)) = program.answers else { continue };
        let with_stdout = |stdout: Stdio| {
            let mut child = command(program, args)
                .stdin(Stdio::piped())
                .stdout(stdout)
                .stderr(Stdio::piped())
                .spawn()
                .expect("it starts");
            let mut stdin = child.stdin.take().expect("it is piped");
            std::io::Write::write_all(&mut stdin, input.as_bytes()).expect("it reads");
            drop(stdin);
            let output = child.wait_with_output().expect("it ends");
            (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
        };
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        assert_eq!(with_stdout(writer.into()), (Some(0), String::new()), "{}", program.name);
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let (code, stderr) = with_stdout(full.into());
        assert_eq!(code, Some(3), "{}", program.name);
        assert!(stderr.contains("standard output: No space left"), "{}: {stderr}", program.name);
    }
}

#[test]
fn a_server_that_is_down_is_exit_code_4() {
    // A port that was free a moment ago and that nothing listens on.
    let address = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    let server = format!("https://{}", address.expect("loopback has ports"));
    let kubeconfig = tempfile::NamedTempFile::new().expect("a temporary file");
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster: {{server: \"{server}\"}}\n\
         contexts:\n- name: down\n  context: {{cluster: c, user: u}}\nusers:\n- name: u\n  user: {{}}\n"
    );
    std::fs::write(kubeconfig.path(), text).expect("it can be written");
    for program in &PROGRAMS {
        let Some(args) = program.asks else { continue };
        let ran = run(command(program, args).env("KUBECONFIG", kubeconfig.path()), "");
        fails(program, &ran, 4, &format!("{server} cannot be reached: Connection refused"));
        assert!(ran.stderr.contains("hint: "), "{ran:?}");
        let ran = run(command(program, args).env("KUBECONFIG", "/nowhere/config"), "");
        assert_ne!(ran.code, Some(0));
        assert_eq!(ran.stdout, "");
    }
}
