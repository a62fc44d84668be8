//! Which programs are run with which secrets, and where these may then be.

use super::api::MOODS;
use super::finder::Finder;
use super::site::Documents;
use mesh_tests::LIVE;
use serde_json::{Value, json};

/// Stands for the folder with files, in arguments.
pub const FILES: &str = "{files}";

/// Where secrets may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    /// Nowhere.
    Nowhere,
    /// In the output and in files of mode 0600; there they have to be, or the case says nothing.
    Output,
    /// So may keys that the run makes, and nothing else.
    Made,
}

/// What a program is asked.
pub struct Case {
    pub program: &'static str,
    /// Separated by blanks.
    pub args: String,
    pub input: String,
    pub may: May,
    /// One of these is the exit code.
    pub codes: &'static [i32],
    /// Whether it is to write files.
    pub writes: bool,
}

/// Answers, good or bad.
const ENDS: &[i32] = &[0, 1];
const FAILS: &[i32] = &[2, 3, 4, 5];
const ANYHOW: &[i32] = &[0, 1, 2, 3, 4, 5];

/// All programs with arguments that would be right for an input of their own.
pub const ALL: [(&str, &str); 27] = [
    ("mesh-apply", "--context cluster1 --timeout 1ms"),
    ("mesh-authnets", "--enable"),
    ("mesh-cacerts", "verify"),
    ("mesh-capture", "--timeout 1ms --partial"),
    ("mesh-cert", "verify"),
    ("mesh-check", "-f cluster1=-"),
    ("mesh-cidrs", "-o table --check-overlap"),
    ("mesh-clusters", ""),
    ("mesh-context", ""),
    ("mesh-expose", "services"),
    ("mesh-firewall", "--network n --target-tags a"),
    ("mesh-gateway-gen", "-f - -o manifests"),
    ("mesh-graph", "-f cluster1=-"),
    ("mesh-id", "-o table"),
    ("mesh-install-gen", ""),
    ("mesh-label-ns", "--rev r"),
    ("mesh-lbaddr", ""),
    ("mesh-lbcheck", "-o json"),
    ("mesh-nettags", ""),
    ("mesh-plan", "-o sh"),
    ("mesh-probe", "--context cluster1 --url http://a"),
    ("mesh-remote-secret", ""),
    ("mesh-revision", ""),
    ("mesh-sample", "helloworld"),
    ("mesh-secret-lint", ""),
    ("mesh-vm-env", "-o tar --no-token"),
    ("mesh-vm-service", "a 10.0.0.1 http:80"),
];

/// Those that read no standard input with these arguments.
pub const DEAF: [&str; 4] = ["mesh-expose", "mesh-probe", "mesh-sample", "mesh-vm-service"];

/// What the programs are for.
pub fn meant(documents: &Documents) -> Vec<Case> {
    let mut cases = offline(documents);
    cases.extend(made());
    cases.extend(live(documents));
    cases.extend(functions(documents));
    cases
}

fn case(program: &'static str, args: &str, input: &str, may: May) -> Case {
    let (args, input) = (args.to_owned(), input.to_owned());
    Case { program, args, input, may, codes: ENDS, writes: false }
}

/// What is given on standard input, or as files.
fn offline(documents: &Documents) -> Vec<Case> {
    use May::{Nowhere, Output};
    let kubeconfig = documents.kubeconfig.to_string();
    let token = documents.token_secret.to_string();
    let cluster = documents.cluster.to_string();
    let cacerts = documents.cacerts.to_string();
    let manifest = documents.manifest.to_string();
    let remote = documents.remote_secret.to_string();
    let writes = |case: Case| Case { writes: true, ..case };
    let fails = |case: Case| Case { codes: FAILS, ..case };
    let offline = "--name cluster1 --server https://192.0.2.1";
    vec![
        case("mesh-context", "", &kubeconfig, Output),
        case("mesh-context", "-o json", &kubeconfig, Output),
        case("mesh-context", "--minify --flatten --context certificate", &kubeconfig, Output),
        case("mesh-context", "--list", &kubeconfig, Nowhere),
        writes(case("mesh-context", "--out config", &kubeconfig, Output)),
        fails(case("mesh-context", "--rename a=nobody", &kubeconfig, Nowhere)),
        fails(case("mesh-context", "--minify --context nobody", &kubeconfig, Nowhere)),
        case("mesh-clusters", "-o table", &kubeconfig, Nowhere),
        case("mesh-remote-secret", offline, &token, Output),
        case("mesh-remote-secret", &format!("{offline} --string-data -o json"), &token, Output),
        writes(case("mesh-remote-secret", &format!("{offline} --out a"), &token, Output)),
        fails(case("mesh-remote-secret", &format!("{offline} --out /dev/null/a"), &token, Nowhere)),
        fails(case("mesh-remote-secret", "--name cluster1", &token, Nowhere)),
        fails(case("mesh-remote-secret", &format!("{offline} --ttl 1h"), &token, Nowhere)),
        fails(case(
            "mesh-remote-secret",
            &format!("{offline} --check-endpoint --server https://127.0.0.1:1"),
            &token,
            Nowhere,
        )),
        case(
            "mesh-remote-secret",
            &format!(
                "{offline} --context cluster1 --kubeconfig {FILES}/good --auth-type plugin \
                 --auth-plugin-name oidc --auth-plugin-config client-secret=@{FILES}/client-secret \
                 --certificate-authority {FILES}/root/root-cert.pem"
            ),
            "",
            Output,
        ),
        case("mesh-secret-lint", "", &cluster, Nowhere),
        case("mesh-secret-lint", "-o json --fail-on warning", &cluster, Nowhere),
        case("mesh-secret-lint", "--dial --request-timeout 5s", &cluster, Nowhere),
        case(
            "mesh-apply",
            &format!("--context cluster1 --dry-run client --kubeconfig {FILES}/good"),
            &manifest,
            Nowhere,
        ),
        case("mesh-check", "-f cluster1=-", &cluster, Nowhere),
        case("mesh-check", "-f cluster1=- -o json", &cluster, Nowhere),
        case("mesh-check", "-f cluster1=- -o junit", &cluster, Nowhere),
        case("mesh-graph", "-f cluster1=- -o svg", &cluster, Nowhere),
        case("mesh-graph", "-f cluster1=- -o mermaid", &cluster, Nowhere),
        case("mesh-revision", "", &cluster, Nowhere),
        fails(case("mesh-label-ns", "--rev r", &cluster, Nowhere)),
        fails(case("mesh-label-ns", "--simulate", &cluster, Nowhere)),
        fails(case("mesh-lbaddr", "-o json", &cluster, Nowhere)),
        case("mesh-cacerts", "verify", &cacerts, Nowhere),
        case("mesh-cacerts", "verify -o json", &cluster, Nowhere),
        case("mesh-cacerts", &format!("verify --dir {FILES}/cas -o json"), "", Nowhere),
        case("mesh-cacerts", &format!("rotate --root-dir {FILES}/root"), &cacerts, Nowhere),
        writes(case("mesh-cacerts", "rotate --root-dir new --step 1", &cacerts, Output)),
        case("mesh-cert", &format!("verify --dir {FILES}/certs"), "", Nowhere),
        fails(case("mesh-cert", "verify", &remote, Nowhere)),
        case(
            "mesh-vm-env",
            &format!("-o tar --token-file {FILES}/token"),
            &documents.cluster.to_string(),
            Output,
        ),
        writes(case(
            "mesh-vm-env",
            &format!("--out vm --token-file {FILES}/token"),
            &documents.cluster.to_string(),
            Output,
        )),
        case("mesh-vm-env", &format!("--check {FILES}/certs"), "", Nowhere),
    ]
}

/// Keys that did not exist before.
fn made() -> Vec<Case> {
    let ca = format!("--ca-dir {FILES}/cas/cluster1 --spiffe spiffe://cluster.local/ns/a/sa/b");
    let init = "init --cluster cluster1 --cluster cluster2 --key ecdsa-p256";
    let case = |program, args: &str, writes| Case { writes, ..case(program, args, "", May::Made) };
    vec![
        case("mesh-cert", &format!("{ca} --out certs"), true),
        case("mesh-cert", &format!("{ca} --secret-name a"), false),
        case("mesh-cert", &format!("{ca} --secret-name a -o json"), false),
        case("mesh-cacerts", &format!("{init} --root-dir root --out cas"), true),
        case("mesh-cacerts", &format!("{init} --root-dir {FILES}/root"), false),
        case("mesh-cacerts", &format!("{init} -o json"), false),
    ]
}

/// What comes from an API server, in each of its moods.
fn live(documents: &Documents) -> Vec<Case> {
    use May::{Nowhere, Output};
    let manifest = documents.manifest.to_string();
    let remote = "--name cluster1 --server https://192.0.2.1 --timeout 1s";
    let table: [(&str, String, &str, May, bool); 18] = [
        ("mesh-remote-secret", remote.to_owned(), "", Output, false),
        (
            "mesh-remote-secret",
            format!("{remote} --ttl 1h --certificate-authority {FILES}/root/root-cert.pem"),
            "",
            Output,
            false,
        ),
        ("mesh-remote-secret", format!("{remote} --out a"), "", Output, true),
        ("mesh-secret-lint", String::new(), "", Nowhere, false),
        ("mesh-secret-lint", "-o json".to_owned(), "", Nowhere, false),
        ("mesh-apply", "--timeout 1ms".to_owned(), &manifest, Nowhere, false),
        ("mesh-apply", "--timeout 1ms -o lines --prune".to_owned(), &manifest, Nowhere, false),
        ("mesh-apply", "--timeout 1ms -o diff".to_owned(), &manifest, Nowhere, false),
        ("mesh-apply", "--timeout 1ms --dry-run server".to_owned(), &manifest, Nowhere, false),
        ("mesh-apply", "--timeout 1ms --delete".to_owned(), &manifest, Nowhere, false),
        ("mesh-apply", "--timeout 1ms --leave cluster2".to_owned(), "", Nowhere, false),
        ("mesh-capture", "--timeout 1ms".to_owned(), "", Nowhere, false),
        ("mesh-capture", "--timeout 1ms --partial -o yaml".to_owned(), "", Nowhere, false),
        ("mesh-vm-env", "--name shop -n vms --out vm".to_owned(), "", Output, true),
        ("mesh-vm-env", "--name shop -n vms -o tar".to_owned(), "", Output, false),
        (
            "mesh-label-ns",
            "--rev r --allow-missing-revision istio-system".to_owned(),
            "",
            Nowhere,
            false,
        ),
        ("mesh-lbaddr", "-o json".to_owned(), "", Nowhere, false),
        (
            "mesh-probe",
            format!("--timeout 1s --url http://a --for 1s --finally {FILES}/finally"),
            "",
            Nowhere,
            true,
        ),
    ];
    let mut cases = Vec::new();
    for (program, args, input, may, writes) in table {
        for (_, mood) in MOODS {
            let args = format!("--context cluster1 {args} --kubeconfig {FILES}/{mood}");
            // Nobody makes a Secret without a token, and what is read may do for some.
            let codes = if mood == "good" && program != "mesh-probe" { ENDS } else { ANYHOW };
            let may = if mood == "good" { may } else { May::Nowhere };
            cases.push(Case { program, args, input: input.to_owned(), may, codes, writes });
        }
    }
    // A program that the kubeconfig names gets none of the other secrets, and all live tools run it.
    for program in LIVE {
        let more = match program {
            "mesh-apply" => "--timeout 1ms",
            "mesh-label-ns" => "--rev r istio-system",
            "mesh-probe" => "--url http://a --count 1",
            "mesh-remote-secret" => "--name cluster1 --read-only --server https://192.0.2.1",
            "mesh-vm-env" => "--name shop -n vms -o tar --no-token",
            _ => "",
        };
        for (context, codes) in [
            ("exec", ANYHOW),
            ("basic", FAILS),
            ("certificate", FAILS),
            ("proxied", FAILS),
            ("provider", FAILS),
        ] {
            let args = format!("--context {context} {more} --kubeconfig {FILES}/good");
            let output = context == "exec" && program == "mesh-remote-secret";
            let (may, input) = (if output { Output } else { Nowhere }, manifest.clone());
            // Reports of what cannot be asked are answers, too.
            let codes = if program == "mesh-secret-lint" { ANYHOW } else { codes };
            let writes = context == "exec";
            cases.push(Case { program, args, input, may, codes, writes });
        }
    }
    cases
}

/// Functions of kustomize and kpt let all pass that they do not change.
fn functions(documents: &Documents) -> Vec<Case> {
    let list = json!({"apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList",
        "items": documents.manifest["items"]});
    let of = |program, args| case(program, args, &list.to_string(), May::Output);
    vec![
        of("mesh-gateway-gen", "--krm --network n"),
        of("mesh-expose", "--krm services"),
        of("mesh-sample", "--krm sleep"),
        of("mesh-label-ns", "--krm --rev r"),
        of("mesh-check", "--krm -f cluster1=-"),
    ]
}

/// Every program with what was meant for another, and with what is broken.
pub fn misled(documents: &Documents, finder: &Finder) -> Vec<Case> {
    let all = [
        &documents.kubeconfig,
        &documents.token_secret,
        &documents.remote_secret,
        &documents.cacerts,
        &documents.cluster,
    ];
    let all: Vec<_> = all.into_iter().flat_map(|document| misleading(document, finder)).collect();
    let mut cases = Vec::new();
    for (program, args) in ALL {
        // They were asked for it.
        let passes_on = ["mesh-context", "mesh-remote-secret"].contains(&program);
        let args = if LIVE.contains(&program) {
            format!("{args} --kubeconfig {FILES}/good")
        } else {
            args.to_owned()
        };
        for (input, is_whole) in &all {
            if if *is_whole { passes_on } else { DEAF.contains(&program) } {
                continue;
            }
            cases.push(Case {
                program,
                args: args.clone(),
                input: input.clone(),
                may: May::Nowhere,
                codes: ANYHOW,
                writes: false,
            });
        }
    }
    cases
}

/// A document whole (and that it is), and what is left of it when it is broken.
fn misleading(document: &Value, finder: &Finder) -> [(String, bool); 6] {
    let text = document.to_string();
    let ends: Vec<usize> = (0..text.len()).collect();
    let end = ends.partition_point(|&end| finder.find(&text.as_bytes()[..end]).is_empty());
    [
        // Ends within a secret.
        (text[..end].to_owned(), false),
        (format!("{text}\nnonsense: [{text}"), false),
        (format!("{document:#}").replace(['{', '}', '"', ','], ""), false),
        // A text where an object belongs.
        (json!({"kind": "Secret", "metadata": text, "data": text}).to_string(), false),
        (json!([text]).to_string(), false),
        (text, true),
    ]
}
