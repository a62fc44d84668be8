//! Probes of a stand-in for an API server: what becomes of requests, commands and signals.
#![allow(clippy::unwrap_used)] // a test stops where it fails

mod stand_in;

use serde_json::{Value, json};
use stand_in::{Does, StandIn};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const URL: &str = "http://helloworld.sample:5000/hello";
const HELLO: &str = "Hello version: v1, instance: a\n";

fn hello(_: usize) -> Does {
    Does::Answers(200, HELLO.as_bytes().to_vec())
}

fn tool(stand_in: &StandIn, args: &[&str]) -> Command {
    let mut tool = Command::new(&mesh_tests::programs()["mesh-probe"]);
    tool.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    tool.env("KUBECONFIG", stand_in.kubeconfig.path());
    tool.args(["--context", "cluster1", "--url", URL]).args(args).stdin(Stdio::null());
    tool
}

fn run(stand_in: &StandIn, args: &[&str]) -> Output {
    tool(stand_in, args).output().unwrap()
}

fn records(output: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(output).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn of_kind<'a>(records: &'a [Value], kind: &str) -> Vec<&'a Value> {
    records.iter().filter(|record| record["kind"] == kind).collect()
}

#[test]
fn every_cluster_gets_its_count() {
    let stand_in = StandIn::start(hello);
    let output = run(&stand_in, &["--context", "cluster2", "--count", "7", "--concurrency", "3"]);
    assert_eq!((output.status.code(), said(&output)), (Some(0), String::new()));
    let records = records(&output.stdout);
    for source in ["cluster1", "cluster2"] {
        let of_source = records.iter().filter(|record| record["source"] == source);
        assert_eq!(of_source.count(), 7);
    }
    assert_eq!(stand_in.execs.load(Ordering::SeqCst), 14);
    let mut first = records[0].clone();
    let time = first["time"].take();
    assert!(time.as_str().unwrap().len() == "2026-11-21T05:00:00.123Z".len(), "{time}");
    assert!(first["elapsed"].take().as_f64().unwrap() < 60.0);
    first["source"] = json!("cluster1");
    let expected = json!({
        "apiVersion": "meshutils/v1alpha1", "kind": "Reply", "source": "cluster1", "time": null,
        "elapsed": null, "url": URL, "status": 200, "latency": 0.0015, "body": HELLO,
    });
    assert_eq!(first, expected);
    let output = run(&stand_in, &[]);
    assert_eq!(self::records(&output.stdout).len(), 20);
}

#[test]
fn every_failure_is_a_record_of_its_class() {
    let stand_in = StandIn::start(|number| match number {
        0 => Does::Exits(6, "curl: (6) Could not resolve host: helloworld.sample\n"),
        1 => Does::Exits(7, "curl: (7) Failed to connect\n"),
        2 => Does::Exits(60, "curl: (60) SSL certificate problem\n"),
        3 => Does::Answers(503, b"no healthy upstream".to_vec()),
        4 => Does::Exits(1, "curl: (1) Received HTTP/0.9 when not allowed\n"),
        5 => Does::Exits(28, "curl: (28) Operation timed out\n"),
        6 => Does::NotStarted("exec: \"curl\": executable file not found in $PATH"),
        7 => Does::Refuses(403),
        8 => Does::Refuses(500),
        9 => Does::IsCut,
        10 => Does::Answers(200, b"garbage\xff\x00".to_vec()),
        11 => Does::Answers(200, vec![b'x'; 100_000]),
        12 => Does::LosesItsPod,
        number => hello(number),
    });
    let output = run(&stand_in, &["--count", "15"]);
    assert_eq!((output.status.code(), said(&output)), (Some(0), String::new()));
    let records = records(&output.stdout);
    let errors: Vec<&str> =
        records.iter().map(|record| record["error"].as_str().unwrap_or("")).collect();
    assert_eq!(
        errors,
        [
            "dns", "connect", "tls", "http", "http", "timeout", "exec", "exec", "exec", "exec", "",
            "", "pod", "pod", "pod"
        ]
    );
    assert_eq!(records[3]["status"], 503);
    assert_eq!(records[3]["body"], "no healthy upstream");
    let message = |number: usize| records[number]["message"].as_str().unwrap();
    assert_eq!(message(0), "curl: (6) Could not resolve host: helloworld.sample");
    assert!(message(6).ends_with("exec: \"curl\": executable file not found in $PATH"));
    assert!(message(7).contains("cannot run curl in pod sample/sleep-1: it is not to be"));
    assert!(message(9).ends_with("the connection was cut"), "{}", message(9));
    assert_eq!(records[10]["body"], "garbage\u{fffd}\u{0}");
    assert_eq!(records[11]["body"].as_str().unwrap().len(), 4096);
    assert_eq!(records[11]["bodyTruncated"], true);
    assert!(message(13).contains("no pod with app in (sleep,curl) in sample"), "{}", message(13));
}

#[test]
fn a_cluster_without_one_request_is_an_error() {
    let stand_in = StandIn::start(|_| Does::Refuses(403));
    let output = run(&stand_in, &["--count", "3"]);
    assert_eq!(output.status.code(), Some(4));
    assert_eq!(records(&output.stdout).len(), 3);
    let told = "error: no request at all could be made: context cluster1: cannot run curl in pod";
    assert!(said(&output).contains(told), "{}", said(&output));

    let stand_in = StandIn::start(|_| Does::LosesItsPod);
    let _ = run(&stand_in, &["--count", "1"]);
    let output = run(&stand_in, &["--finally", "echo ran >&2"]);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(4), &b""[..]));
    let told = "no pod with app in (sleep,curl) in sample can be the client: there is none at all";
    assert!(said(&output).contains(told), "{}", said(&output));
    assert!(
        said(&output)
            .contains("hint: to make one: mesh-sample sleep -n sample | mesh-apply --context")
    );
    assert!(!said(&output).contains("ran"));
}

#[test]
fn an_exec_without_an_end_is_given_up() {
    let stand_in = StandIn::start(|number| if number == 0 { Does::Hangs } else { hello(number) });
    let output = run(&stand_in, &["--count", "2", "--timeout", "100ms"]);
    let records = records(&output.stdout);
    assert_eq!(records[0]["error"], "exec");
    assert!(records[0]["message"].as_str().unwrap().ends_with("no end within 5.1s"));
    assert_eq!(records[1]["status"], 200);
}

#[test]
fn a_steady_probe_keeps_its_rate_and_runs_commands() {
    let stand_in = StandIn::start(hello);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("log").display().to_string();
    let command = format!("echo done; sleep 0.2; echo at >>{file}; exit 3");
    let finally = format!("echo finally >>{file}");
    let args = ["--for", "2s", "--rate", "10", "--at", "500ms", &command, "--finally", &finally];
    let began = Instant::now();
    let output = run(&stand_in, &args);
    assert!(began.elapsed() >= Duration::from_millis(1900));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let records = records(&output.stdout);
    let replies = of_kind(&records, "Reply").len();
    assert!((15..=20).contains(&replies), "{replies}");
    let events = of_kind(&records, "Event");
    assert_eq!(events.len(), 2);
    assert_eq!((&events[0]["event"], &events[0]["exit"]), (&json!("command"), &json!(3)));
    assert_eq!(events[0]["command"], command.as_str());
    let number = |event: usize, key: &str| events[event][key].as_f64().unwrap();
    assert!((0.5..1.9).contains(&number(0, "elapsed")) && number(0, "duration") >= 0.2);
    assert_eq!((&events[1]["event"], &events[1]["exit"]), (&json!("finally"), &json!(0)));
    assert!(number(1, "elapsed") >= 1.9);
    assert_eq!(records.last().unwrap()["event"], "finally");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "at\nfinally\n");
    // What a command prints is for people.
    assert!(said(&output).contains("\ndone\n"), "{}", said(&output));
    assert!(said(&output).contains("warning: the command failed with exit code 3: echo done"));
}

#[test]
fn a_finally_that_fails_is_an_error() {
    let stand_in = StandIn::start(hello);
    let output = run(&stand_in, &["--count", "1", "--finally", "exit 7", "-q"]);
    assert_eq!(output.status.code(), Some(4));
    let records = records(&output.stdout);
    assert_eq!((records.len(), &records[1]["exit"]), (2, &json!(7)));
    assert!(said(&output).contains("error: the --finally command failed with exit code 7"));
    assert!(said(&output).contains("hint: run it yourself: exit 7"));
}

#[test]
fn requests_that_find_no_room_are_left_out_and_told() {
    let stand_in = StandIn::start(|_| Does::Hangs);
    let args = ["--for", "1s", "--rate", "10", "--concurrency", "2", "--timeout", "100ms"];
    let output = run(&stand_in, &args);
    assert_eq!(records(&output.stdout).len(), 2);
    let told = "context cluster1: 8 of 10 requests were left out";
    assert!(said(&output).contains(told), "{}", said(&output));
}

/// A drill that would last for minutes; its commands leave traces in a folder.
fn drill(stand_in: &StandIn, dir: &Path, at: &str) -> Child {
    let trace = |name: &str| dir.join(name).display().to_string();
    let at = at.replace("TRACE", &trace("at"));
    let finally = format!("sleep 0.5; touch {}", trace("finally"));
    let args = ["--for", "5m", "--rate", "10", "--at", "300ms", &at, "--finally", &finally];
    let mut command = tool(stand_in, &args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < limit, "{what} did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn kill(signal: &str, pid: u32) {
    let kill = format!("kill -s {signal} {pid}");
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

#[test]
fn signals_end_the_commands_and_run_the_last_one() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let stand_in = StandIn::start(hello);
        let dir = tempfile::tempdir().unwrap();
        let at = "trap 'touch TRACE-ended; exit 9' TERM; touch TRACE; while :; do sleep 0.1; done";
        let child = drill(&stand_in, dir.path(), at);
        wait_for("the command", || dir.path().join("at").exists());
        kill(signal, child.id());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        let records = records(&output.stdout);
        assert!(!of_kind(&records, "Reply").is_empty());
        let events = of_kind(&records, "Event");
        assert_eq!(events.len(), 2, "{events:?}");
        assert_eq!((&events[0]["event"], &events[0]["exit"]), (&json!("command"), &json!(9)));
        assert_eq!((&events[1]["event"], &events[1]["exit"]), (&json!("finally"), &json!(0)));
        assert!(dir.path().join("at-ended").exists() && dir.path().join("finally").exists());
    }
}

#[test]
fn more_signals_do_not_keep_the_last_command_from_its_end() {
    let stand_in = StandIn::start(hello);
    let dir = tempfile::tempdir().unwrap();
    let child = drill(&stand_in, dir.path(), "touch TRACE");
    wait_for("the command", || dir.path().join("at").exists());
    for signal in ["INT", "INT", "TERM"] {
        kill(signal, child.id());
        std::thread::sleep(Duration::from_millis(100));
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(dir.path().join("finally").exists());
}

#[test]
fn a_reader_that_leaves_ends_the_drill_and_undoes_it() {
    let stand_in = StandIn::start(hello);
    let dir = tempfile::tempdir().unwrap();
    let mut child = drill(&stand_in, dir.path(), "touch TRACE");
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert!(line.starts_with("{\"apiVersion\":\"meshutils/v1alpha1\",\"kind\":\"Reply\""));
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(dir.path().join("finally").exists());
}

#[test]
fn a_reader_that_does_not_read_keeps_no_signal_away() {
    // More than a pipe holds.
    let stand_in = StandIn::start(|_| Does::Answers(200, vec![b'x'; 4096]));
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("finally");
    let finally = format!("touch {}", trace.display());
    let args = ["--count", "100", "--concurrency", "4", "--finally", &finally];
    let mut command = tool(&stand_in, &args);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("the end of all requests", || trace.exists());
    // All is done, and nobody has read a line.
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none());
    kill("INT", child.id());
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    let mut left = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut left).unwrap();
    let lines = left.split(|&byte| byte == b'\n').count() - 1;
    assert!((1..100).contains(&lines), "{lines}");
}

#[test]
fn a_full_disk_is_an_error_and_the_last_command_runs() {
    let stand_in = StandIn::start(hello);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let finally = "echo undone";
    let output = tool(&stand_in, &["--for", "5m", "--finally", finally]).stdout(full).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(said(&output).contains("\nundone\n"), "{}", said(&output));
    assert!(said(&output).contains("error: standard output: No space left"), "{}", said(&output));
}

#[test]
fn a_url_is_one_word_of_the_command() {
    let stand_in = StandIn::start(hello);
    let url = "http://h/$(id);'&a=[1-3]{b}";
    let mut tool = Command::new(&mesh_tests::programs()["mesh-probe"]);
    tool.env_clear().env("KUBECONFIG", stand_in.kubeconfig.path());
    tool.args(["--context", "cluster1", "--count", "1", "--url", url]);
    let output = tool.output().unwrap();
    assert_eq!(records(&output.stdout)[0]["url"], url);
    let path = stand_in.last_exec.lock().unwrap().clone();
    let word = "&command=--url&command=http%3A%2F%2Fh%2F%24%28id%29%3B%27%26a%3D%5B1-3%5D%7Bb%7D";
    assert!(path.contains("command=curl&command=-sS&command=--globoff&") && path.ends_with(word));
}
