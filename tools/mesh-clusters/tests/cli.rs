//! The program as a user runs it.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use predicates::prelude::*;

const GCLOUD: &str = r#"[
  {"name": "asm-b", "location": "us-central1-a", "clusterIpv4Cidr": "10.8.0.0/14",
   "selfLink": "https://container.example/v1/projects/my-proj/zones/us-central1-a/clusters/asm-b"},
  {"name": "asm-a", "location": "us-west2-a", "clusterIpv4Cidr": "10.4.0.0/14",
   "selfLink": "https://container.example/v1/projects/my-proj/zones/us-west2-a/clusters/asm-a"}
]"#;

const KUBECONFIG: &str = "
apiVersion: v1
kind: Config
current-context: kind-dev
clusters:
- name: a
  cluster: {server: https://34.1.1.1, certificate-authority-data: Q0E=}
- name: dev
  cluster: {server: https://127.0.0.1:6443}
contexts:
- name: gke_my-proj_us-west2-a_asm-a
  context: {cluster: a, user: a}
- name: kind-dev
  context: {cluster: dev, user: dev}
users:
- name: a
  user: {token: very-secret}
";

fn tool() -> assert_cmd::Command {
    let mut tool = mesh_tests::tool("mesh-clusters");
    tool.env_clear();
    tool
}

fn kubeconfig() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), KUBECONFIG).unwrap();
    file
}

#[test]
fn gcloud_clusters_become_records_sorted_by_name() {
    let expected = concat!(
        r#"{"apiVersion":"meshutils/v1alpha1","kind":"Cluster","name":"asm-a","provider":"gke","#,
        r#""project":"my-proj","location":"us-west2-a","#,
        r#""ranges":[{"cidr":"10.4.0.0/14","kind":"pod","source":"clusterIpv4Cidr"}]}"#,
    );
    tool()
        .write_stdin(GCLOUD)
        .assert()
        .success()
        .stderr("")
        .stdout(predicate::str::starts_with(expected));
}

#[test]
fn a_context_joins_the_gcloud_cluster_of_its_name() {
    let file = kubeconfig();
    let output = tool()
        .args(["-f", "-", "--kubeconfig"])
        .arg(file.path())
        .args(["-o", "table"])
        .write_stdin(GCLOUD)
        .assert()
        .success()
        .stderr("");
    let table = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    let cells: Vec<Vec<&str>> =
        table.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        cells,
        [
            [
                "asm-a",
                "-",
                "-",
                "-",
                "gke",
                "my-proj",
                "us-west2-a",
                "gke_my-proj_us-west2-a_asm-a",
                "10.4.0.0/14",
                "https://34.1.1.1"
            ],
            ["asm-b", "-", "-", "-", "gke", "my-proj", "us-central1-a", "-", "10.8.0.0/14", "-"],
            ["kind-dev", "-", "-", "-", "-", "-", "-", "kind-dev", "-", "https://127.0.0.1:6443"],
        ]
    );
}

#[test]
fn contexts_are_chosen_by_name_from_the_kubeconfig_list() {
    let file = kubeconfig();
    let list = format!("/nowhere:{}", file.path().display());
    tool()
        .env("KUBECONFIG", &list)
        .args(["--contexts", "kind-dev", "-o", "json"])
        .assert()
        .success()
        .stdout(
            predicate::str::contains("\"name\": \"kind-dev\"")
                .and(predicate::str::contains("asm-a").not()),
        );
    tool().env("KUBECONFIG", &list).args(["--contexts", "dev"]).assert().code(2).stdout("").stderr(
        predicate::str::contains("no context \"dev\"")
            .and(predicate::str::contains("hint: it has: gke_my-proj_us-west2-a_asm-a, kind-dev")),
    );
}

#[test]
fn credentials_do_not_come_through() {
    tool()
        .write_stdin(KUBECONFIG)
        .assert()
        .success()
        .stdout(predicate::str::contains("kind-dev").and(predicate::str::contains("secret").not()));
}

#[test]
fn records_pass_through_with_fields_of_others() {
    let record = concat!(
        r#"{"apiVersion":"meshutils/v1alpha1","kind":"Cluster","name":"a","network":"on","#,
        r#""trustDomain":"td","x":[1]}"#,
        "\n"
    );
    tool().write_stdin(record).assert().success().stdout(record);
    tool().arg("-oyaml").write_stdin(record).assert().success().stdout(concat!(
        "apiVersion: meshutils/v1alpha1\nkind: Cluster\nname: a\nnetwork: \"on\"\n",
        "trustDomain: td\nx:\n- 1\n"
    ));
}

#[test]
fn what_describes_no_cluster_is_refused() {
    for (input, message) in [
        ("{\"kind\":\"Pod\"}", "stdin: document 1: is no description of a cluster but a Pod"),
        ("[]", "stdin: holds no objects"),
        ("[{\"name\": 3, \"clusterIpv4Cidr\": \"\"}]", "stdin: document 1: [0].name: invalid type"),
        ("{\"kind\":\"Cluster\",\"apiVersion\":\"meshutils/v9\"}", ".apiVersion: unknown variant"),
    ] {
        tool()
            .write_stdin(input)
            .assert()
            .code(3)
            .stdout("")
            .stderr(predicate::str::contains(message));
    }
    tool()
        .args(["--kubeconfig", "/nowhere/config"])
        .assert()
        .code(3)
        .stderr(predicate::str::contains("/nowhere/config: No such file"));
}
