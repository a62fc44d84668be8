//! The command line.

use crate::change::{DataPlane, Wanted};
use crate::live::DryRun;
use crate::view::View;
use clap::{Args as Flags, Parser, ValueEnum};
use meshcore::input::Input;
use meshcore::{DnsLabel, Error, Network, Result};
use meshkube::Access;

const EXAMPLES: &str = "\
Examples:
  kubectl get namespace sample -o json | mesh-label-ns --rev asm-managed | kubectl replace -f -
  mesh-label-ns --context cluster1 --context cluster2 --rev default --create sample";

/// Label namespaces for injection by one control plane, conflicts removed
///
/// As a filter, reads namespaces (`kubectl get namespace NAME... -o json`) and writes them
/// labelled, for `kubectl replace -f -`; with --patch, their merge patches. With --context,
/// labels the named namespaces of those clusters itself. `istio.io/rev`, `istio-injection` and
/// ambient exclude each other: to set the one removes the others. Pods have to be restarted
/// before they have the sidecar of their new control plane.
///
/// Pods and webhooks, in the input (`kubectl get
/// namespaces,pods,mutatingwebhookconfigurations -A -o json`) or in the clusters, tell who
/// injects whom: a revision or tag that no webhook serves is refused, --simulate shows every pod,
/// --restart-list what has to be restarted. These two write nothing, and without any label to
/// set they show how it is.
#[derive(Debug, Parser)]
#[command(name = "mesh-label-ns", version, before_help = EXAMPLES)]
pub struct Args {
    /// Namespaces to label; as a filter, all of the input when none is named
    #[arg(value_name = "NAMESPACE", value_parser = DnsLabel::parse)]
    pub(crate) namespaces: Vec<DnsLabel>,
    #[command(flatten)]
    pods: Pods,
    /// Network of the cluster's endpoints, for istio-system
    #[arg(long, value_name = "NAME")]
    pub(crate) network: Option<Network>,
    /// Go on when no webhook serves the revision or tag
    #[arg(long)]
    pub(crate) allow_missing_revision: bool,
    #[command(flatten)]
    pub(crate) input: Input,
    /// Write merge patches instead of namespaces, one JSON object per line
    #[arg(long, conflicts_with_all = ["context", "output"])]
    pub(crate) patch: bool,
    /// Show who injects each pod now and after the change, and whether it has to be restarted
    #[arg(long, conflicts_with_all = ["patch", "create", "dry_run"])]
    simulate: bool,
    /// Write the commands that restart what does not run with the sidecar it will get
    #[arg(long, conflicts_with_all = ["patch", "create", "dry_run", "output", "simulate"])]
    restart_list: bool,
    /// Cluster whose namespaces to label; may be repeated
    #[arg(long, value_name = "CONTEXT", requires = "namespaces", conflicts_with = "files")]
    pub(crate) context: Vec<String>,
    /// Create namespaces that are missing, in clusters or among a KRM function's items
    #[arg(long)]
    pub(crate) create: bool,
    /// Say what would be done: "client" only reads, "server" lets the API server check it
    #[arg(long, value_enum, default_value = "none", requires = "context")]
    pub(crate) dry_run: DryRun,
    /// Form of the result: YAML stream or v1 List of namespaces; with --context a line of text
    /// or of JSON for each; of --simulate a line of JSON for each pod, or a table
    #[arg(short, long, value_enum)]
    pub(crate) output: Option<Format>,
    #[command(flatten)]
    pub(crate) access: Access,
    #[command(flatten)]
    pub(crate) krm: meshkrm::Flag,
}

/// What is to become of the pods.
#[derive(Debug, Clone, Flags)]
#[group(multiple = false)]
struct Pods {
    /// Revision, tag or managed channel that is to inject
    #[arg(long, value_name = "REVISION", value_parser = DnsLabel::parse)]
    rev: Option<DnsLabel>,
    /// Let the default control plane inject, or nobody
    #[arg(long, value_enum, value_name = "STATE")]
    injection: Option<State>,
    /// Take the pods into ambient, without sidecars, or keep them out
    #[arg(long, value_enum, value_name = "MODE")]
    dataplane_mode: Option<Mode>,
    /// Remove all labels of injection and ambient
    #[arg(long)]
    remove: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    Enabled,
    Disabled,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Mode {
    Ambient,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Yaml,
    Json,
    Table,
}

impl Args {
    /// Refuses flags that together ask for nothing, or for what there is not.
    pub(crate) fn check(&self) -> Result<()> {
        if self.view().is_none() && self.wanted() == Wanted::default() {
            return Err(Error::usage("nothing is said of the labels").hint(
                "give --rev, --injection, --dataplane-mode, --remove or --network; --simulate \
                 alone shows how it is",
            ));
        }
        match self.output {
            Some(Format::Table) if !self.simulate => {
                Err(Error::usage("-o table is for --simulate"))
            }
            Some(Format::Yaml) if self.simulate => {
                Err(Error::usage("--simulate writes JSON lines or -o table"))
            }
            _ => Ok(()),
        }
    }

    /// Whether it works as a filter of standard input.
    pub(crate) fn reads_stdin(&self) -> bool {
        self.context.is_empty() && !self.input.is_given()
    }

    pub(crate) fn wanted(&self) -> Wanted {
        Wanted { data_plane: self.pods.data_plane(), network: self.network.clone() }
    }

    /// What is to be shown, when nothing is to be done.
    pub(crate) fn view(&self) -> Option<View> {
        match self.output {
            _ if self.restart_list => Some(View::Restarts),
            Some(Format::Table) if self.simulate => Some(View::Table),
            _ => self.simulate.then_some(View::Lines),
        }
    }
}

impl Pods {
    fn data_plane(&self) -> Option<DataPlane> {
        if let Some(revision) = &self.rev {
            return Some(DataPlane::Revision(revision.clone()));
        }
        let of_injection = self.injection.map(|state| match state {
            State::Enabled => DataPlane::Default,
            State::Disabled => DataPlane::NoSidecars,
        });
        let of_mode = self.dataplane_mode.map(|mode| match mode {
            Mode::Ambient => DataPlane::Ambient,
            Mode::None => DataPlane::NoAmbient,
        });
        of_injection.or(of_mode).or(self.remove.then_some(DataPlane::Unlabelled))
    }
}
