//! Calls that last: what they hold after a tenth of their work is what they hold at the end.

use super::memory::Holds;
use crate::clusters::{self, kubectl};
use crate::probe::namespace_with_client;
use mesh_tests::{program_dir, run};
use serde_json::json;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Of the work of a call, this part comes before what it holds is looked at for the first time.
const TENTH: u64 = 10;

fn said(what: &str, units: u64, begin: Holds, end: Holds) {
    #[allow(clippy::print_stderr)] // this is a test's own report
    {
        eprintln!(
            "soak: {what}: {units} in one call; {} to {} KiB, {} to {} files",
            begin.memory, end.memory, begin.files, end.files
        );
    }
    end.is_no_more_than(begin, what);
}

pub fn hold_no_more() {
    streams();
    probes();
    waits();
}

/// Lines without an end are read as a stream.
fn streams() {
    let lines = |args: &[&str], line: &dyn Fn(u64) -> String| {
        const LINES: u64 = 300_000;
        let mut command = Command::new(program_dir().join("mesh-lbcheck"));
        let mut child = start(command.args(args).stdin(Stdio::piped()));
        let mut stdin = child.stdin.take().expect("it is piped");
        let mut write = |numbers: std::ops::Range<u64>| {
            for start in numbers.step_by(1000) {
                let text: String = (start..start + 1000).map(line).collect();
                stdin.write_all(text.as_bytes()).expect("it reads");
            }
        };
        write(0..LINES / TENTH);
        let begin = Holds::now(child.id());
        write(LINES / TENTH..LINES);
        let end = Holds::now(child.id());
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success() && !output.stdout.is_empty(), "{:?}", output.status);
        said(&["mesh-lbcheck", args.concat().as_str()].join(" "), LINES, begin, end);
    };
    let backend = |n: u64| format!("Hello version: v{}, instance: pod-{}\n", n % 2, n % 7);
    lines(&[], &backend);
    lines(&["--by=instance"], &|n| {
        let record = json!({"apiVersion": "meshutils/v1alpha1", "kind": "Reply",
            "time": "2026-11-21T15:15:21.123456Z", "source": format!("cluster{}", n % 3),
            "status": 200, "latency": 0.004, "body": backend(n)});
        format!("{record}\n")
    });
}

fn probes() {
    const REPLIES: u64 = 1500;
    let namespace = namespace_with_client();
    // Else as many are under way as a slow machine lets pile up.
    let under_way = ["--concurrency", "4"];
    let probe = ["--url", "http://helloworld.sample:5000/hello", "--for", "1h", "--rate", "40"];
    let mut child = start(
        clusters::tool("mesh-probe", &["-q", "--context", "cluster1", "-n", &namespace])
            .args(probe)
            .args(under_way),
    );
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut replies = |count: u64| {
        let last = lines.by_ref().take(usize::try_from(count).expect("few")).last();
        let last = last.expect("it goes on").expect("it is text");
        assert!(last.contains(r#""error":"exec""#), "{last}");
    };
    replies(REPLIES / TENTH);
    let begin = Holds::now(child.id());
    replies(REPLIES - REPLIES / TENTH);
    said("mesh-probe", REPLIES, begin, Holds::now(child.id()));
    end(child);
}

fn waits() {
    let namespace = clusters::namespace("waits");
    let args = ["--context", "cluster1", "-n", &namespace, "create", "service", "loadbalancer"];
    let _ = run(kubectl(&args).args(["waits", "--tcp=15443"]), "").ok();
    waiting("mesh-lbaddr", &["-n", &namespace, "waits", "--wait", "--timeout", "1h"], "");
    // Nobody rolls it out.
    let labels = json!({"app": "waits"});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "waits", "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels},
            "spec": {"containers": [{"name": "waits", "image": "none"}]}}}});
    waiting("mesh-apply", &["--wait", "--timeout", "1h"], &deployment.to_string());
}

/// A program that waits for what does not come, and asks for it again and again.
fn waiting(program: &str, args: &[&str], input: &str) {
    const SECONDS: u64 = 30;
    let mut command = clusters::tool(program, &["-q", "--context", "cluster1"]);
    let mut child = start(command.args(args).stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    std::thread::sleep(Duration::from_secs(SECONDS / TENTH));
    let begin = Holds::now(child.id());
    std::thread::sleep(Duration::from_secs(SECONDS - SECONDS / TENTH));
    let now = Holds::now(child.id());
    assert_eq!(child.try_wait().expect("it can be asked"), None, "{program} does not wait");
    end(child);
    said(&format!("{program} --wait"), SECONDS, begin, now);
}

fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).spawn().expect("it starts")
}

fn end(mut child: Child) {
    child.kill().expect("it runs");
    let _ = child.wait().expect("it ends");
}
