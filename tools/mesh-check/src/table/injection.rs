//! Sidecars.

use crate::table::Check;
use meshcore::finding::Severity::{Error, Warning};

pub const CONFLICT: Check = Check {
    code: "MESH0711",
    severity: Error,
    title: "labels of two control planes on one namespace",
    meaning: "The namespace has both istio-injection and istio.io/rev. istio-injection wins, whatever \
        the revision says; where only revisions are installed, nobody injects.",
    remedy: "Keep one of the two: mesh-label-ns removes the other.",
    source: "istio/istio issues 32746 and 43621, analyzer message IST0123",
};

pub const UNSERVED: Check = Check {
    code: "MESH0712",
    severity: Error,
    title: "a namespace labelled for a control plane that is not here",
    meaning: "No webhook of the cluster injects pods for the namespace's label. New pods get no \
        sidecar, and nobody says so.",
    remedy: "Label the namespace for a revision or tag that is here.",
    source: "istio/istio issues 37088 and 48316",
};

pub const NO_SIDECAR: Check = Check {
    code: "MESH0713",
    severity: Warning,
    title: "pods without a sidecar where they would get one",
    meaning: "Pods were made before their namespace was labelled, or while the injector did not \
        answer. They call services of other clusters in plain text, and do not find them.",
    remedy: "Restart their workloads.",
    source: "Istio, analyzer message IST0103",
};

pub const STRAY_SIDECAR: Check = Check {
    code: "MESH0714",
    severity: Warning,
    title: "sidecars of a control plane that is not here",
    meaning: "The pods were injected by a control plane that the cluster has no more. Their proxies \
        have lost their configuration, or will with the next restart.",
    remedy: "Restart their workloads, in a namespace with the label of a control plane that is here.",
    source: "istio.io, setup/upgrade/canary",
};

/// All of them.
pub const ALL: &[Check] = &[CONFLICT, UNSERVED, NO_SIDECAR, STRAY_SIDECAR];
