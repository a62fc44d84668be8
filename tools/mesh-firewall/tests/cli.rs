//! The program as a user runs it.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use predicates::prelude::*;
use serde_json::{Value, json};

pub fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-firewall");
    tool.env_clear().args(args);
    tool
}

/// The standard output for these ranges.
pub fn output(args: &[&str], ranges: &str) -> String {
    let assert = tool(args).write_stdin(ranges).assert().success();
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

pub const PODS: &str = "10.4.0.0/14,10.0.0.0/14";
pub const GUIDE: [&str; 4] = ["--network", "default", "--target-tags", "b,a"];

/// A file of existing rules.
pub fn existing(rules: Value) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), rules.to_string()).unwrap();
    file
}

/// The guide's rule as the service lists it.
fn listed() -> Value {
    let base = "https://www.googleapis.com/compute/v1/projects/my-proj/global";
    json!({"kind": "compute#firewall", "id": "1", "name": "istio-multicluster-pods",
        "network": format!("{base}/networks/default"), "priority": 900,
        "sourceRanges": ["10.0.0.0/14", "10.4.0.0/14"], "targetTags": ["a", "b"],
        "allowed": [{"IPProtocol": "tcp"}, {"IPProtocol": "udp"}, {"IPProtocol": "icmp"},
            {"IPProtocol": "esp"}, {"IPProtocol": "ah"}, {"IPProtocol": "sctp"}],
        "direction": "INGRESS", "logConfig": {"enable": false}, "disabled": false,
        "selfLink": format!("{base}/firewalls/istio-multicluster-pods")})
}

#[test]
fn the_guide_s_command_is_written() {
    let line = "gcloud compute firewall-rules create istio-multicluster-pods --network=default \
                --allow=tcp,udp,icmp,esp,ah,sctp --direction=INGRESS --priority=900 \
                --source-ranges=10.0.0.0/14,10.4.0.0/14 --target-tags=a,b --quiet\n";
    for ranges in [
        PODS,
        "10.0.0.0/14\n10.4.0.0/14\n10.0.0.0/14\n",
        "{\"cidr\":\"10.4.0.0/14\",\"owners\":[]}\n{\"cidr\":\"10.0.0.0/14\",\"owners\":[]}\n",
    ] {
        tool(&GUIDE).write_stdin(ranges).assert().success().stderr("").stdout(line);
    }
    let shared = ["--network", "projects/host/global/networks/vpc", "--all-instances"];
    let line = output(&shared, PODS);
    assert!(
        line.contains("--network=vpc ") && line.ends_with("--project=host --quiet\n"),
        "{line}"
    );
    assert!(!line.contains("target"), "{line}");
}

/// What gcloud 528 sent to a server that recorded it, for the commands of these rules.
#[test]
fn bodies_are_those_that_gcloud_sends() {
    let args = [
        "--project",
        "my-proj",
        "-o",
        "json",
        "--allow",
        "tcp,icmp,udp:53,all,tcp:1000-2000",
        "--webhook-from",
        "172.16.0.0/28",
    ];
    let ranges = format!("{PODS},2001:db8::/32");
    let ours = output(&[&GUIDE[..], &args].concat(), &ranges);
    let ours: Vec<Value> = ours.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let network =
        "https://compute.googleapis.com/compute/v1/projects/my-proj/global/networks/default";
    let rest = json!([{"IPProtocol": "udp", "ports": ["53"]}, {"IPProtocol": "all"},
        {"IPProtocol": "tcp", "ports": ["1000-2000"]}]);
    let allowed = |icmp: &str| {
        let mut all = vec![json!({"IPProtocol": "tcp"}), json!({"IPProtocol": icmp})];
        all.extend(rest.as_array().unwrap().iter().cloned());
        all
    };
    assert_eq!(
        ours,
        [
            json!({"allowed": allowed("icmp"), "direction": "INGRESS",
                "name": "istio-multicluster-pods", "network": network, "priority": 900,
                "sourceRanges": ["10.0.0.0/14", "10.4.0.0/14"], "targetTags": ["a", "b"]}),
            json!({"allowed": allowed("58"), "direction": "INGRESS",
                "name": "istio-multicluster-pods-2", "network": network, "priority": 900,
                "sourceRanges": ["2001:db8::/32"], "targetTags": ["a", "b"]}),
            json!({"allowed": [{"IPProtocol": "tcp", "ports": ["15017"]}], "direction": "INGRESS",
                "name": "istio-multicluster-pods-webhook", "network": network, "priority": 900,
                "sourceRanges": ["172.16.0.0/28"], "targetTags": ["a", "b"]}),
        ]
    );
    let accounts = [
        "--network",
        "default",
        "--target-service-accounts",
        "n@p.iam.gserviceaccount.com",
        "-o",
        "json",
    ];
    let body: Value = serde_json::from_str(&output(&accounts, PODS)).unwrap();
    assert_eq!(body["targetServiceAccounts"], json!(["n@p.iam.gserviceaccount.com"]));
    assert_eq!(body["network"], "global/networks/default");
}

/// The guide's variable with the tags was never set: gcloud refused an empty one, and a rule
/// without targets would have held for every instance.
#[test]
fn an_empty_target_is_refused() {
    for tags in ["", ",", "a,", " "] {
        tool(&["--network", "default", "--target-tags", tags])
            .write_stdin(PODS)
            .assert()
            .code(2)
            .stdout("")
            .stderr(predicate::str::contains("'--target-tags <TAG,...>'"));
    }
    tool(&["--network", "default", "--target-tags", ""])
        .write_stdin(PODS)
        .assert()
        .stderr(predicate::str::contains("was the variable that should hold it ever set?"));
    tool(&["--network", "default"])
        .write_stdin(PODS)
        .assert()
        .code(2)
        .stdout("")
        .stderr(predicate::str::contains("--target-tags is missing"));
}

/// The guide's `create` failed on the second run, as the rule exists.
#[test]
fn a_second_run_finds_nothing_to_do() {
    let file = existing(json!([listed()]));
    let args = [&GUIDE[..], &["--existing", file.path().to_str().unwrap()]].concat();
    tool(&args)
        .write_stdin(PODS)
        .assert()
        .success()
        .stdout("")
        .stderr("mesh-firewall: note: rule istio-multicluster-pods is as wanted\n");
    // A cluster more: the set of ranges becomes exactly the wanted one.
    tool(&args).write_stdin(format!("{PODS},10.64.0.0/14")).assert().success().stderr("").stdout(
        "gcloud compute firewall-rules update istio-multicluster-pods \
         --source-ranges=10.0.0.0/14,10.4.0.0/14,10.64.0.0/14 --quiet\n",
    );
    // Another family: a rule more, and the first stays.
    tool(&args).write_stdin(format!("{PODS},2001:db8::/32")).assert().success().stdout(
        "gcloud compute firewall-rules create istio-multicluster-pods-2 --network=default \
         --allow=tcp,udp,58,esp,ah,sctp --direction=INGRESS --priority=900 \
         --source-ranges=2001:db8::/32 --target-tags=a,b --quiet\n",
    );
}

#[test]
fn whatever_differs_is_updated() {
    let mut rule = listed();
    for (key, value) in [
        ("disabled", json!(true)),
        ("sourceServiceAccounts", json!(["s@p.example"])),
        ("destinationRanges", json!(["10.0.0.0/8"])),
        ("targetTags", json!([])),
        ("targetServiceAccounts", json!(["t@p.example"])),
        ("priority", json!(1000)),
    ] {
        rule[key] = value;
    }
    let file = existing(json!([rule]));
    let args = [&GUIDE[..], &["--existing", file.path().to_str().unwrap()]].concat();
    assert_eq!(
        output(&args, PODS),
        "gcloud compute firewall-rules update istio-multicluster-pods --priority=900 \
         --target-tags=a,b --target-service-accounts= --source-service-accounts= \
         --destination-ranges= --no-disabled --quiet\n"
    );
}

#[test]
fn rules_of_other_names_may_be_enough() {
    let mut rule = listed();
    rule["name"] = json!("internal");
    rule["sourceRanges"] = json!(["10.0.0.0/8"]);
    let file = existing(json!([rule]));
    let args = [&GUIDE[..], &["--existing", file.path().to_str().unwrap()]].concat();
    tool(&args).write_stdin(PODS).assert().success().stdout("").stderr(predicate::str::contains(
        "note: rule istio-multicluster-pods is not needed: other rules let the same in",
    ));
    let none = existing(json!([]));
    let args = [&GUIDE[..], &["--existing", none.path().to_str().unwrap()]].concat();
    assert!(output(&args, PODS).contains(" create "));
}

#[test]
fn every_address_is_let_in_only_when_asked_for() {
    for ranges in ["10.0.0.0/8,0.0.0.0/0", "::/0", "0.0.0.0/1,128.0.0.0/1"] {
        tool(&GUIDE)
            .write_stdin(ranges)
            .assert()
            .code(3)
            .stdout("")
            .stderr(predicate::str::contains("every address there is"));
        let args = [&GUIDE[..], &["--allow-any-source"]].concat();
        tool(&args).write_stdin(ranges).assert().success();
    }
    let args = [&GUIDE[..], &["--webhook-from", "0.0.0.0/0"]].concat();
    tool(&args).write_stdin(PODS).assert().code(3).stdout("");
}

#[test]
fn what_does_not_fit_one_rule_is_split() {
    let ranges: Vec<String> =
        (0..5001).map(|i| format!("10.{}.{}.0/24", i / 256, i % 256)).collect();
    let lines = output(&GUIDE, &ranges.join("\n"));
    let names: Vec<&str> = lines.lines().map(|l| l.split(' ').nth(4).unwrap()).collect();
    assert_eq!(names, ["istio-multicluster-pods", "istio-multicluster-pods-2"]);
    let tags: Vec<String> = (0..71).map(|i| format!("tag-{i}")).collect();
    let lines = output(&["--network", "n", "--target-tags", &tags.join(",")], PODS);
    assert_eq!(lines.lines().count(), 2);
    let lines = output(&[&GUIDE[..], &["--max-ranges", "1", "--max-tags", "1"]].concat(), PODS);
    assert_eq!(lines.lines().count(), 4);
}

#[test]
fn config_connector_and_terraform_have_the_same_rule() {
    let yaml = output(
        &[&GUIDE[..], &["--project", "p", "-o", "kcc", "--allow", "tcp:15443"]].concat(),
        PODS,
    );
    assert_eq!(
        yaml,
        "apiVersion: compute.cnrm.cloud.google.com/v1beta1\nkind: ComputeFirewall\nmetadata:\n  \
         annotations:\n    cnrm.cloud.google.com/project-id: p\n  labels:\n    \
         app.kubernetes.io/managed-by: meshutils\n  name: istio-multicluster-pods\nspec:\n  \
         allow:\n  - ports:\n    - \"15443\"\n    protocol: tcp\n  direction: INGRESS\n  \
         networkRef:\n    external: projects/p/global/networks/default\n  priority: 900\n  \
         sourceRanges:\n  - \"10.0.0.0/14\"\n  - \"10.4.0.0/14\"\n  targetTags:\n  - a\n  - b\n"
    );
    let text = output(&[&GUIDE[..], &["-o", "terraform", "--allow", "tcp:15443"]].concat(), PODS);
    let resources: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        resources,
        json!({"resource": {"google_compute_firewall": {"istio-multicluster-pods": {
            "name": "istio-multicluster-pods", "network": "default", "direction": "INGRESS",
            "priority": 900, "allow": [{"protocol": "tcp", "ports": ["15443"]}],
            "source_ranges": ["10.0.0.0/14", "10.4.0.0/14"], "target_tags": ["a", "b"]}}}})
    );
}

#[test]
fn aws_commands_open_a_security_group() {
    let args =
        ["-o", "aws", "--security-group-id", "sg-0123abcd", "--allow", "tcp:15443,icmp,esp,all"];
    assert_eq!(
        output(&args, "10.0.0.0/14,2001:db8::/32"),
        "aws ec2 authorize-security-group-ingress --group-id=sg-0123abcd --ip-permissions \
         'IpProtocol=tcp,FromPort=15443,ToPort=15443,IpRanges=[{CidrIp=10.0.0.0/14,Description=istio-multicluster-pods}]' \
         'IpProtocol=icmp,FromPort=-1,ToPort=-1,IpRanges=[{CidrIp=10.0.0.0/14,Description=istio-multicluster-pods}]' \
         'IpProtocol=50,IpRanges=[{CidrIp=10.0.0.0/14,Description=istio-multicluster-pods}]' \
         'IpProtocol=-1,IpRanges=[{CidrIp=10.0.0.0/14,Description=istio-multicluster-pods}]'\n\
         aws ec2 authorize-security-group-ingress --group-id=sg-0123abcd --ip-permissions \
         'IpProtocol=tcp,FromPort=15443,ToPort=15443,Ipv6Ranges=[{CidrIpv6=2001:db8::/32,Description=istio-multicluster-pods}]' \
         'IpProtocol=icmpv6,FromPort=-1,ToPort=-1,Ipv6Ranges=[{CidrIpv6=2001:db8::/32,Description=istio-multicluster-pods}]' \
         'IpProtocol=50,Ipv6Ranges=[{CidrIpv6=2001:db8::/32,Description=istio-multicluster-pods}]' \
         'IpProtocol=-1,Ipv6Ranges=[{CidrIpv6=2001:db8::/32,Description=istio-multicluster-pods}]'\n"
    );
    let ranges: Vec<String> = (0..11).map(|i| format!("10.{i}.0.0/16")).collect();
    tool(&args[..4])
        .write_stdin(ranges.join(","))
        .assert()
        .success()
        .stderr(predicate::str::contains("warning: this makes 66 inbound rules of one family"));
}

#[test]
fn az_commands_take_one_protocol_and_one_priority_each() {
    let args = ["-o", "az", "--resource-group", "my group", "--nsg-name", "n", "--priority", "200"];
    let prefix = "az network nsg rule create '--resource-group=my group' --nsg-name=n";
    let rest = "--source-address-prefixes 10.0.0.0/14 10.4.0.0/14";
    let allow = ["--allow", "tcp:15443,icmp,tcp:15017"];
    assert_eq!(
        output(&[&args[..], &allow].concat(), PODS),
        format!(
            "{prefix} --name=istio-multicluster-pods --priority=200 --direction=Inbound \
             --access=Allow --protocol=Tcp {rest} --destination-port-ranges 15443 15017\n\
             {prefix} --name=istio-multicluster-pods-2 --priority=201 --direction=Inbound \
             --access=Allow --protocol=Icmp {rest} --destination-port-ranges '*'\n"
        )
    );
    tool(&args).write_stdin(PODS).assert().success().stderr(predicate::str::contains(
        "warning: Azure has no rules for sctp alone: it is not let in",
    ));
    tool(&[&args[..], &["--allow", "sctp"]].concat()).write_stdin(PODS).assert().code(2).stdout("");
    let late = ["-o", "az", "--resource-group", "g", "--nsg-name", "n", "--priority", "4095"];
    tool(&late).write_stdin(PODS).assert().code(2).stdout("");
}

#[test]
fn flags_that_would_be_given_for_nothing_are_refused() {
    for (args, message) in [
        (
            "-o aws --security-group-id sg-1 --target-tags a",
            "--target-tags has no meaning with -o aws",
        ),
        ("-o aws --security-group-id sg-1 --priority 5", "--priority has no meaning with -o aws"),
        ("-o az --resource-group g --nsg-name n --network n", "--network has no meaning"),
        ("-o aws", "--security-group-id is missing"),
        ("-o az --nsg-name n", "--resource-group is missing"),
        ("-o aws --security-group-id x", "the ID of a security group is sg-"),
        ("-o aws --security-group-id sg-1 --allow sctp:5", "ports of tcp and udp only"),
        ("--target-tags a", "--network is missing"),
        ("--network n --target-tags a --nsg-name n", "--nsg-name has no meaning with -o gcloud"),
        ("--network n --target-tags a --all-instances", "cannot be used with"),
        ("--network n --target-tags a --existing x -o kcc", "as gcloud commands only"),
        ("--network n --target-tags a --existing -", "standard input can be read once"),
        ("--network projects/p/global/networks/n --target-tags a --project q", "is of project p"),
        ("--network n --target-tags a --allow tcp:x", "ports are 15443 or 1000-2000"),
        ("--network n --target-tags a --webhook-from 10.1.2.3/8", "has host bits set"),
        ("--network n --target-tags a --name Aa", "lower-case letters"),
        ("--network n --target-tags a --max-ranges 0", "1 or more"),
    ] {
        let args: Vec<&str> = args.split(' ').collect();
        tool(&args)
            .write_stdin(PODS)
            .assert()
            .code(2)
            .stdout("")
            .stderr(predicate::str::contains(message));
    }
}

#[test]
fn bad_input_is_told_with_its_place() {
    for (input, message) in [
        ("", "stdin: is empty"),
        ("[]", "stdin: holds no objects"),
        (
            "10.0.0.0/14\n010.0.0.0/8",
            "stdin: line 2: \"010.0.0.0/8\" has an octet with a leading zero",
        ),
        ("{\"cidr\": \"10.1.2.3/8\"}", "stdin: document 1: .cidr: \"10.1.2.3/8\" has host bits"),
        ("{\"name\": \"a\", \"clusterIpv4Cidr\": \"10.0.0.0/14\"}", "mesh-cidrs writes them"),
    ] {
        tool(&GUIDE)
            .write_stdin(input)
            .assert()
            .code(3)
            .stdout("")
            .stderr(predicate::str::contains(message));
    }
    let mut rule = listed();
    rule["priority"] = json!("high");
    let file = existing(json!([rule]));
    let args = [&GUIDE[..], &["--existing", file.path().to_str().unwrap()]].concat();
    tool(&args)
        .write_stdin(PODS)
        .assert()
        .code(3)
        .stdout("")
        .stderr(predicate::str::contains("document 1: [0].priority: invalid type: string"));
    rule = listed();
    rule["network"] = json!("projects/my-proj/global/networks/other");
    let file = existing(json!([rule]));
    let args = [&GUIDE[..], &["--existing", file.path().to_str().unwrap()]].concat();
    tool(&args).write_stdin(PODS).assert().code(3).stdout("").stderr(predicate::str::contains(
        "rule istio-multicluster-pods exists and is of network other",
    ));
}
