//! What other clusters say of themselves lets in no strangers.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use super::cli::{gke, input, restricted, tool};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::json;

/// Of an attack: each half is a range like any other, and together they are the Internet.
#[test]
fn ranges_of_all_peers_are_judged_together() {
    let three = |one: &str, other: &str| {
        input(&[
            gke("b", "us-west2-b", "10.4.0.0/14", &restricted(&[])),
            gke("a", "us-west2-a", one, &json!({})),
            gke("c", "us-west2-c", other, &json!({})),
        ])
    };
    let wide = "cluster p/us-west2-b/b: the ranges together have more public addresses than a /12";
    for args in [&[][..], &["--check"], &["-o", "json"]] {
        tool(args)
            .write_stdin(three("0.0.0.0/1", "128.0.0.0/1"))
            .assert()
            .code(3)
            .stdout("")
            .stderr(contains(wide).and(contains("hint: if they are meant, name them")));
    }
    let meant = ["--allow-public", "34.0.0.0/10"];
    tool(&[]).write_stdin(three("34.0.0.0/11", "34.32.0.0/11")).assert().code(3).stdout("");
    tool(&meant)
        .write_stdin(three("34.0.0.0/11", "34.32.0.0/11"))
        .assert()
        .success()
        .stdout(contains("--master-authorized-networks=34.0.0.0/10"));
    // What the user let in before is the user's.
    let old = input(&[
        gke("b", "us-west2-b", "10.4.0.0/14", &restricted(&["34.0.0.0/8"])),
        gke("a", "us-west2-a", "10.0.0.0/14", &json!({})),
    ]);
    tool(&[]).write_stdin(old).assert().success().stdout(contains("=34.0.0.0/8,10.0.0.0/14"));
    // A list that is put into force is judged as a whole.
    let mut off = restricted(&["34.0.0.0/8"]);
    off["enabled"] = json!(false);
    let off = input(&[
        gke("b", "us-west2-b", "10.4.0.0/14", &off),
        gke("a", "us-west2-a", "10.0.0.0/14", &json!({})),
    ]);
    tool(&["--enable"])
        .write_stdin(off.as_str())
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains(wide));
    let meant = ["-q", "--enable", "--allow-public", "34.0.0.0/8"];
    tool(&meant).write_stdin(off).assert().success().stdout(contains("=34.0.0.0/8,10.0.0.0/14"));
}

/// Of a second attack: IPv4 in the form of IPv6, whole and in halves.
#[test]
fn ipv4_is_judged_in_the_form_of_ipv6() {
    let three = |one: &str, other: &str| {
        let mut b = gke("b", "us-west2-b", "10.4.0.0/14", &restricted(&[]));
        b["endpoint"] = json!("2600::1");
        input(&[
            b,
            gke("a", "us-west2-a", one, &json!({})),
            gke("c", "us-west2-c", other, &json!({})),
        ])
    };
    for (one, other) in [
        ("64:ff9b::/97", "64:ff9b::8000:0/97"),
        ("64:ff9b:1::/49", "64:ff9b:1:8000::/49"),
        ("::/97", "::8000:0/97"),
        ("::/80", "10.0.0.0/14"),
        ("2001::/32", "10.0.0.0/14"),
        ("2002::/17", "2002:8000::/17"),
        ("34.0.0.0/12", "64:ff9b::2300:0/120"),
    ] {
        let text = three(one, other);
        for args in [&["-q"][..], &["-q", "--check"], &["-q", "-ojson"]] {
            let wide = contains("the ranges together have more public addresses than a /");
            tool(args).write_stdin(text.as_str()).assert().code(3).stdout("").stderr(wide);
        }
        let meant = ["-q", "--allow-public", &format!("{one},{other}")];
        tool(&meant).write_stdin(text).assert().success().stdout(contains(" b ").count(1));
    }
    // What the clouds' own IPv6 ranges are is no matter.
    let text = three("fd20::/64", "2600:1900:4000:1::/64");
    let list = contains("=2600:1900:4000:1::/64,fd20::/64\n");
    tool(&["-q"]).write_stdin(text).assert().success().stdout(list);
}
