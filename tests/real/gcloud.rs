//! The real gcloud on a loopback stand-in of the Kubernetes Engine API.

use crate::clusters::shell_command;
use crate::{Needs, Test};
use mesh_tests::{root, run};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

pub const TESTS: &[Test] = &[("gcloud_ranges_equal_the_guides", Needs::Gcloud, equal_the_guides)];

/// gcloud's configuration, and the server that it is sent to.
pub struct StandIn {
    port: u16,
    config: tempfile::TempDir,
}

impl StandIn {
    /// Answers for the clusters of `tests/fixtures/gke-clusters.json` until the process ends.
    pub fn start() -> Self {
        let clusters = std::fs::read_to_string(root().join("tests/fixtures/gke-clusters.json"))
            .expect("the fixture is there");
        let body = format!("{{\"clusters\": {clusters}}}");
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
        let port = listener.local_addr().expect("it is bound").port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away early is no matter.
                let _ = answer(stream, &body);
            }
        });
        let config = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(config.path().join("token"), "none").expect("it can be written");
        Self { port, config }
    }

    /// Points gcloud, wherever the command calls it, to the stand-in.
    pub fn set<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let at = format!("http://127.0.0.1:{}/", self.port);
        command
            .env("CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER", at)
            .env("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", self.config.path().join("token"))
            .env("CLOUDSDK_CONFIG", self.config.path())
            .env("CLOUDSDK_CORE_PROJECT", "my-proj")
            .env("CLOUDSDK_CORE_DISABLE_PROMPTS", "1")
            .env("CLOUDSDK_CORE_DISABLE_USAGE_REPORTING", "1")
            .env("PROJECT_1", "my-proj")
    }
}

fn answer(stream: TcpStream, body: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let known = request.starts_with("GET /v1/projects/my-proj/locations/-/clusters?")
        || request.starts_with("GET /v1/projects/my-proj/locations/-/clusters ");
    let (status, body) = if known { ("200 OK", body) } else { ("404 Not Found", "{}") };
    write!(
        reader.into_inner(),
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

/// The command of the guide for clusters in one project, as it stands there.
const GUIDE: &str = r#"
function join_by { local IFS="$1"; shift; echo "$*"; }
ALL_CLUSTER_CIDRS=$(gcloud container clusters list --project $PROJECT_1 --format='value(clusterIpv4Cidr)' | sort | uniq)
ALL_CLUSTER_CIDRS=$(join_by , $(echo "${ALL_CLUSTER_CIDRS}"))
echo "$ALL_CLUSTER_CIDRS"
"#;

fn equal_the_guides() {
    let stand_in = StandIn::start();
    let guide = run(stand_in.set(Command::new("bash").args(["-c", GUIDE])), "").ok();
    let mut ours = Command::new("sh");
    ours.args([
        "-c",
        "gcloud container clusters list --format=json | \"$0\" --no-aggregate -o csv",
    ]);
    ours.arg(&mesh_tests::programs()["mesh-cidrs"]);
    let ours = run(stand_in.set(&mut ours), "").ok();
    let set = |text: &str| text.trim().split(',').map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(set(&ours), set(&guide));
    assert_eq!(ours, "10.0.0.0/14,10.4.0.0/14,10.64.0.0/14\n");
}

/// A shell with our programs, the test bed's kubeconfig and gcloud on the stand-in, in `dir`.
pub fn shell_with_gcloud(stand_in: &StandIn, dir: &Path, script: &str) -> mesh_tests::Ran {
    let mut shell = shell_command();
    shell.args(["-c", script]).current_dir(dir);
    run(stand_in.set(&mut shell), "")
}
