//! How pods are made anew, as command lines.

use crate::shell;
use std::collections::BTreeSet;
use std::fmt;

/// What has to be made anew for a pod to be made anew.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Workload {
    /// `kubectl rollout restart` does it: `deployment`, `statefulset` or `daemonset`, and its name.
    Rollout(&'static str, String),
    /// The pod of this name, which some controller replaces when it is deleted.
    Replaced(String),
    /// A pod of a Job, and the Job: when it is deleted its work begins again.
    Job(String, String),
    /// A pod of its own: when it is deleted it is gone.
    Alone(String),
}

impl Workload {
    /// What makes a pod anew, by the kind and name of its controller. Pods of a Deployment count as
    /// its own: whoever calls knows whose a `ReplicaSet` is.
    #[must_use]
    pub fn of(pod: &str, owner: Option<(&str, &str)>) -> Self {
        let Some((kind, owner)) = owner else { return Self::Alone(pod.to_owned()) };
        match kind {
            "Deployment" => Self::Rollout("deployment", owner.to_owned()),
            "StatefulSet" => Self::Rollout("statefulset", owner.to_owned()),
            "DaemonSet" => Self::Rollout("daemonset", owner.to_owned()),
            "Job" => Self::Job(pod.to_owned(), owner.to_owned()),
            // The kubelet makes it, from a file on its node.
            "Node" => Self::Alone(pod.to_owned()),
            _ => Self::Replaced(pod.to_owned()),
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rollout(kind, name) => write!(f, "{kind}/{name}"),
            Self::Job(_, job) => write!(f, "job/{job}"),
            Self::Replaced(pod) | Self::Alone(pod) => write!(f, "pod/{pod}"),
        }
    }
}

/// One line for `sh` for each workload of a cluster (a context, or the current one), given with
/// its namespace; a comment where nothing can be restarted without loss.
#[must_use]
pub fn commands(context: Option<&str>, workloads: &BTreeSet<(&str, Workload)>) -> String {
    let line = |(namespace, workload): &(&str, Workload)| match workload {
        Workload::Rollout(..) => {
            kubectl(context, &["rollout", "restart", &workload.to_string()], namespace)
        }
        Workload::Replaced(_) => kubectl(context, &["delete", &workload.to_string()], namespace),
        Workload::Job(pod, job) => by_hand(
            context,
            namespace,
            pod,
            &format!("deleted, the work of job/{job} begins again"),
        ),
        Workload::Alone(pod) => {
            by_hand(context, namespace, pod, "nothing makes it again when it is deleted")
        }
    };
    workloads.iter().fold(String::new(), |out, workload| out + &line(workload) + "\n")
}

/// One line for `sh` for each workload that a controller rolls out: it ends when its new pods are
/// ready, and fails when they are not in time.
#[must_use]
pub fn waits(context: Option<&str>, workloads: &BTreeSet<(&str, Workload)>) -> String {
    let is_rolled_out = |one: &&(&str, Workload)| matches!(one.1, Workload::Rollout(..));
    let line = |(namespace, workload): &(&str, Workload)| {
        let words = ["rollout", "status", &workload.to_string(), "--timeout=10m"];
        kubectl(context, &words, namespace) + "\n"
    };
    workloads.iter().filter(is_rolled_out).map(line).collect()
}

fn kubectl(context: Option<&str>, words: &[&str], namespace: &str) -> String {
    let context = context.iter().flat_map(|context| ["--context", context]);
    let all = ["kubectl"].into_iter().chain(context).chain(words.iter().copied());
    shell::command_line(all.chain(["-n", namespace]))
}

/// A comment ends with its line, so what comes from a cluster must not have lines.
fn by_hand(context: Option<&str>, namespace: &str, pod: &str, why: &str) -> String {
    let context = context.map_or_else(String::new, |context| format!(" of {context}"));
    shell::comment(&format!("restart pod/{pod} in namespace {namespace}{context} by hand: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_has_its_line() {
        let workloads = BTreeSet::from([
            ("a", Workload::Alone("own\nrm -rf /".into())),
            ("a", Workload::Rollout("deployment", "web".into())),
            ("a", Workload::Replaced("rs-1".into())),
            ("a", Workload::Job("j-1".into(), "j".into())),
            ("b", Workload::Rollout("statefulset", "d b".into())),
        ]);
        assert_eq!(
            commands(None, &workloads),
            "kubectl rollout restart deployment/web -n a\n\
             kubectl delete pod/rs-1 -n a\n\
             # restart pod/j-1 in namespace a by hand: deleted, the work of job/j begins again\n\
             # restart pod/own_rm -rf / in namespace a by hand: nothing makes it again when it \
             is deleted\n\
             kubectl rollout restart 'statefulset/d b' -n b\n"
        );
        let one = BTreeSet::from([("a", Workload::Rollout("daemonset", "d".into()))]);
        let at = Some("gke_p_l_c");
        assert_eq!(
            commands(at, &one),
            "kubectl --context gke_p_l_c rollout restart daemonset/d -n a\n"
        );
        let one = BTreeSet::from([("a", Workload::Alone("p".into()))]);
        assert!(commands(at, &one).starts_with("# restart pod/p in namespace a of gke_p_l_c by "));
        assert_eq!(
            waits(at, &workloads),
            "kubectl --context gke_p_l_c rollout status deployment/web --timeout=10m -n a\n\
             kubectl --context gke_p_l_c rollout status 'statefulset/d b' --timeout=10m -n b\n"
        );
    }
}
