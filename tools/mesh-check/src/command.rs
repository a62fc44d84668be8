//! Commands that heal, as somebody at a shell runs them.

use meshcore::cluster::Cluster;
use meshcore::owner::{AS_OURS, TAKE_OVER};
use meshcore::shell::command_line;
use meshstate::ClusterState;

/// The flags that lead a command to one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    kubeconfig: Option<String>,
    context: String,
}

impl Way {
    /// By the context of its capture or record. Where neither tells, the cluster's name stands for
    /// it: a command for another cluster than is meant would do harm.
    #[must_use]
    pub fn to(state: &ClusterState) -> Self {
        let of_record = state.record.as_ref();
        let captured = state.header.as_ref().and_then(|header| header.context.as_ref());
        let recorded = of_record.and_then(|record| record.context.as_ref());
        Self {
            kubeconfig: of_record.and_then(Cluster::own_kubeconfig).map(str::to_owned),
            context: captured.or(recorded).unwrap_or(&state.name).clone(),
        }
    }

    /// The context.
    #[must_use]
    pub fn context(&self) -> &str {
        &self.context
    }

    /// The flags.
    #[must_use]
    pub fn flags(&self) -> Vec<String> {
        let file = self.kubeconfig.iter().flat_map(|file| ["--kubeconfig".into(), file.clone()]);
        file.chain(["--context".to_owned(), self.context.clone()]).collect()
    }

    /// A command line of kubectl, or of a tool that takes the same flags.
    #[must_use]
    pub fn run<S: AsRef<str>>(&self, program: &str, words: impl IntoIterator<Item = S>) -> String {
        let mut line = vec![program.to_owned()];
        line.extend(self.flags());
        line.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        command_line(line)
    }

    /// A command line of kubectl.
    #[must_use]
    pub fn kubectl<S: AsRef<str>>(&self, words: impl IntoIterator<Item = S>) -> String {
        self.run("kubectl", words)
    }

    /// A command line of kubectl that changes an object which may be ours, as us.
    #[must_use]
    pub fn change<S: AsRef<str>>(&self, words: impl IntoIterator<Item = S>) -> String {
        let words = words.into_iter().map(|word| word.as_ref().to_owned());
        self.kubectl(words.chain(AS_OURS.map(str::to_owned)))
    }

    /// What comes after a pipe of manifests.
    #[must_use]
    pub fn apply(&self) -> String {
        self.kubectl(TAKE_OVER)
    }

    /// Restarts the control planes, and waits until they are back.
    #[must_use]
    pub fn restart_istiod(&self, namespace: &str) -> String {
        self.kubectl(["rollout", "restart", "deployment", "-n", namespace, "-l", "app=istiod"])
    }
}

/// What comes after a pipe of manifests for several clusters, which have one kubeconfig.
#[must_use]
pub fn apply_to<'a>(ways: impl IntoIterator<Item = &'a Way>) -> String {
    let mut line = vec!["mesh-apply", "--force-conflicts"];
    let ways: Vec<&Way> = ways.into_iter().collect();
    if let Some(file) = ways.iter().find_map(|way| way.kubeconfig.as_deref()) {
        line.extend(["--kubeconfig", file]);
    }
    line.extend(ways.iter().flat_map(|way| ["--context", &way.context]));
    command_line(line)
}

/// What comes after a pipe of manifests for these clusters.
#[must_use]
pub fn apply_to_all<'a>(ways: impl IntoIterator<Item = &'a Way>) -> String {
    let ways: Vec<&Way> = ways.into_iter().collect();
    if let [way] = ways[..] { way.apply() } else { apply_to(ways) }
}

/// Commands one after the other, each only if the one before it worked.
#[must_use]
pub fn then(commands: impl IntoIterator<Item = String>) -> String {
    commands.into_iter().collect::<Vec<_>>().join(" && ")
}

/// A manifest, piped into the command.
#[must_use]
pub fn piped(manifest: &serde_json::Value, command: &str) -> String {
    // Not echo: that of dash reads the backslashes of JSON.
    format!("{} | {command}", command_line(["printf", "%s\\n", &manifest.to_string()]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_capture_knows_the_way_best() {
        let mut state = ClusterState { name: "a".to_owned(), ..ClusterState::default() };
        assert_eq!(Way::to(&state).kubectl(["get"]), "kubectl --context a get");
        let record = json!({"apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": "a",
            "context": "of record", "kubeconfig": "k"});
        state.record = Some(serde_json::from_value::<Cluster>(record).unwrap());
        // The user did not give that file.
        let line = "kubectl --context 'of record' get";
        assert_eq!(Way::to(&state).kubectl(["get"]), line);
        let header = json!({"apiVersion": "meshutils/v1alpha1", "kind": "Capture",
            "metadata": {"name": "a"}, "context": "live"});
        state.header = Some(serde_json::from_value(header).unwrap());
        assert_eq!(Way::to(&state).kubectl(["get"]), "kubectl --context live get");
    }

    #[test]
    fn manifests_survive_the_shell() {
        let line = piped(&json!({"a": "it's\n"}), "cat");
        assert_eq!(line, r#"printf '%s\n' '{"a":"it'\''s\n"}' | cat"#);
    }
}
