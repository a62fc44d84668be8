//! Ranges that others wrote let in no strangers, and cost no more than they are.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use super::cli::{GUIDE, PODS, existing, output, tool};
use predicates::str::contains;
use serde_json::{Value, json};

/// Of an attack: all but one eighth of a percent of the Internet, and all of IPv4 in other words.
#[test]
fn the_internet_is_not_let_in_by_other_names() {
    let but_255 = "0.0.0.0/1 128.0.0.0/2 192.0.0.0/3 224.0.0.0/4 240.0.0.0/5 248.0.0.0/6 \
                   252.0.0.0/7 254.0.0.0/8";
    let json = r#"[{"cidr": "34.0.0.0/9"}, {"cidr": "34.128.0.0/9"}]"#;
    for (ranges, reason) in [
        (but_255, "rule istio-multicluster-pods: the ranges together have more public addresses"),
        ("2000::/3", "than a /32, 2000::/3 among them"),
        ("::ffff:0:0/96", "is IPv4 in the form of IPv6: write 0.0.0.0/0"),
        ("0:0:0:0:0:FFFF:0.0.0.0/96", "is IPv4 in the form of IPv6: write 0.0.0.0/0"),
        ("64:ff9b::/96", "than a /12, 64:ff9b::/96 among them"),
        ("0064:FF9B:0:0::0.0.0.0/96", "than a /12, 64:ff9b::/96 among them"),
        ("64:ff9b:1::/48", "than a /12, 64:ff9b:1::/48 among them"),
        ("::/96", "than a /12, ::/96 among them"),
        ("::/80", "than a /12, ::/80 among them"),
        ("::ffff:0:0:0/96", "than a /12, ::ffff:0:0:0/96 among them"),
        ("2001::/32", "than a /12, 2001::/32 among them"),
        ("2002::/16", "than a /32, 2002::/16 among them"),
        ("34.0.0.0/12 64:ff9b::2300:0/120", "than a /12, 34.0.0.0/12 among them"),
        (json, "than a /12, 34.0.0.0/8 among them"),
    ] {
        for form in [&["-ogcloud"][..], &["-ojson"], &["-oterraform"], &["-okcc"]] {
            tool(&[&GUIDE[..], form].concat())
                .write_stdin(ranges)
                .assert()
                .code(3)
                .stdout("")
                .stderr(contains(reason));
        }
        for args in [
            &["-oaws", "--security-group-id", "sg-1"][..],
            &["-oaz", "--resource-group", "g", "--nsg-name", "n"],
        ] {
            tool(args).write_stdin(ranges).assert().code(3).stdout("");
        }
        if reason.starts_with("than") {
            let meant = [&GUIDE[..], &["--allow-public", "0.0.0.0/0,::/0"]].concat();
            tool(&meant).write_stdin(ranges).assert().success();
        }
    }
    let named = [&GUIDE[..], &["--allow-public", "34.0.0.0/8"]].concat();
    tool(&GUIDE).write_stdin("34.0.0.0/8").assert().code(3).stdout("");
    tool(&named).write_stdin("34.0.0.0/8").assert().success();
    // What API servers call from is judged alike.
    let webhook = [&GUIDE[..], &["--webhook-from", "64:ff9b::/96"]].concat();
    tool(&webhook).write_stdin(PODS).assert().code(3).stdout("");
}

#[test]
fn twenty_thousand_ranges_that_are_there_change_nothing() {
    let ranges: Vec<String> =
        (0..20_000).map(|i| format!("10.{}.{}.0/25", i / 256, i % 256)).collect();
    let text = ranges.join("\n");
    let tags: Vec<String> = (0..50).map(|i| format!("t{i}")).collect();
    let tags = tags.join(",");
    let args = ["--network", "default", "--target-tags", &tags];
    let rules = output(&[&args[..], &["-ojson"]].concat(), &text);
    let rules: Vec<Value> = rules.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rules.len(), 4);
    let renamed = |(i, rule): (usize, &Value)| {
        let mut rule = rule.clone();
        rule["name"] = json!(format!("other-{i}"));
        rule["network"] = json!("default");
        rule
    };
    let mut others: Vec<Value> = rules.iter().enumerate().map(renamed).collect();
    let file = existing(json!(others));
    let args = [&args[..], &["--existing", file.path().to_str().unwrap()]].concat();
    assert_eq!(output(&args, &text), "");
    // One that keeps out what lies between is no harm, and one that keeps out the last is.
    for (kept_out, lines) in [("10.78.31.128/25", 0), ("10.78.31.64/26", 1)] {
        others.push(json!({"name": "deny", "network": "default", "priority": 1,
            "sourceRanges": [kept_out], "denied": [{"IPProtocol": "tcp"}]}));
        std::fs::write(file.path(), json!(others).to_string()).unwrap();
        assert_eq!(output(&args, &text).lines().count(), lines, "{kept_out}");
        others.pop();
    }
}
