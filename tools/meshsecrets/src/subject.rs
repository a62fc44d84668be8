//! What a finding is about, and how it is put into words.

use crate::secret::RemoteSecret;
use meshcore::check::Check;
use meshcore::finding::Finding;
use meshcore::owner::{AS_OURS, TAKE_OVER};
use meshcore::shell::command_line;
use serde_json::{Value, json};

/// A Secret, or one cluster in it.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The context of the cluster that it lies in, when it was read from there.
    pub context: Option<&'a str>,
    /// The Secret.
    pub secret: &'a RemoteSecret,
    /// The key.
    pub id: Option<&'a str>,
    /// istiod's namespace.
    pub system_namespace: &'a str,
}

impl<'a> Subject<'a> {
    /// The same Secret, one cluster of it.
    #[must_use]
    pub fn cluster(self, id: &'a str) -> Self {
        Self { id: Some(id), ..self }
    }

    /// `NAMESPACE/NAME` of the Secret.
    #[must_use]
    pub fn object(&self) -> String {
        match &self.secret.namespace {
            Some(namespace) => format!("{namespace}/{}", self.secret.name),
            None => self.secret.name.clone(),
        }
    }

    /// A finding. `text` goes on after "secret NAMESPACE/NAME: cluster ID: "; `evidence` is an
    /// object, to which context and cluster are added.
    #[must_use]
    pub fn finding(&self, check: Check, text: &str, mut evidence: Value, fix: String) -> Finding {
        let object = self.object();
        let mut message = String::new();
        if let Some(context) = self.context {
            message += &format!("context {context}: ");
            evidence["context"] = json!(context);
        }
        message += &format!("secret {object}: ");
        if let Some(id) = self.id {
            message += &format!("cluster {id}: ");
            evidence["cluster"] = json!(id);
        }
        message += text;
        let Check { code, severity, .. } = check;
        Finding { code, severity, object, message, evidence, fix }
    }

    /// A kubectl command line that changes the Secret, as ours.
    #[must_use]
    pub fn change(&self, verb: &str, rest: &[&str]) -> String {
        self.kubectl(verb, &[rest, &AS_OURS].concat())
    }

    fn kubectl(&self, verb: &str, rest: &[&str]) -> String {
        let context = self.context.map(|context| ["--context", context]);
        let namespace = self.secret.namespace.as_deref().map(|namespace| ["-n", namespace]);
        let words = ["kubectl"]
            .into_iter()
            .chain(context.into_iter().flatten())
            .chain([verb, "secret", &self.secret.name])
            .chain(namespace.into_iter().flatten())
            .chain(rest.iter().copied());
        command_line(words)
    }

    /// The command line that takes the cluster out of the Secret, or the Secret with its only one.
    #[must_use]
    pub fn remove(&self) -> String {
        let Some(id) = self.id.filter(|_| self.secret.ids().count() > 1) else {
            return self.kubectl("delete", &[]);
        };
        let patch = json!([{"op": "remove", "path": format!("/data/{id}")}]).to_string();
        self.change("patch", &["--type=json", "-p", &patch])
    }

    /// The command line that puts a new Secret for the cluster into its place, with `flags` for
    /// mesh-remote-secret. `CONTEXT` is the user's to fill in: it is that of the other cluster.
    #[must_use]
    pub fn make_again(&self, flags: &[&str]) -> String {
        let id = self.id.unwrap_or("NAME");
        let mut make = vec!["mesh-remote-secret", "--context", "CONTEXT", "--name", id];
        if self.system_namespace != "istio-system" {
            make.extend(["-n", self.system_namespace]);
        }
        make.extend(flags);
        // Who made the Secret that it takes the place of is not known.
        let mut apply = [&["kubectl"][..], &TAKE_OVER].concat();
        if let Some(context) = self.context {
            apply.extend(["--context", context]);
        }
        format!("{} | {}", command_line(make), command_line(apply))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::check;
    use crate::secret::tests::secret;

    /// A Secret that nothing is wrong with, for findings about what is in it.
    pub(crate) fn remote_secret(annotations: &Value) -> RemoteSecret {
        secret(json!({"metadata": {
            "name": "istio-remote-secret-a", "namespace": "istio-system",
            "labels": {"istio/multiCluster": "true"}, "annotations": annotations,
        }}))
        .unwrap()
    }

    pub(crate) fn subject(secret: &RemoteSecret) -> Subject<'_> {
        Subject { context: None, secret, id: Some("a"), system_namespace: "istio-system" }
    }

    #[test]
    fn findings_say_where_and_what_to_run() {
        let secret = remote_secret(&json!(null));
        let subject = Subject { context: Some("b c"), ..subject(&secret) };
        let finding = subject.finding(check::LABEL, "is lost", json!({"x": 1}), String::new());
        assert_eq!(
            finding.message,
            "context b c: secret istio-system/istio-remote-secret-a: cluster a: is lost"
        );
        assert_eq!(finding.evidence, json!({"x": 1, "context": "b c", "cluster": "a"}));
        assert_eq!(
            subject.change("label", &["a=b"]),
            "kubectl --context 'b c' label secret istio-remote-secret-a -n istio-system a=b \
             --field-manager meshutils"
        );
        assert_eq!(
            subject.make_again(&["--server", "URL"]),
            "mesh-remote-secret --context CONTEXT --name a --server URL | \
             kubectl apply --server-side --field-manager meshutils --force-conflicts -f - \
             --context 'b c'"
        );
    }
}
