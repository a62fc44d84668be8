//! The program as a user runs it.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use predicates::prelude::*;

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-cidrs");
    tool.env_clear().args(args);
    tool
}

/// Two neighbours and a third that overlaps one of them by its second pod range.
const GCLOUD: &str = r#"[
  {"name": "a", "location": "l", "clusterIpv4Cidr": "10.0.0.0/14", "servicesIpv4Cidr": "10.100.0.0/20",
   "selfLink": "https://container.example/v1/projects/p/locations/l/clusters/a"},
  {"name": "b", "location": "l", "clusterIpv4Cidr": "10.4.0.0/14", "servicesIpv4Cidr": "10.100.0.0/20",
   "selfLink": "https://container.example/v1/projects/p/locations/l/clusters/b"},
  {"name": "c", "location": "l", "clusterIpv4Cidr": "10.64.0.0/14",
   "nodePools": [{"networkConfig": {"podIpv4CidrBlock": "10.5.0.0/16"}}],
   "selfLink": "https://container.example/v1/projects/p/locations/l/clusters/c"}
]"#;

#[test]
fn the_set_is_minimal_and_has_no_service_ranges() {
    tool(&[])
        .write_stdin(GCLOUD)
        .assert()
        .success()
        .stderr("")
        .stdout("10.0.0.0/13\n10.64.0.0/14\n");
    tool(&["-o", "csv", "--no-aggregate"])
        .write_stdin(GCLOUD)
        .assert()
        .success()
        .stdout("10.0.0.0/14,10.4.0.0/14,10.5.0.0/16,10.64.0.0/14\n");
    tool(&["--kind", "service"]).write_stdin(GCLOUD).assert().success().stdout("10.100.0.0/20\n");
}

#[test]
fn a_list_of_any_length_counts_beside_clusters() {
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join("list");
    let ranges = "10.8.0.0/14 # pods\n10.12.0.0/14,".repeat(20_000);
    std::fs::write(&list, &ranges).unwrap();
    let args = ["-f", list.to_str().unwrap(), "-f", "-"];
    tool(&args).write_stdin(GCLOUD).assert().success().stdout("10.0.0.0/12\n10.64.0.0/14\n");
    tool(&args).arg("-ojson").write_stdin("10.0.0.0/8").assert().success();
    tool(&[])
        .write_stdin(ranges + "\n10.0.0.1/8\n")
        .assert()
        .code(3)
        .stdout("")
        .stderr(predicate::str::contains("stdin: line 20002: \"10.0.0.1/8\" has host bits"));
}

#[test]
fn json_says_whose_each_range_is() {
    tool(&["-o", "json"]).write_stdin(GCLOUD).assert().success().stdout(concat!(
        r#"{"cidr":"10.0.0.0/13","owners":["#,
        r#"{"cluster":"p/l/a","kind":"pod","cidr":"10.0.0.0/14","source":"clusterIpv4Cidr"},"#,
        r#"{"cluster":"p/l/b","kind":"pod","cidr":"10.4.0.0/14","source":"clusterIpv4Cidr"},"#,
        r#"{"cluster":"p/l/c","kind":"pod","cidr":"10.5.0.0/16","#,
        r#""source":"nodePools[0].networkConfig.podIpv4CidrBlock"}]}"#,
        "\n",
        r#"{"cidr":"10.64.0.0/14","owners":["#,
        r#"{"cluster":"p/l/c","kind":"pod","cidr":"10.64.0.0/14","source":"clusterIpv4Cidr"}]}"#,
        "\n",
    ));
    tool(&["-o", "json", "--no-aggregate"])
        .write_stdin("10.0.0.0/8 10.0.0.0/9")
        .assert()
        .success()
        .stdout(concat!(
            r#"{"cidr":"10.0.0.0/8","owners":[{"cluster":"stdin","cidr":"10.0.0.0/8","source":"line 1"}]}"#,
            "\n",
            r#"{"cidr":"10.0.0.0/9","owners":[{"cluster":"stdin","cidr":"10.0.0.0/9","source":"line 1"}]}"#,
            "\n",
        ));
}

#[test]
fn overlaps_name_both_owners_and_exit_with_1() {
    tool(&["--check-overlap"]).write_stdin(GCLOUD).assert().code(1).stderr("").stdout(
        "pod range 10.4.0.0/14 of p/l/b (clusterIpv4Cidr) overlaps pod range 10.5.0.0/16 of p/l/c \
         (nodePools[0].networkConfig.podIpv4CidrBlock)\n",
    );
    tool(&["--check-overlap", "--kind", "service", "-o", "json"])
        .write_stdin(GCLOUD)
        .assert()
        .code(1)
        .stdout(predicate::str::starts_with(
            r#"{"code":"MESH0101","severity":"error","object":"p/l/a","#,
        ));
    tool(&["--check-overlap"])
        .write_stdin("10.0.0.0/8\n10.0.0.0/9\n")
        .assert()
        .success()
        .stdout("");
    tool(&["--check-overlap", "-ocsv"]).write_stdin(GCLOUD).assert().code(2).stdout("");
}

#[test]
fn the_same_cluster_from_two_sources_does_not_overlap_itself() {
    let twice = format!("{GCLOUD}{GCLOUD}");
    tool(&["--check-overlap"])
        .write_stdin(twice)
        .assert()
        .code(1)
        .stdout(predicate::str::contains("\n").count(1));
}

#[test]
fn ipv4_comes_before_ipv6() {
    tool(&["-ocsv"])
        .write_stdin("2001:db8:8000::/33;10.0.0.0/8\n2001:db8::/33")
        .assert()
        .success()
        .stdout("10.0.0.0/8,2001:db8::/32\n");
}

#[test]
fn nothing_is_guessed() {
    for (input, code, message) in [
        ("010.0.0.0/8", 3, "stdin: line 1: \"010.0.0.0/8\" has an octet with a leading zero"),
        (
            "10.0.0.0/8\n10.1.2.3/8",
            3,
            "stdin: line 2: \"10.1.2.3/8\" has host bits set: the network is 10.0.0.0/8",
        ),
        ("10.0.0.1", 3, "write 10.0.0.1/32"),
        ("0.0.0.0/1 128.0.0.0/1", 3, "0.0.0.0/0, every address there is"),
        ("{\"name\":\"a\",\"clusterIpv4Cidr\":\"\"}", 3, "holds no pod range"),
        (
            "{\"name\":\"a\",\"clusterIpv4Cidr\":\"10.1.1.1/8\"}",
            3,
            "cluster a: clusterIpv4Cidr: \"10.1.1.1/8\" has host bits",
        ),
        ("", 3, "stdin: is empty"),
    ] {
        tool(&[])
            .write_stdin(input)
            .assert()
            .code(code)
            .stdout("")
            .stderr(predicate::str::contains(message));
    }
    tool(&["--trunc"]).write_stdin("10.1.2.3/8").assert().success().stdout("10.0.0.0/8\n");
}

#[test]
fn ranges_only_the_subnet_knows_are_warned_of() {
    let input = r#"{"name": "a", "clusterIpv4Cidr": "10.0.0.0/14",
        "ipAllocationPolicy": {"additionalPodRangesConfig": {"podRangeNames": ["more"]}}}"#;
    tool(&[]).write_stdin(input).assert().success().stdout("10.0.0.0/14\n").stderr(
        predicate::str::contains("warning: stdin: document 1: cluster a has further pod ranges"),
    );
    tool(&["-q"]).write_stdin(input).assert().success().stderr("");
}

#[test]
fn services_clash_with_pods_but_not_with_services() {
    let input = r#"[
      {"name": "a", "clusterIpv4Cidr": "10.0.0.0/14", "servicesIpv4Cidr": "10.100.0.0/20"},
      {"name": "b", "clusterIpv4Cidr": "10.4.0.0/14", "servicesIpv4Cidr": "10.100.0.0/20"},
      {"name": "c", "clusterIpv4Cidr": "10.100.0.0/16", "servicesIpv4Cidr": "10.8.0.0/20"}]"#;
    tool(&["--check-overlap", "-o", "table"]).write_stdin(input).assert().code(1).stdout(
        "CLUSTER  a            b            c\n\
         a        -            -            service/pod\n\
         b        -            -            service/pod\n\
         c        pod/service  pod/service  -\n",
    );
    tool(&["--check-overlap", "--kind", "service"]).write_stdin(input).assert().code(1).stdout(
        "service range 10.100.0.0/20 of a (servicesIpv4Cidr) overlaps service range \
         10.100.0.0/20 of b (servicesIpv4Cidr)\n",
    );
}

#[test]
fn questions_are_answered_by_what_is_missing() {
    for (args, code, output) in [
        (&["--covers", "10.4.1.0/24"][..], 0, ""),
        (&["--covers", "10.6.0.0/15"], 0, ""),
        (&["--covers", "10.0.0.0/12"], 1, "10.8.0.0/13\n"),
        (&["--covers", "10.0.0.0/12", "-o", "json"], 1, "{\"cidr\":\"10.8.0.0/13\"}\n"),
        (&["--free", "/14", "--within", "10.0.0.0/8"], 0, "10.8.0.0/14\n"),
        (&["--free", "16", "--within", "10.100.0.0/15"], 0, "10.101.0.0/16\n"),
        (&["--free", "/14", "--within", "10.0.0.0/13"], 1, ""),
        (&["--free", "/8", "--within", "10.0.0.0/13"], 2, ""),
        (&["--free", "/8"], 2, ""),
        (&["--covers", "10.0.0.1/8"], 3, ""),
        (&["--covers", "10.0.0.0/8", "--check-overlap"], 2, ""),
    ] {
        tool(args).write_stdin(GCLOUD).assert().code(code).stdout(output);
    }
}

#[test]
fn what_others_let_in_is_taken_off() {
    let dir = tempfile::tempdir().unwrap();
    let rule = dir.path().join("rule.json");
    std::fs::write(&rule, r#"{"kind":"compute#firewall","sourceRanges":["10.0.0.0/13"]}"#).unwrap();
    tool(&["--not-covered-by", rule.to_str().unwrap()])
        .write_stdin(GCLOUD)
        .assert()
        .code(1)
        .stdout("10.64.0.0/14\n");
    let own = tool(&["-o", "json"]).write_stdin(GCLOUD).output().unwrap().stdout;
    std::fs::write(&rule, own).unwrap();
    tool(&["--not-covered-by", rule.to_str().unwrap()])
        .write_stdin(GCLOUD)
        .assert()
        .success()
        .stdout("");
}

#[test]
fn growth_is_asked_for_and_told() {
    tool(&["--max", "1"])
        .write_stdin(GCLOUD)
        .assert()
        .code(3)
        .stdout("")
        .stderr(predicate::str::contains("the exact set has 2 ranges, --max is 1"));
    tool(&["--max", "1", "--allow-growth"])
        .write_stdin(GCLOUD)
        .assert()
        .success()
        .stdout("10.0.0.0/9\n")
        .stderr(predicate::str::contains("2 ranges became 1, with 7602176 addresses more"));
    tool(&["--max", "2"]).write_stdin(GCLOUD).assert().success().stderr("");
    tool(&["--max", "1", "--allow-growth"])
        .write_stdin("10.0.0.0/8 192.168.0.0/16")
        .assert()
        .code(3)
        .stderr(predicate::str::contains("every address there is"));
}

/// Of an attack: what is written is judged, whoever wrote it and whatever it was made of.
#[test]
fn what_is_written_is_judged() {
    let two = r#"[{"name": "a", "clusterIpv4Cidr": "34.0.0.0/9"},
        {"name": "b", "clusterIpv4Cidr": "34.128.0.0/9"}]"#;
    let lines = "34.0.0.0/9\n34.128.0.0/9\n";
    let own = "{\"cidr\":\"34.0.0.0/9\"}\n{\"cidr\":\"34.128.0.0/9\"}\n";
    let rule = r#"{"kind": "compute#firewall", "sourceRanges": ["34.0.0.0/9", "34.128.0.0/9"]}"#;
    let meant = ["--allow-public", "34.0.0.0/8"];
    for input in [two, lines, own, rule, "34.1.2.3/9 34.129.2.3/9"] {
        for args in [&[][..], &["-ojson"], &["-ocsv"], &["--no-aggregate"], &["--max", "1"]] {
            let trunc = &["--trunc"];
            tool(args)
                .args(trunc)
                .write_stdin(input)
                .assert()
                .code(3)
                .stdout("")
                .stderr(predicate::str::contains("more public addresses than a /12"));
            tool(args).args(trunc).args(meant).write_stdin(input).assert().success();
        }
    }
    tool(&meant).write_stdin(two).assert().success().stdout("34.0.0.0/8\n");
    for (args, input, message) in [
        (&["--no-aggregate"][..], "0.0.0.0/1 128.0.0.0/1", "are 0.0.0.0/0, every address"),
        (&["-ojson"], "::/1 8000::/1", "are ::/0, every address"),
        // Private ranges, and what lies between.
        (&["--max", "1", "--allow-growth"], "172.16.0.0/12 192.168.0.0/16", "128.0.0.0/1 among"),
        (&["--max", "1", "--allow-growth"], "172.16.0.0/12 192.168.0.0/16", "higher --max"),
        (&["--max", "1", "--allow-growth"], "fd00::/64 2001:db8::/64", "every address"),
        (&["--max", "1", "--allow-growth", "-ojson"], "10.0.0.0/8 11.0.0.0/16", "10.0.0.0/7 among"),
        (&[], "64:ff9b::/97 64:ff9b::8000:0/97", "64:ff9b::/96 among them"),
        (&[], "::1/0", "has host bits"),
        (&["--trunc"], "::1/96", "::/96 among them"),
        (&["--trunc"], "2002::1/16", "2002::/16 among them"),
        (&["--trunc"], "::ffff:34.0.0.1/90", "::ffc0:0:0/90 among them"),
        (&["--trunc"], "::ffff:34.0.0.1/104", "write 34.0.0.1/8"),
    ] {
        tool(args)
            .write_stdin(input)
            .assert()
            .code(3)
            .stdout("")
            .stderr(predicate::str::contains(message));
    }
}

#[test]
fn what_others_do_not_let_in_is_judged() {
    let dir = tempfile::tempdir().unwrap();
    let there = dir.path().join("there");
    std::fs::write(&there, "34.0.0.0/9\n").unwrap();
    let args = ["--not-covered-by", there.to_str().unwrap()];
    tool(&args).write_stdin("34.0.0.0/8").assert().code(3).stdout("");
    tool(&args).write_stdin("34.0.0.0/9 34.128.0.0/12").assert().code(1).stdout("34.128.0.0/12\n");
    tool(&args)
        .args(["--allow-public", "34.0.0.0/8"])
        .write_stdin("34.0.0.0/8")
        .assert()
        .code(1)
        .stdout("34.128.0.0/9\n");
}

/// Two hundred million pairs.
#[test]
fn twenty_thousand_clusters_of_one_range_are_the_first_overlaps() {
    let records = |ranges: &str| -> String {
        let record = |i| format!("{{\"name\": \"c{i:05}\", {ranges}}}");
        (0..20_000).map(record).collect::<Vec<_>>().join("\n")
    };
    let clusters = records("\"clusterIpv4Cidr\": \"10.0.0.0/14\"");
    let more = "warning: there are more than 10000 overlaps: these are the first";
    tool(&["--check-overlap"])
        .write_stdin(clusters.as_str())
        .assert()
        .code(1)
        .stdout(predicate::str::contains("\n").count(10_000))
        .stderr(predicate::str::contains(more));
    tool(&["--check-overlap", "-otable"])
        .write_stdin(clusters.as_str())
        .assert()
        .code(3)
        .stdout("");
    tool(&[]).write_stdin(clusters).assert().success().stdout("10.0.0.0/14\n");
    // Services may be alike.
    let services = records("\"clusterIpv4Cidr\": \"\", \"servicesIpv4Cidr\": \"10.0.0.0/20\"");
    tool(&["--check-overlap"]).write_stdin(services).assert().success().stdout("");
}
