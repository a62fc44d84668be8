//! Remote Secrets in, findings out: what istiod would say of them, before it does.
//!
//! What bounds it: its start, of a few Secrets: 690,000 instructions, and 170,000 for each Secret.
//! With `--context` it is API servers: the primary is asked for the names of 500 Secrets at a time,
//! for each remote Secret, and for istiods; then, as with `--dial`, each cluster that a Secret
//! leads to is asked 17 times what its credentials may do, 4 requests at a time, of 16 clusters.

mod live;

pub use meshsecrets::answer::Answer;
pub use meshsecrets::{Check, Istiod, Linted, Origin, Policy, Primary, Remote, RemoteSecret, lint};

use clap::Parser;
use futures::future::try_join_all;
use meshcore::finding::{self, Finding, FindingFormat, Severity};
use meshcore::input::{Input, Source};
use meshcore::{Console, Error, Message, Outcome, Result};
use meshkube::Access;
use meshkube::k8s_openapi::jiff::{SignedDuration, Timestamp};
use meshsecrets::{When, check, now};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  mesh-remote-secret -q --context cluster1 --name cluster1 --server https://192.0.2.1 | mesh-secret-lint --own-id cluster2
  mesh-remote-secret -q --context cluster1 --name cluster1 | mesh-secret-lint --dial --ignore MESH0422 -o json";

/// Check remote Secrets as istiod does, and what it does not
///
/// Reads the remote Secrets of one cluster (`kubectl get secrets,deployments -A -o json`, or what
/// mesh-remote-secret and istioctl write) and writes what is wrong with them. istiod's Deployments
/// in the input say who it is and what it allows; other objects are passed over. With --context,
/// reads both from those clusters, and asks the API server of each remote Secret with the Secret's
/// own token whether it works and what it may do; --dial does the same for Secrets that were read.
/// Neither runs a program nor reads a file that a Secret names, and no token is ever shown. Exit
/// status 1 if any finding is an error.
#[derive(Debug, Parser)]
#[command(name = "mesh-secret-lint", version, before_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Cluster whose remote Secrets to check and to ask with; may be repeated
    #[arg(long, value_name = "CONTEXT", conflicts_with = "files")]
    context: Vec<String>,
    /// Ask the API servers of the Secrets that were read, too
    #[arg(long)]
    dial: bool,
    /// istiod's namespace
    #[arg(short, long, value_name = "NAMESPACE", default_value = "istio-system")]
    namespace: String,
    /// istiod's CLUSTER_ID [default: what its Deployment says]
    #[arg(long, value_name = "ID")]
    own_id: Option<String>,
    /// What istiod allows in kubeconfigs by `PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS`,
    /// besides what its Deployment says
    #[arg(long, value_name = "OPTION", value_delimiter = ',')]
    allow: Vec<String>,
    /// Service accounts, token Secrets and CA of the cluster with this ID, to compare with; may
    /// be repeated
    #[arg(long, value_name = "ID=FILE", value_parser = origin_flag)]
    origin: Vec<(String, PathBuf)>,
    /// Warn of tokens that end within this time, unless their Secret notes when to renew them
    #[arg(long, value_name = "DURATION", default_value = "168h", value_parser = meshkube::parse_duration)]
    expires_within: Duration,
    /// Judge tokens as of this time (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,
    /// Checks to leave out, by code
    #[arg(long, value_name = "CODE", value_delimiter = ',', value_parser = check::by_code)]
    ignore: Vec<Check>,
    /// Exit with status 1 at errors only, or at warnings too
    #[arg(long, value_enum, value_name = "SEVERITY", default_value = "error")]
    fail_on: Severity,
    /// Write the checks instead: code, severity, title
    #[arg(long, conflicts_with_all = ["files", "context", "dial", "origin"])]
    list_checks: bool,
    /// Form: a line for people or of JSON for each finding
    #[arg(short, long, value_enum, default_value = "lines")]
    output: FindingFormat,
    #[command(flatten)]
    access: Access,
}

fn origin_flag(text: &str) -> Result<(String, PathBuf), String> {
    let (id, file) = text
        .split_once('=')
        .filter(|(id, file)| !id.is_empty() && !file.is_empty())
        .ok_or("is not of the form ID=FILE")?;
    Ok((id.to_owned(), PathBuf::from(file)))
}

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "is no time, such as 2026-01-31T12:00:00Z".to_owned())
}

/// Checks the Secrets, offline and, where wanted, by asking.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    if args.list_checks {
        return Ok(Outcome::done(meshcore::check::list(check::ALL, args.output)));
    }
    if args.own_id.is_some() && args.context.len() > 1 {
        return Err(Error::usage("--own-id is for one --context"));
    }
    let policy = args.policy()?;
    let origins = args.origins()?;
    let primaries = args.primaries(console)?;
    let mut all = Linted::default();
    for primary in &primaries {
        let Linted { findings, remotes } = lint(primary, &policy, &origins)?;
        all.findings.extend(findings);
        all.remotes.extend(remotes);
    }
    refuse_unknown_origins(&origins, &primaries)?;
    if args.dial || !args.context.is_empty() {
        let valid = all.remotes.into_iter().filter(|remote| remote.is_valid).collect();
        let answers = meshkube::block_on(async { Ok(live::ask_all(&args.access, valid).await) })?;
        all.findings.extend(answers.iter().flat_map(|(remote, answer)| answer.findings(*remote)));
    }
    Ok(args.outcome(all.findings))
}

impl Args {
    fn policy(&self) -> Result<Policy> {
        let at = match self.at {
            Some(at) => at,
            None => now().map_err(|error| error.hint("give one with --at"))?,
        };
        let ahead = SignedDuration::try_from(self.expires_within)
            .map_err(|_| Error::usage("--expires-within is too long"))?;
        Ok(Policy {
            namespace: self.namespace.clone(),
            own_id: self.own_id.clone(),
            allowed: self.allow.iter().cloned().collect(),
            when: When { at, ahead },
        })
    }

    fn origins(&self) -> Result<BTreeMap<String, Origin>> {
        let mut origins = BTreeMap::new();
        for (id, file) in &self.origin {
            let name = file.display().to_string();
            let bytes = meshcore::file::read(file)?;
            let origin = Origin::read(&Source::new(name, bytes)?)?;
            if origins.insert(id.clone(), origin).is_some() {
                return Err(Error::usage(format!("--origin has the cluster {id} twice")));
            }
        }
        Ok(origins)
    }

    /// The clusters whose istiod reads the Secrets: one of the input, or one for each context.
    fn primaries(&self, console: &Console) -> Result<Vec<Primary>> {
        if self.context.is_empty() {
            return Ok(vec![Primary::read(&self.input.read()?)?]);
        }
        let primaries = meshkube::block_on(async {
            let kubeconfig = self.access.read_kubeconfig(None)?;
            let read = |context| live::read(&self.access, &kubeconfig, context);
            try_join_all(self.context.iter().map(String::as_str).map(read)).await
        })?;
        if primaries.iter().all(|primary| primary.secrets.is_empty()) {
            return Err(Error::cluster("there is no remote secret")
                .at(format!("context {}", self.context.join(", ")))
                .hint("mesh-remote-secret makes them, from the contexts of the other clusters"));
        }
        for primary in primaries.iter().filter(|primary| primary.secrets.is_empty()) {
            let context = primary.context.as_deref().unwrap_or_default();
            let message =
                Message::new("there is no remote secret").at(format!("context {context}"));
            console.warn(&message.hint("its istiod knows no other cluster"));
        }
        Ok(primaries)
    }

    fn outcome(&self, mut findings: Vec<Finding>) -> Outcome {
        findings.retain(|finding| self.ignore.iter().all(|check| check.code != finding.code));
        findings
            .sort_by(|a, b| (&a.object, a.code, &a.message).cmp(&(&b.object, b.code, &b.message)));
        finding::judged(&findings, self.fail_on, self.output)
    }
}

/// A token is not judged against a cluster that the user took for another.
fn refuse_unknown_origins(origins: &BTreeMap<String, Origin>, primaries: &[Primary]) -> Result<()> {
    let known = |id: &str| {
        primaries.iter().flat_map(|primary| &primary.secrets).any(|s| s.ids().any(|i| i == id))
    };
    match origins.keys().find(|id| !known(id)) {
        Some(id) => Err(Error::usage(format!("--origin {id}: no remote secret has this ID"))),
        None => Ok(()),
    }
}
