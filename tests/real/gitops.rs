//! The pipes of meshutils.7 into repositories and stores of secrets.
//!
//! `sops`, `kubeseal` and gcloud's Secret Manager are stand-ins here: they say what they were
//! given, and kubectl says whether that is what they need.

use crate::clusters::shell_command;
use crate::{Needs, Test};
use mesh_tests::{root, run, write_program};
use serde_json::Value;

pub const TESTS: &[Test] = &[("gitops_pipes_run_as_printed", Needs::Clusters, pipes_run)];

/// The section's literal blocks.
fn blocks() -> Vec<String> {
    let page = std::fs::read_to_string(root().join("man/meshutils.7")).expect("it is there");
    let section = page.split(".Sh GITOPS\n").nth(1).expect("it has the section");
    let section = section.split("\n.Sh ").next().expect("it ends");
    let blocks = section.split(".Bd -literal -offset indent\n").skip(1);
    blocks
        .map(|block| block.split(".Ed\n").next().expect("a block ends").replace("\\e\n", "\\\n"))
        .collect()
}

fn pipes_run() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    // The last argument or standard input is a whole Secret.
    let secret = "#!/bin/sh\nexec kubectl create --dry-run=client -f - -o json\n";
    for name in ["sops", "kubeseal"] {
        write_program(&dir.path().join("bin").join(name), secret);
    }
    let gcloud =
        "#!/bin/sh\ncat > stored && exec kubectl --kubeconfig stored config view -o json\n";
    write_program(&dir.path().join("bin/gcloud"), gcloud);
    let path = std::env::var("PATH").unwrap_or_default();
    let (objects, commands): (Vec<_>, Vec<_>) =
        blocks().into_iter().partition(|block| block.starts_with("apiVersion: "));
    let script = format!("set -e\ngit init -q .\nmkdir cluster1 cluster2\n{}", commands.concat());
    let mut shell = shell_command();
    let tools = mesh_tests::program_dir().display();
    shell.env("PATH", format!("{}:{tools}:{path}", dir.path().join("bin").display()));
    let said = run(shell.args(["-c", &script]).current_dir(&dir), "").ok();
    assert!(said.contains("2 files changed"), "{said}");

    let read = |name: &str| {
        let text = std::fs::read_to_string(dir.path().join(name)).expect(name);
        serde_yaml::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let wave = &read("cluster1/services.yaml")["metadata"]["annotations"];
    assert_eq!(wave["argocd.argoproj.io/sync-wave"], "2");
    let encrypted = read("cluster2/remote-secret-cluster1.yaml");
    assert_eq!(encrypted, read("cluster2/sealed-secret-cluster1.yaml"));
    assert_eq!(encrypted["kind"], "Secret");
    assert_eq!(read("stored")["kind"], "Config");

    // What External Secrets makes has the same name and marks.
    let [external] = &objects[..] else { panic!("{objects:?}") };
    let external: Value = serde_yaml::from_str(external).expect("it is YAML");
    for key in ["name", "namespace"] {
        assert_eq!(external["metadata"][key], encrypted["metadata"][key]);
    }
    let made = &external["spec"]["target"]["template"]["metadata"];
    for (kind, mark) in
        [("labels", "istio/multiCluster"), ("annotations", "networking.istio.io/cluster")]
    {
        assert!(made[kind][mark].is_string());
        assert_eq!(made[kind][mark], encrypted["metadata"][kind][mark]);
    }
    let key = external["spec"]["data"][0]["secretKey"].as_str().expect("a name");
    assert!(encrypted["data"][key].is_string());
}
