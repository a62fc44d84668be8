//! The program as a user runs it.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use predicates::prelude::*;

fn tool(args: &[&str]) -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-id");
    tool.env_clear().args(args);
    tool
}

fn gke(project: &str, location: &str, name: &str) -> String {
    format!(
        r#"{{"name": "{name}", "location": "{location}", "clusterIpv4Cidr": "10.0.0.0/14",
        "networkConfig": {{"network": "projects/{project}/global/networks/default"}},
        "selfLink": "https://container.example/v1/projects/{project}/locations/{location}/clusters/{name}"}}"#
    )
}

#[test]
fn a_gke_cluster_is_called_as_it_is_installed() {
    let project = r#"{"projectId": "my-proj", "projectNumber": "123456789"}"#;
    tool(&[])
        .write_stdin(gke("my-proj", "us-west2-a", "asm-a") + project)
        .assert()
        .success()
        .stderr("")
        .stdout(
            predicate::str::contains(r#""id":"cn-my-proj-us-west2-a-asm-a""#)
                .and(predicate::str::contains(r#""meshId":"proj-123456789""#))
                .and(predicate::str::contains(r#""network":"my-proj-default""#)),
        );
}

/// Seed 000: the remote Secret's key was the cluster's bare name, istiod's ID another.
#[test]
fn what_comes_out_names_the_remote_secret() {
    let record = tool(&[]).write_stdin(gke("p", "l", "asm-a")).output().unwrap().stdout;
    let record = String::from_utf8(record).unwrap();
    // A second pass keeps what the first one found.
    tool(&["--scheme", "name", "--network", "other"])
        .write_stdin(record.as_str())
        .assert()
        .success()
        .stdout(record.clone());
}

/// Names that asmcli's substitution makes alike.
#[test]
fn collisions_are_findings() {
    let clusters = gke("a-b", "c", "d") + &gke("a", "b-c", "d");
    tool(&["-o", "table"])
        .write_stdin(clusters.as_str())
        .assert()
        .code(1)
        .stdout("clusters a/b-c/d, a-b/c/d have one ID: cn-a-b-c-d\n");
    tool(&[])
        .write_stdin(clusters)
        .assert()
        .code(1)
        .stdout(predicate::str::starts_with(r#"{"code":"MESH0201","severity":"error","#));
    tool(&["-o", "table"])
        .write_stdin(gke("example.com:p", "l", "a"))
        .assert()
        .code(1)
        .stdout(predicate::str::contains("cn-example.com:p-l-a cannot be the key of a Secret"));
}

#[test]
fn labels_are_updated_only_where_they_are_missing() {
    let clusters = gke("p", "l", "a")
        + &gke("p", "l", "b")
            .replace("\"location\"", "\"resourceLabels\": {\"mesh_id\": \"proj-7\"}, \"location\"");
    tool(&["--labels", "--project-number", "7"])
        .write_stdin(clusters.as_str())
        .assert()
        .success()
        .stdout(
            "gcloud container clusters update a --project=p --location=l \
             --update-labels=mesh_id=proj-7\n",
        );
    tool(&["--labels"])
        .write_stdin(clusters)
        .assert()
        .code(3)
        .stdout("")
        .stderr(predicate::str::contains("cluster p/l/a: its mesh's ID is not known"));
}

#[test]
fn a_shared_vpc_is_warned_of() {
    let cluster = gke("svc", "l", "a").replace("projects/svc/global", "projects/host/global");
    let warning = predicate::str::contains("cluster svc/l/a: is on a shared VPC");
    tool(&[]).write_stdin(cluster.as_str()).assert().success().stderr(warning.clone());
    tool(&["--network", "n"]).write_stdin(cluster).assert().success().stderr(warning.not());
}

#[test]
fn clusters_off_google_take_the_fleet() {
    let context = r#"{"apiVersion":"meshutils/v1alpha1","kind":"Cluster","name":"arn:aws:eks:x:1:cluster/Prod"}"#;
    tool(&["--fleet", "f"])
        .write_stdin(context)
        .assert()
        .success()
        .stdout(predicate::str::contains("\"id\":\"cn-f-global-arn-aws-eks-x-1-cluster-prod\""));
    tool(&["--scheme", "uid"])
        .write_stdin(context)
        .assert()
        .code(3)
        .stderr(predicate::str::contains("has no uid"));
}

#[test]
fn an_id_too_long_for_a_remote_secret_is_warned_of() {
    let long = gke(&"p".repeat(30), "northamerica-northeast1-a", &"c".repeat(30));
    tool(&[]).write_stdin(long).assert().success().stderr(predicate::str::contains(
        "its ID has 90 characters, and istioctl's remote secrets end at 63",
    ));
}

/// Of an attack: `sh` ran what is between the quotes of the finding's JSON.
#[test]
fn label_commands_are_commands_or_nothing() {
    let hostile = gke("p", "l", "b$(touch PWND)");
    for (scheme, clusters, code, reason) in [
        ("auto", hostile.clone(), 1, "cannot be the key of a Secret"),
        ("auto", hostile.clone() + &gke("q", "l", "b$(touch PWND)"), 1, "hint: install it with"),
        ("name", hostile.clone() + &gke("q", "l", "b$(touch PWND)"), 1, "have one ID"),
        ("name", hostile, 3, "of a GKE cluster may have"),
    ] {
        tool(&["--labels", "--scheme", scheme, "--project-number", "7"])
            .write_stdin(clusters)
            .assert()
            .code(code)
            .stdout("")
            .stderr(predicate::str::contains(reason));
    }
}
