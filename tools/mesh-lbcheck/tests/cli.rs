//! The program as a user runs it.

use predicates::prelude::*;
use predicates::str::{contains, ends_with};

const BALANCED: &str = "\
Hello version: v2, instance: helloworld-v2-758dd55874-6x4t8
Hello version: v1, instance: helloworld-v1-86f77cd7bd-cpxhv
Hello version: v1, instance: helloworld-v1-86f77cd7bd-aaaaa
";

fn tool(args: &[&str], input: impl Into<Vec<u8>>) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-lbcheck");
    tool.env_clear().args(args).write_stdin(input);
    tool
}

#[test]
fn the_table_ends_with_the_verdict() {
    tool(&[], BALANCED).assert().success().stderr("").stdout(concat!(
        "VERSION  INSTANCE                        REPLIES  SHARE   INTERVAL        BAR\n",
        "v1       helloworld-v1-86f77cd7bd-aaaaa  1        33.33%  4.04%..85.58%   ██████▊\n",
        "v1       helloworld-v1-86f77cd7bd-cpxhv  1        33.33%  4.04%..85.58%   ██████▊\n",
        "v2       helloworld-v2-758dd55874-6x4t8  1        33.33%  4.04%..85.58%   ██████▊\n",
        "v1       (all)                           2        66.67%  14.42%..95.96%  █████████████▍\n",
        "v2       (all)                           1        33.33%  4.04%..85.58%   ██████▊\n",
        "(all)    (all)                           3        100%    -               ████████████████████\n",
        "errors: 0\n",
        "verdict: yes\n",
    ));
}

#[test]
fn json_is_one_line() {
    let expected = concat!(
        r#"{"replies":3,"errors":1,"versions":["#,
        r#"{"version":"v1","count":2,"share":0.6667,"interval":[0.1442,0.9596]},"#,
        r#"{"version":"v2","count":1,"share":0.3333,"interval":[0.0404,0.8558]}],"instances":["#,
        r#"{"instance":"helloworld-v1-86f77cd7bd-aaaaa","version":"v1","count":1,"share":0.3333,"#,
        r#""interval":[0.0404,0.8558]},"#,
        r#"{"instance":"helloworld-v1-86f77cd7bd-cpxhv","version":"v1","count":1,"share":0.3333,"#,
        r#""interval":[0.0404,0.8558]},"#,
        r#"{"instance":"helloworld-v2-758dd55874-6x4t8","version":"v2","count":1,"share":0.3333,"#,
        r#""interval":[0.0404,0.8558]}],"errorKinds":{"garbage":1},"#,
        r#""errorSamples":[{"kind":"garbage","text":"no","count":1}],"verdict":"no","#,
        r#""reasons":["v3 did not answer","errors: 1, allowed: 0"]}"#,
        "\n",
    );
    let input = format!("{BALANCED}no\n");
    tool(&["-o", "json", "--expect", "v1,v2,v3"], input).assert().code(1).stdout(expected);
}

#[test]
fn the_order_of_replies_does_not_matter() {
    let reversed: Vec<&str> = BALANCED.lines().rev().collect();
    let output = |input: String| tool(&[], input).assert().success().get_output().stdout.clone();
    assert_eq!(output(reversed.join("\r\n\r\n")), output(BALANCED.to_owned()));
}

#[test]
fn the_reasons_stand_in_the_last_line() {
    let one = "Hello version: v1, instance: a\n";
    for (args, input, last) in [
        (vec![], one, "verdict: no: only v1 answered\n"),
        (vec!["--expect", "v1,v2"], one, "verdict: no: v2 did not answer\n"),
        (vec!["--expect", "v1"], one, "verdict: yes\n"),
        (vec!["--expect", "v2"], BALANCED, "verdict: no: v1 answered and is not expected\n"),
        (
            vec!["--min-share", "40%"],
            BALANCED,
            "verdict: no: v2 gave 1 of 3 replies (33.33%), less than 40%\n",
        ),
        (vec!["--min-share", "0.3"], BALANCED, "verdict: yes\n"),
        (
            vec![],
            "curl: (7) Failed to connect\n",
            "errors: 1\n  1 x connect: curl: (7) Failed to connect\n\
             verdict: no: no version answered; errors: 1, allowed: 0\n",
        ),
    ] {
        let code = i32::from(last != "verdict: yes\n");
        tool(&args, input).assert().code(code).stderr("").stdout(ends_with(last));
    }
}

#[test]
fn errors_are_shown_and_harmless() {
    let mut input = BALANCED.as_bytes().to_vec();
    input.extend_from_slice(b"\x1b[31mred\xff\n\x1b[31mred\xff\r\n");
    input.extend(std::iter::repeat_n(b'x', 200_000));
    let shown = format!(
        "errors: 3\n  2 x garbage: \\u{{1b}}[31mred\u{fffd}\n  1 x garbage: {}…\n",
        "x".repeat(119)
    );
    tool(&["--max-errors", "3"], input.clone()).assert().success().stdout(contains(&shown));
    tool(&["--max-errors", "2"], input)
        .assert()
        .code(1)
        .stdout(contains(&shown).and(ends_with("verdict: no: errors: 3, allowed: 2\n")));
}

#[test]
fn files_and_standard_input_are_counted_together() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "Hello version: v3, instance: c").unwrap();
    let path = file.path().to_str().unwrap();
    tool(&["-f", path, "-f", "-", "--expect", "v1,v2,v3"], BALANCED)
        .assert()
        .success()
        .stdout(contains("v3       c"));
    tool(&["-f", "-", "-f", "-"], BALANCED).assert().code(2).stdout("");
}

#[test]
fn input_without_a_line_is_an_error() {
    for input in ["", "\n", "\r\n\n"] {
        tool(&["--max-errors", "9"], input)
            .assert()
            .code(3)
            .stdout("")
            .stderr(contains("error: stdin: is empty").and(contains("hint: did the command")));
    }
    let empty = tempfile::NamedTempFile::new().unwrap();
    let path = empty.path().to_str().unwrap();
    tool(&["-f", "-", "-f", path], BALANCED).assert().code(3).stdout("").stderr(contains(path));
    tool(&["-f", "/nowhere/replies"], "").assert().code(3).stdout("").stderr(contains("/nowhere/"));
    tool(&["-f", "/"], "").assert().code(3).stdout("").stderr(contains("error: /: "));
}

#[test]
fn impossible_expectations_are_wrong_usage() {
    for (args, message) in [
        (vec!["--expect", "v1,v1"], "--expect: v1 is named twice"),
        (vec!["--expect", "v1", "v1"], "unexpected argument 'v1'"),
        (vec!["--expect", ""], "--expect"),
        (vec!["--expect", "v1,"], "--expect: \"\" is no version"),
        (vec!["--expect", "v1, v2"], "--expect: \" v2\" is no version"),
        (vec!["--min-share", "1.1"], "'--min-share <SHARE>': a share is"),
        (vec!["--min-share", "120%"], "'--min-share <SHARE>': a share is"),
        (vec!["--min-share", "51%"], "2 versions cannot have 51% of the replies each"),
        (vec!["--expect", "v1,v2,v3", "--min-share", "0.34"], "at most 33.3333% each is possible"),
        (vec!["--max-errors=-1"], "--max-errors"),
    ] {
        tool(&args, BALANCED).assert().code(2).stdout("").stderr(contains(message));
    }
}

#[test]
fn many_instances_stay_within_bounds() {
    let replies: Vec<String> =
        (0..5_000).map(|i| format!("Hello version: v{}, instance: pod-{i}", i % 2)).collect();
    let assert = tool(&[], replies.join("\n")).assert().success();
    let output = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    assert_eq!(output.lines().filter(|line| line.contains("pod-")).count(), 1024);
    assert_eq!(output.lines().filter(|line| line.contains("(others)  1988")).count(), 2);
}
