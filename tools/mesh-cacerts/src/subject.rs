//! What a finding is about, and how it is put into words.

use crate::found::FileSet;
use meshcore::check::Check;
use meshcore::finding::Finding;
use meshcore::shell::{self, command_line};
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt;

/// What has to be restarted before a fix counts everywhere (Istio 1.18 to 1.30).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Restart {
    /// Nothing: istiod loads a new intermediate below the same roots by itself, and proxies take
    /// it up as they renew their certificates.
    None,
    /// istiod.
    Istiod,
    /// istiod and, when the config maps `istio-ca-root-cert` have changed, all proxies.
    Proxies,
}

impl fmt::Display for Restart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "no restart",
            Self::Istiod => "restart istiod",
            Self::Proxies => "restart istiod, then proxies",
        })
    }
}

/// A set of CA files of a cluster.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The cluster.
    pub cluster: &'a str,
    /// The set.
    pub set: &'a FileSet,
}

impl Subject<'_> {
    /// A finding. `text` goes on after "cluster NAME: secret NAMESPACE/NAME: "; `evidence` is an
    /// object, to which cluster and restart are added.
    #[must_use]
    pub fn finding(
        &self,
        check: Check,
        text: &str,
        evidence: Value,
        (restart, fix): (Restart, String),
    ) -> Finding {
        let secret = if self.set.namespace.is_some() { "secret " } else { "" };
        let object = &self.set.object;
        let text = format!("cluster {}: {secret}{object}: {text}", self.cluster);
        of_clusters(check, (object, &[self.cluster]), text, evidence, (restart, fix))
    }

    /// The fix for what is wrong with the intermediate: another one below the same root.
    #[must_use]
    pub fn new_intermediate(&self) -> (Restart, String) {
        // With several roots a rotation is on its way: init would take it back.
        let roots = self.set.root_cert.as_deref().unwrap_or_default();
        if roots.matches("-----BEGIN CERTIFICATE-----").count() > 1 {
            return (Restart::None, STEPS.to_owned());
        }
        let mut init = vec!["mesh-cacerts", "init", "--root-dir", "DIR", "--cluster", self.cluster];
        let Some(namespace) = &self.set.namespace else {
            let remove = command_line(["rm", "-r", &shell::path(&self.set.object)]);
            init.extend(["--out", "OUT"]);
            return (Restart::None, format!("{remove}; {}", command_line(init)));
        };
        if namespace != "istio-system" {
            init.extend(["-n", namespace]);
        }
        let apply = ["mesh-apply", "--context", self.cluster, "--force-conflicts"];
        (Restart::None, format!("{} | {}", command_line(init), command_line(apply)))
    }
}

const STEPS: &str =
    "mesh-cacerts rotate --root-dir DIR, with the Secrets of all clusters, tells the steps";

/// The fix for what is wrong with a root: another one, in steps.
#[must_use]
pub fn new_root() -> (Restart, String) {
    (Restart::Proxies, STEPS.to_owned())
}

/// A finding about clusters; `text` is the whole message.
#[must_use]
pub fn of_clusters(
    check: Check,
    (object, clusters): (&str, &[&str]),
    text: String,
    mut evidence: Value,
    (restart, fix): (Restart, String),
) -> Finding {
    match clusters {
        [cluster] => evidence["cluster"] = json!(cluster),
        all => evidence["clusters"] = json!(all),
    }
    evidence["restart"] = json!(restart);
    let Check { code, severity, .. } = check;
    Finding { code, severity, object: object.to_owned(), message: text, evidence, fix }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;
    use crate::parsed::tests::{good, set};

    #[test]
    fn findings_say_where_what_to_run_and_what_to_restart() {
        let set = set(good());
        let subject = Subject { cluster: "a b", set: &set };
        let fix = subject.new_intermediate();
        let finding = subject.finding(check::EXPIRES, "ends", json!({"x": 1}), fix);
        assert_eq!(finding.message, "cluster a b: secret istio-system/cacerts: ends");
        assert_eq!(finding.object, "istio-system/cacerts");
        assert_eq!(finding.evidence, json!({"x": 1, "cluster": "a b", "restart": "none"}));
        assert_eq!(
            finding.fix,
            "mesh-cacerts init --root-dir DIR --cluster 'a b' | \
             mesh-apply --context 'a b' --force-conflicts"
        );
        let both = set.root_cert.as_ref().map(|root| root.repeat(2));
        let on_the_way = FileSet { root_cert: both, ..set };
        let subject = Subject { cluster: "a", set: &on_the_way };
        assert_eq!(subject.new_intermediate(), (Restart::None, STEPS.to_owned()));
        let folder =
            FileSet { namespace: None, object: "d/a".to_owned(), root_cert: None, ..on_the_way };
        let (_, fix) = Subject { cluster: "a", set: &folder }.new_intermediate();
        assert_eq!(fix, "rm -r d/a; mesh-cacerts init --root-dir DIR --cluster a --out OUT");
    }
}
