//! The program fed by `mesh-probe` and by what kubectl prints of the service.

use predicates::prelude::*;
use predicates::str::{contains, ends_with};
use std::io::Write as _;

fn tool(args: &[&str], input: impl Into<Vec<u8>>) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-lbcheck");
    tool.env_clear().args(args).write_stdin(input);
    tool
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("it can be written");
    file
}

/// A record as mesh-probe writes it: a good reply of `version`, or an error.
fn record(seconds: f64, source: &str, version: Result<&str, &str>) -> String {
    let head = format!(
        r#"{{"apiVersion":"meshutils/v1alpha1","kind":"Reply","source":"{source}","time":"2026-11-21T05:00:00.123Z","elapsed":{seconds},"url":"http://helloworld.sample:5000/hello""#
    );
    match version {
        Ok(version) => format!(
            r#"{head},"status":200,"latency":0.0125,"body":"Hello version: {version}, instance: pod-{version}\n"}}"#
        ),
        Err(kind) => format!(r#"{head},"error":"{kind}","message":"{kind} failed"}}"#),
    }
}

fn event(seconds: f64, event: &str, exit: i32) -> String {
    format!(
        r#"{{"kind":"Event","apiVersion":"meshutils/v1alpha1","time":"t","elapsed":{seconds},"event":"{event}","command":"kubectl scale","exit":{exit},"duration":1.2}}"#
    )
}

fn lines(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().fold(String::new(), |text, line| text + &line + "\n")
}

/// Twenty replies to each of two clusters, by turns from v1 and v2.
fn balanced() -> String {
    let versions = ["v1", "v2"].into_iter().cycle().take(40).enumerate();
    lines(
        versions.map(|(i, version)| {
            record(0.1, if i < 20 { "cluster1" } else { "cluster2" }, Ok(version))
        }),
    )
}

const WHERE: [&str; 2] = ["--where", "v1=cluster1,v2=cluster2"];

#[test]
fn each_source_has_its_own_counts() {
    let expected = concat!(
        "SOURCE    VERSION  INSTANCE  REPLIES  SHARE  INTERVAL        BAR\n",
        "cluster1  v1       pod-v1    10       50%    25.04%..74.96%  ██████████\n",
        "cluster1  v2       pod-v2    10       50%    25.04%..74.96%  ██████████\n",
        "cluster1  v1       (all)     10       50%    25.04%..74.96%  ██████████\n",
        "cluster1  v2       (all)     10       50%    25.04%..74.96%  ██████████\n",
        "cluster1  (all)    (all)     20       100%   -               ████████████████████\n",
    );
    let end = concat!(
        "from cluster1: errors: 0\n",
        "from cluster1: latency: p50 12.5ms, p90 12.5ms, p99 12.5ms, longest 12.5ms\n",
        "from cluster1: expected: v1 50%, v2 50%; p-value: 1 (exact)\n",
        "from cluster2: errors: 0\n",
        "from cluster2: latency: p50 12.5ms, p90 12.5ms, p99 12.5ms, longest 12.5ms\n",
        "from cluster2: expected: v1 50%, v2 50%; p-value: 1 (exact)\n",
        "verdict: yes\n",
    );
    let both = contains(expected).and(ends_with(end));
    tool(&["--expect", "even"], balanced()).assert().success().stderr("").stdout(both);
}

#[test]
fn the_order_of_records_does_not_matter() {
    let text = balanced();
    let reversed: Vec<&str> = text.lines().rev().collect();
    let array = format!("[{}]", text.lines().collect::<Vec<_>>().join(",\n"));
    for format in ["table", "json", "junit"] {
        let output = |input: &str| {
            let args = ["--expect", "even", "-o", format];
            tool(&args, input).assert().success().get_output().stdout.clone()
        };
        assert_eq!(output(&reversed.join("\n")), output(&text));
        // What jq makes of them is as good.
        assert_eq!(output(&array), output(&text));
    }
}

#[test]
fn errors_have_their_classes() {
    let kinds = ["dns", "connect", "tls", "http", "timeout", "exec", "pod", "api"];
    let mut input = lines(kinds.iter().map(|kind| record(0.1, "c", Err(kind))));
    input += &record(0.2, "c", Ok("v1")).replace("Hello", "Bye");
    let shown = contains("errors: 9\n  1 x dns: dns failed\n").and(contains("1 x api: (others)\n"));
    tool(&[], input.clone()).assert().code(1).stdout(shown);
    let all = r#""errorKinds":{"dns":1,"connect":1,"tls":1,"http":1,"timeout":1,"exec":1,"pod":1,"api":1,"garbage":1}"#;
    tool(&["-o", "json"], input).assert().code(1).stdout(contains(all));
}

#[test]
fn an_uneven_split_is_found_and_told() {
    let skewed =
        |source| (0..100).map(move |i| record(0.1, source, Ok(if i < 90 { "v1" } else { "v2" })));
    let input = lines(skewed("cluster1").chain(skewed("cluster2")));
    let reason = "cluster2: v1 gave 90 of 100 replies (90%), expected 50%: p-value below 1e-12\n";
    tool(&["--expect", "even"], input.clone()).assert().code(1).stdout(ends_with(reason));
    tool(&["--expect", "v1=9,v2=1"], input.clone()).assert().success();
    tool(&["--expect", "v1=85,v2=15"], input.clone()).assert().success();
    let unsure = ["--expect", "v1=80,v2=20", "--confidence", "90%"];
    tool(&unsure, input).assert().code(1);
}

#[test]
fn patterns_read_other_replies() {
    let args = ["--pattern", r"^(?<cluster>\w+): pod (?<instance>\S+)$"];
    let input = "east: pod a-1\nwest: pod b-1\neast: pod a-2\nnobody\n";
    tool(&[&args[..], &["--max-errors", "1"]].concat(), input)
        .assert()
        .success()
        .stdout(contains("east     -        a-1").and(contains("east     (all)    (all)     2  ")));
    tool(&[&args[..], &["--expect", "east=1,west=0"]].concat(), input)
        .assert()
        .code(1)
        .stdout(contains("west gave 1 of 3 replies (33.33%), expected 0%"));
    tool(&[&args[..], &["--source", "east", "--expect", "local"]].concat(), input)
        .assert()
        .code(1)
        .stdout(contains("from east: 1 of 3 replies came from west"));
    tool(&["--pattern", "("], "").assert().code(2).stdout("").stderr(contains("--pattern: "));
    tool(&["--pattern", "a"], "").assert().code(2).stderr(contains("no group is named version"));
}

fn slices(pods: &[&str]) -> String {
    let endpoints: Vec<String> = pods
        .iter()
        .map(|pod| {
            format!(r#"{{"addresses":["10.0.0.1"],"conditions":{{"ready":true}},"targetRef":{{"kind":"Pod","name":"{pod}"}}}}"#)
        })
        .collect();
    format!(
        "{{\n  \"apiVersion\": \"v1\",\n  \"items\": [{{\"apiVersion\": \"discovery.k8s.io/v1\", \"kind\": \"EndpointSlice\", \
         \"metadata\": {{\"name\": \"helloworld-x\", \"namespace\": \"sample\", \"labels\": {{\"kubernetes.io/service-name\": \"helloworld\"}}}}, \
         \"endpoints\": [{}]}}],\n  \"kind\": \"List\"\n}}\n",
        endpoints.join(",")
    )
}

#[test]
fn endpoints_say_who_should_answer() {
    let slices = file(&slices(&["pod-v1", "pod-v2"]));
    let path = slices.path().to_str().unwrap();
    tool(&["-f", path], balanced())
        .assert()
        .success()
        .stdout(contains("from cluster1: expected: pod-v1 50%, pod-v2 50%; p-value: 1 (exact)"));
    let one = lines((0..20).map(|_| record(0.1, "cluster1", Ok("v1"))));
    tool(&["-f", path, "--expect", "endpoints"], one)
        .assert()
        .code(1)
        .stdout(contains("pod-v1 gave 20 of 20 replies (100%), expected 50%: p-value 1.9e-6"));
    let stray = lines((0..20).map(|_| record(0.1, "cluster1", Ok("v3"))));
    let unexpected = "from cluster1: pod-v3 answered and is not expected\n";
    tool(&["-f", path], stray).assert().code(1).stdout(ends_with(unexpected));
    // Of another service.
    tool(&["-f", path, "--service", "other.sample"], balanced())
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains("no ready endpoint of other"));
    tool(&["-f", path], "").assert().code(3).stderr(contains("stdin: is empty"));
    tool(&["-f", "-"], std::fs::read(path).unwrap())
        .assert()
        .code(3)
        .stderr(contains("there are no replies"));
    tool(&["--expect", "endpoints"], balanced())
        .assert()
        .code(2)
        .stderr(contains("there are no EndpointSlices"));
}

#[test]
fn endpoints_of_clusters_say_what_is_local() {
    let (one, two) = (file(&slices(&["pod-v1"])), file(&slices(&["pod-v2"])));
    let endpoints = |cluster, file: &tempfile::NamedTempFile| {
        format!("--endpoints={cluster}={}", file.path().display())
    };
    let (one, two) = (endpoints("cluster1", &one), endpoints("cluster2", &two));
    let local = lines(
        (0..20)
            .flat_map(|_| [record(0.1, "cluster1", Ok("v1")), record(0.1, "cluster2", Ok("v2"))]),
    );
    tool(&[&one, &two, "--expect", "local"], local.clone()).assert().success();
    tool(&[&one, &two, "--expect", "failover"], local.clone())
        .assert()
        .code(1)
        .stdout(contains("20 of 20 replies still came from cluster1 itself"));
    tool(&[&one, &two, "--expect", "local"], balanced())
        .assert()
        .code(1)
        .stdout(contains("from cluster1: 10 of 20 replies came from cluster2"));
    tool(&[&one, &two], balanced()).assert().success();
    tool(&["--expect", "local"], local)
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains("the cluster of 20 of 20 replies is not known").and(contains("--where")));
}

const RULE: &str = "\
# Near endpoints first.
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: near, namespace: sample}
spec:
  host: helloworld.sample.svc.cluster.local
  trafficPolicy:
    outlierDetection: {consecutive5xxErrors: 1}
";

#[test]
fn all_local_is_told_from_broken() {
    let near = file(RULE);
    let far = file(&RULE.replace("outlierDetection", "connectionPool"));
    let other = file(&RULE.replace("host: helloworld", "host: other"));
    let [near, far, other] = [&near, &far, &other].map(|file| file.path().to_str().unwrap());
    let local = || lines((0..9).map(|_| record(0.1, "cluster1", Ok("v1"))));
    let on = "note: from cluster1: all replies are local, and meant to be: \
              DestinationRule sample/near turns locality load balancing on\nverdict: yes\n";
    tool(&["-f", near, WHERE[0], WHERE[1]], local()).assert().success().stdout(ends_with(on));
    for file in [far, other] {
        let off = "this is broken\nverdict: no: from cluster1: only v1 answered\n";
        tool(&["-f", file, WHERE[0], WHERE[1]], local()).assert().code(1).stdout(ends_with(off));
    }
    let unknown = "if all these replies are local, that is not broken";
    tool(&["-f", near], local()).assert().code(1).stdout(contains(unknown));
    let two = file(&format!("{RULE}---\n{}", RULE.replace("host: helloworld", "host: other")));
    let text = "Hello version: v1, instance: a\n";
    tool(&["-f", two.path().to_str().unwrap()], text)
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains("several hosts").and(contains("--service")));
    let no_host = file(&RULE.replace("host", "hosts"));
    tool(&["-f", no_host.path().to_str().unwrap()], text)
        .assert()
        .code(3)
        .stderr(contains("document 1: .spec.host: is missing"));
    let useless = file("apiVersion: v1\nkind: ConfigMap\n");
    tool(&["-f", useless.path().to_str().unwrap()], text)
        .assert()
        .code(3)
        .stderr(contains("holds neither replies nor EndpointSlices"));
}

/// A request of each cluster every half second: cluster1 fails over to v2 at 5 s, home at 16 s.
fn drill(finally_exit: i32) -> String {
    let requests = (0..40).map(|i| f64::from(i) / 2.0).flat_map(|at| {
        let first = match at {
            5.0..6.5 => Err("http"),
            6.5..16.0 => Ok("v2"),
            _ => Ok("v1"),
        };
        [record(at, "cluster1", first), record(at, "cluster2", Ok("v2"))]
    });
    let mut requests: Vec<String> = requests.collect();
    requests.insert(15, event(5.0, "command", 0));
    requests.push(event(15.0, "finally", finally_exit));
    lines(requests)
}

#[test]
fn a_drill_is_measured() {
    let args = ["--expect", "failover", WHERE[0], WHERE[1]];
    let table = concat!(
        "AT   EXIT  SOURCE    REPLIES  ERRORS  ELSEWHERE  FROM      RECOVERED    EVENT\n",
        "-    -     cluster1  10       0       -          -         undisturbed  (start)\n",
        "-    -     cluster2  10       0       -          -         undisturbed  (start)\n",
        "5s   0     cluster1  17       3       1.51s      cluster2  1.51s        kubectl scale\n",
        "5s   0     cluster2  20       0       -          -         undisturbed  kubectl scale\n",
        "15s  0     cluster1  10       0       1.01s      cluster1  undisturbed  finally: kubectl scale\n",
        "15s  0     cluster2  10       0       -          -         undisturbed  finally: kubectl scale\n",
        "verdict: yes\n",
    );
    let allowed = [&args[..], &["--max-errors", "3"]].concat();
    tool(&allowed, drill(0)).assert().success().stdout(ends_with(table));
    let errors = "verdict: no: errors: 3, allowed: 0\n";
    tool(&args, drill(0)).assert().code(1).stdout(ends_with(errors));
    let failed = "`finally: kubectl scale` failed with exit status 1\n";
    tool(&allowed, drill(1)).assert().code(1).stdout(ends_with(failed));
    let seen = concat!(
        r#"{"event":{"event":"command","command":"kubectl scale","elapsed":5.0,"duration":1.2,"exit":0},"#,
        r#""sources":[{"source":"cluster1","replies":17,"errors":3,"errorKinds":{"http":3},"#,
        r#""elsewhere":{"from":"cluster2","after":1.5125},"recovered":true,"recoveredAfter":1.5125},"#,
    );
    let json = [&allowed[..], &["-o", "json"]].concat();
    tool(&json, drill(0)).assert().success().stdout(contains(seen));
}

#[test]
fn junit_has_a_case_for_each_check() {
    let args = ["--expect", "failover", "-o", "junit", WHERE[0], WHERE[1]];
    tool(&args, drill(0)).assert().code(1).stdout(concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
        "<testsuite name=\"mesh-lbcheck\" tests=\"10\" failures=\"1\">\n",
        "  <testcase classname=\"cluster1\" name=\"answers\"/>\n",
        "  <testcase classname=\"cluster2\" name=\"answers\"/>\n",
        "  <testcase classname=\"all\" name=\"errors\">\n",
        "    <failure message=\"errors: 3, allowed: 0\"/>\n",
        "  </testcase>\n",
        "  <testcase classname=\"cluster1\" name=\"recovery after kubectl scale\"/>\n",
        "  <testcase classname=\"cluster2\" name=\"recovery after kubectl scale\"/>\n",
        "  <testcase classname=\"all\" name=\"success of kubectl scale\"/>\n",
        "  <testcase classname=\"all\" name=\"failover after kubectl scale\"/>\n",
        "  <testcase classname=\"cluster1\" name=\"recovery after finally: kubectl scale\"/>\n",
        "  <testcase classname=\"cluster2\" name=\"recovery after finally: kubectl scale\"/>\n",
        "  <testcase classname=\"all\" name=\"success of finally: kubectl scale\"/>\n",
        "</testsuite>\n",
    ));
}

#[test]
fn wrong_records_are_told_with_their_place() {
    let good = balanced();
    let fast = record(0.1, "c", Ok("v1")).replace("0.0125", "\"fast\"");
    tool(&[], format!("{good}{fast}\n"))
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains("error: stdin: record 41: .latency: invalid type: string"));
    let cluster = r#"{"apiVersion":"meshutils/v1alpha1","kind":"Cluster","name":"c"}"#;
    tool(&[], cluster).assert().code(3).stderr(
        contains("stdin: record 1: is a Cluster").and(contains("hint: mesh-lbcheck reads")),
    );
    // A probe that was ended in the middle of a line.
    let cut = &fast[..60];
    tool(&[], format!("{good}{cut}")).assert().code(1).stdout(contains("1 x garbage: {\"apiV"));
}

#[test]
fn a_plan_reads_nothing() {
    let table = concat!(
        "REQUESTS  CERTAINTY  TO SEE\n",
        "14        95%        everyone that should answer\n",
        "57        95%        a share that is off by 20 points\n",
        "218       95%        a share that is off by 10 points\n",
        "852       95%        a share that is off by 5 points\n",
    );
    let args = ["--plan", "--expect", "v1=80,v2=20", "--confidence", "95%"];
    tool(&args, "").assert().success().stdout(table);
    let json = r#"{"requests":8,"certainty":0.99,"seen":"everyone that should answer"}"#;
    tool(&["--plan", "-o", "json"], "").assert().success().stdout(contains(json));
    let slices = file(&slices(&["a", "b", "c"]));
    let path = slices.path().to_str().unwrap();
    tool(&["--plan", "-f", path], "").assert().success().stdout(contains("15        99%  "));
    for (args, message) in [
        (&["--plan", "--expect", "local"][..], "--plan needs at least two"),
        (&["--plan", "-o", "junit"], "a plan has no form for CI"),
        (&["--plan", "--confidence", "100%"], "nothing is certain"),
        (&["--by", "cluster", "--expect", "endpoints"], "--by cluster does not fit"),
        (&["--where", "v1"], "is no pair"),
        (&["--service", "a b"], "--service: \"a b\" is no name of a service"),
        (&["--expect", "v1=x"], "--expect: \"x\" is no weight"),
    ] {
        tool(args, balanced()).assert().code(2).stdout("").stderr(contains(message));
    }
}
