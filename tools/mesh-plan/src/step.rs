//! A step that is missing, and the order of steps.

use crate::wanted::Member;
use serde::Serialize;
use std::cmp::Reverse;

/// What a step is about, in the order in which a mesh is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// One root for all clusters
    Roots,
    /// Network labels of istiod's namespaces
    Networks,
    /// Control planes
    ControlPlanes,
    /// East-west gateways
    Gateways,
    /// What the gateways give access to
    Exposure,
    /// Remote Secrets
    Secrets,
    /// Firewall rules and authorized networks
    Firewall,
    /// Labels of injected namespaces
    Namespaces,
    /// Restarts of istiod and workloads
    Restarts,
    /// Checks of the result
    Verification,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it is about.
    pub stage: Stage,
    /// The cluster that it is for; none for the mesh as a whole.
    pub cluster: Option<String>,
    /// What it does, without a full stop: "set the network n1".
    pub what: String,
    /// What was seen: "the label is n2".
    pub why: String,
    /// Lines for `sh`, each of which has to work before the next.
    pub command: String,
    /// Lines that take it back; none where nothing does.
    pub undo: Option<String>,
    /// The cluster that does not answer yet.
    pub waits_for: Option<String>,
}

impl Step {
    /// A step on a cluster: what it does, why, and the lines that do it.
    #[must_use]
    pub fn on(
        member: &Member<'_>,
        stage: Stage,
        what: String,
        why: String,
        command: String,
    ) -> Self {
        Self {
            stage,
            cluster: Some(member.name.clone()),
            what,
            why,
            command,
            undo: None,
            waits_for: member.waits(),
        }
    }

    /// The lines that take it back.
    #[must_use]
    pub fn undone_by(mut self, undo: String) -> Self {
        self.undo = Some(undo);
        self
    }
}

impl Stage {
    /// As in `-o json`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Roots => "roots",
            Self::Networks => "networks",
            Self::ControlPlanes => "control-planes",
            Self::Gateways => "gateways",
            Self::Exposure => "exposure",
            Self::Secrets => "secrets",
            Self::Firewall => "firewall",
            Self::Namespaces => "namespaces",
            Self::Restarts => "restarts",
            Self::Verification => "verification",
        }
    }
}

/// In the order in which a mesh is made. What has to wait comes after what has not, and the checks
/// after all: what they find keeps nothing from being done.
pub fn sort(steps: &mut [Step]) {
    let is_check = |step: &Step| step.stage == Stage::Verification;
    steps.sort_by(|a, b| {
        (is_check(a), &a.waits_for, a.stage).cmp(&(is_check(b), &b.waits_for, b.stage))
    });
}

/// The same, but for the stages, which come the other way round.
pub fn sort_backwards(steps: &mut [Step]) {
    let is_check = |step: &Step| step.stage == Stage::Verification;
    steps.sort_by(|a, b| {
        (is_check(a), &a.waits_for, Reverse(a.stage)).cmp(&(
            is_check(b),
            &b.waits_for,
            Reverse(b.stage),
        ))
    });
}
