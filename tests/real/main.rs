//! Tests against real API servers, the real kubectl and gcloud, and valgrind.
//!
//! `scripts/test` brings all of it up. Where something is missing, the tests that need it are
//! counted as ignored and named together with what they lack; nothing here ever uses the
//! clusters of the user's own kubeconfig.

mod access;
mod apply;
mod capture;
mod check;
mod cloud;
mod clusters;
mod clusters_tool;
mod completions;
mod examples;
mod faults;
mod fields;
mod five;
mod gateway;
mod gcloud;
mod gitops;
mod install;
mod instructions;
mod istiod;
mod jobs;
mod join_mesh;
mod krm;
mod label_ns;
mod lbaddr;
mod manuals;
mod mesh;
mod package;
mod plan;
mod probe;
mod readme;
mod remote_secret;
mod request;
mod runbooks;
mod secret_lint;
mod soak;
mod stand_in;
mod testbed;
mod traffic;
mod trust;
mod vm_env;
mod vm_install;
mod vm_join;
mod yaml;

use libtest_mimic::{Arguments, Failed, Trial};
use std::process::{Command, Stdio};

/// What a test cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Kubectl,
    Kustomize,
    Kpt,
    Mandoc,
    Shells,
    Clusters,
    ClustersAndShells,
    Nodes,
    NodesAndEnvoy,
    Whole,
    Judge,
    Gcloud,
    ClustersAndGcloud,
    Installers,
    Nightly(Nightly),
    Nothing,
}

/// What a test of `scripts/nightly` cannot do without: it takes long, or waits for builds of its
/// own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nightly {
    Debian,
    Mesh,
    MeshAndMusl,
    Musl,
    NodesAndMusl,
    Packages,
    Soak,
    Valgrind,
}

/// A test: its name, what it needs, and itself; it panics when it fails.
type Test = (&'static str, Needs, fn());

fn main() {
    let arguments = Arguments::from_args();
    let tests: Vec<Test> = [
        yaml::TESTS,
        clusters_tool::TESTS,
        remote_secret::TESTS,
        secret_lint::TESTS,
        soak::TESTS,
        access::TESTS,
        apply::TESTS,
        capture::TESTS,
        check::TESTS,
        gateway::TESTS,
        label_ns::TESTS,
        join_mesh::TESTS,
        krm::TESTS,
        gcloud::TESTS,
        gitops::TESTS,
        examples::TESTS,
        faults::TESTS,
        fields::TESTS,
        instructions::TESTS,
        install::TESTS,
        istiod::TESTS,
        package::TESTS,
        jobs::TESTS,
        lbaddr::TESTS,
        completions::TESTS,
        manuals::TESTS,
        mesh::TESTS,
        plan::TESTS,
        probe::TESTS,
        readme::TESTS,
        &runbooks::tests(),
        testbed::TESTS,
        traffic::TESTS,
        trust::TESTS,
        vm_env::TESTS,
        vm_install::TESTS,
        vm_join::TESTS,
    ]
    .concat();
    let is_due =
        |(_, needs, _): &Test| mesh_tests::is_nightly() || !matches!(needs, Needs::Nightly(_));
    // What nobody asked for lacks nothing.
    let part = arguments.filter.as_deref().unwrap_or_default();
    let is_asked_for = |(name, ..): &Test| name.contains(part);
    let tests = tests.into_iter().filter(is_due).filter(is_asked_for);
    let trials = tests.map(trial).collect();
    libtest_mimic::run(&arguments, trials).exit();
}

fn trial((name, needs, test): Test) -> Trial {
    let lacking = needs.lacking();
    if let Some(lacking) = lacking {
        #[allow(clippy::print_stderr)] // this is a test's own report
        {
            eprintln!("skipped: {name}: needs {lacking}");
        }
    }
    let run = move || {
        test();
        Ok::<(), Failed>(())
    };
    Trial::test(name, run).with_ignored_flag(lacking.is_some())
}

impl Needs {
    fn lacking(self) -> Option<&'static str> {
        let clusters = || (!clusters::are_there()).then_some("API servers: run scripts/test");
        let gcloud = || (!is_program("gcloud")).then_some("gcloud on PATH");
        let shells = || {
            let missing = ["bash", "zsh", "fish", "script"].iter().any(|name| !is_program(name));
            missing.then_some("bash, zsh, fish and script (of bsdutils) on PATH")
        };
        match self {
            Self::Kubectl => (!is_program("kubectl")).then_some("kubectl on PATH"),
            Self::Kustomize => krm::lacks_kustomize(),
            Self::Kpt => (!is_program("kpt")).then_some("kpt on PATH"),
            Self::Mandoc => (!is_program("mandoc")).then_some("mandoc on PATH"),
            Self::Shells => shells(),
            Self::Clusters => clusters(),
            Self::ClustersAndShells => clusters().or_else(shells),
            Self::Nodes => clusters().or_else(testbed::no_nodes),
            Self::NodesAndEnvoy => {
                clusters().or_else(testbed::no_nodes).or_else(traffic::lacks_envoy)
            }
            Self::Whole => Self::NodesAndEnvoy.lacking().or_else(testbed::lacks_whole),
            Self::Judge => istiod::lacks_judge(),
            Self::Gcloud => gcloud(),
            Self::ClustersAndGcloud => clusters().or_else(gcloud),
            Self::Installers => gateway::lacks_installers(),
            Self::Nightly(nightly) => nightly.lacking(),
            Self::Nothing => None,
        }
    }
}

impl Nightly {
    fn lacking(self) -> Option<&'static str> {
        match self {
            Self::Debian => package::lacks_debian(),
            Self::Mesh => {
                testbed::no_nodes().or_else(traffic::lacks_envoy).or_else(testbed::lacks_whole)
            }
            Self::MeshAndMusl => Self::Mesh.lacking().or_else(package::lacks_musl),
            Self::Musl => package::lacks_musl(),
            Self::NodesAndMusl => Needs::Nodes.lacking().or_else(package::lacks_musl),
            Self::Packages => package::lacks_debian().or_else(package::lacks_musl),
            Self::Soak => Needs::Clusters.lacking().or_else(soak::lacks_time),
            Self::Valgrind => (!is_program("valgrind")).then_some("valgrind on PATH"),
        }
    }
}

fn is_program(name: &str) -> bool {
    let status = Command::new("sh")
        .args(["-c", "command -v \"$0\"", name])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
