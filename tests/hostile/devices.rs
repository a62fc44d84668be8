//! Files that have no end: no program reads one, wherever it is named.

use std::time::Duration;

/// Of an attack: memory ran out.
#[test]
fn no_program_reads_a_device() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for name in ["root-cert.pem", "root-key.pem", "cluster.env"] {
        std::os::unix::fs::symlink("/dev/zero", dir.path().join(name)).expect("it is new");
    }
    let folder = dir.path().to_str().expect("it is text");
    let record = &format!("{folder}/record.json");
    let text = r#"{"apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": "a"}"#;
    std::fs::write(record, text).expect("it can be written");
    for (program, args) in [
        ("mesh-check", "-f /dev/zero"),
        ("mesh-graph", "-f /dev/zero"),
        ("mesh-graph", "-f {record} --findings /dev/zero"),
        ("mesh-plan", "-f /dev/zero"),
        ("mesh-lbcheck", "-f /dev/zero"),
        ("mesh-cidrs", "-f /dev/zero"),
        ("mesh-id", "-f /dev/zero"),
        ("mesh-clusters", "-f /dev/zero"),
        ("mesh-clusters", "--contexts a --kubeconfig /dev/zero"),
        ("mesh-revision", "-f /dev/zero"),
        ("mesh-secret-lint", "-f /dev/zero"),
        ("mesh-context", "--kubeconfig /dev/zero --list"),
        ("mesh-lbaddr", "--context a --kubeconfig /dev/zero"),
        (
            "mesh-cert",
            "--spiffe spiffe://td/ns/a/sa/b --root-cert /dev/zero --ca-cert /dev/zero \
             --ca-key /dev/zero --out /nowhere",
        ),
        ("mesh-cacerts", "init --cluster a --root-dir {folder}"),
        ("mesh-vm-env", "--check {folder}"),
    ] {
        let args = args.replace("{folder}", folder).replace("{record}", record);
        let mut tool = mesh_tests::tool(program);
        let output = tool.env_clear().args(args.split(' ')).timeout(Duration::from_secs(60));
        let output = output.output().expect("it starts");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(said.contains("is a device and not a file"), "{program} {args}: {said}");
        assert!(matches!(output.status.code(), Some(1 | 3)), "{program} {args}: {said}");
    }
}
