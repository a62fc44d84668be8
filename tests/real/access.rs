//! `scripts/kubernetes/access.yaml`: with these rights a tool works, without one of them it says
//! which it lacks.

use crate::clusters::{shell_command, wait_for};
use crate::testbed::Bed;
use crate::{Needs, Test};
use mesh_tests::{Ran, root, run};
use serde_json::{Value, json};
use std::cell::Cell;
use std::path::Path;

pub const TESTS: &[Test] = &[("access_is_the_least_that_tools_need", Needs::Clusters, is_least)];

/// What a tool does with the rights of its role.
struct Use {
    tool: &'static str,
    /// `$N` is a namespace, `$TURN` another number each time.
    script: &'static str,
    /// For each rule what the tool says without it; none where it does without.
    without: &'static [Option<&'static str>],
}

const USES: &[Use] = &[
    Use {
        tool: "mesh-lbaddr",
        script: "mesh-lbaddr --context sa -n $N gateway",
        without: &[Some("services"), Some("nodes")],
    },
    Use {
        tool: "mesh-label-ns",
        script: "mesh-label-ns --context sa --rev default --create new-$TURN &&
                 mesh-label-ns --context sa --simulate $N",
        without: &[
            Some("namespaces"),
            Some("namespaces"),
            Some("mutatingwebhookconfigurations"),
            Some("pods"),
        ],
    },
    Use {
        tool: "mesh-secret-lint",
        script: "mesh-secret-lint --context sa --own-id cluster1; s=$?; [ $s = 1 ] || exit $s",
        without: &[Some("secrets"), Some("secrets"), Some("deployments")],
    },
    Use {
        tool: "mesh-vm-env",
        script: "mesh-vm-env --context sa --name vm -n $N --ingress-ip 192.0.2.1 --out vm-$TURN",
        without: &[Some("workloadgroups"), Some("configmaps"), None, Some("serviceaccounts/token")],
    },
    Use {
        tool: "mesh-remote-secret",
        script: "mesh-remote-secret --context sa --ttl 1h --name cluster1",
        without: &[Some("serviceaccounts"), Some("serviceaccounts/token"), None],
    },
    Use {
        tool: "mesh-apply",
        script: "mesh-apply --context sa -f secret-$TURN.json",
        without: &[Some("secrets"), Some("secrets"), Some("secrets")],
    },
];

fn is_least() {
    let place = Place {
        bed: Bed::start(&["-n", "1", "--istio"]),
        dir: tempfile::tempdir().expect("a temporary folder"),
        turn: Cell::new(0),
    };
    place.prepare();
    let text = std::fs::read_to_string(root().join("scripts/kubernetes/access.yaml"));
    let text = text.expect("it is there");
    let roles: Vec<Value> = serde_yaml::Deserializer::from_str(&text)
        .map(|role| serde::Deserialize::deserialize(role).expect("it is YAML"))
        .collect();
    for role in &roles {
        let name = &role["metadata"]["name"];
        assert!(USES.iter().any(|one| name == one.tool), "{name} is not tried");
    }
    for one in USES {
        let role = roles.iter().find(|role| role["metadata"]["name"] == one.tool);
        place.try_role(one, &role.expect(one.tool)["rules"]);
    }
}

struct Place {
    bed: Bed,
    dir: tempfile::TempDir,
    turn: Cell<usize>,
}

const NAMESPACE: &str = "access";

/// More often nothing is asked; at a tenth of a second each, the server knows its rules long since.
const MAX_TURNS: usize = 300;

impl Place {
    fn shell(&self, kubeconfig: &Path, script: &str) -> Ran {
        let mut shell = shell_command();
        shell.args(["-c", script]).current_dir(&self.dir).env("KUBECONFIG", kubeconfig);
        run(shell.env("N", NAMESPACE).env("TURN", self.turn.get().to_string()), "")
    }

    fn admin(&self, script: &str) -> String {
        self.shell(&self.bed.kubeconfig(), &format!("set -e\n{script}")).ok()
    }

    /// What the tools are asked about, and an account without any right.
    fn prepare(&self) {
        let _ = self.admin(
            r#"
            k='kubectl --context cluster1'
            $k create namespace $N
            $k create serviceaccount sa -n $N
            $k create service nodeport gateway -n $N --tcp 15443
            $k annotate service gateway -n $N 'traffic.istio.io/nodeSelector={"access": "yes"}'
            echo '{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "'$N'", "labels": {"access": "yes"}}}' |
              $k create -f -
            $k get --raw /api/v1/nodes/$N |
              kubectl patch --local -f - -o json --type=merge \
                -p '{"status": {"addresses": [{"type": "ExternalIP", "address": "192.0.2.7"}]}}' |
              $k replace --raw /api/v1/nodes/$N/status -f -
            echo '{"apiVersion": "networking.istio.io/v1", "kind": "WorkloadGroup",
                   "metadata": {"name": "vm", "namespace": "'$N'"},
                   "spec": {"template": {"serviceAccount": "sa"}}}' | $k apply --server-side -f -
            $k create secret generic istio-remote-secret-x -n $N --from-literal x=no
            $k label secret istio-remote-secret-x -n $N istio/multiCluster=true
            $k get configmap istio-ca-root-cert -n istio-system -o json |
              kubectl patch --local -f - -o json --type=merge \
                -p '{"metadata": {"namespace": "'$N'", "resourceVersion": null, "uid": null}}' |
              $k create -f -
            $k create --raw /api/v1/namespaces/$N/serviceaccounts/sa/token -f - > token.json <<END
{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
END
            $k config view --raw --minify --flatten -o json > admin.json
            "#,
        );
        let read = |name: &str| -> Value {
            let text = std::fs::read(self.dir.path().join(name)).expect(name);
            serde_json::from_slice(&text).expect("kubectl writes JSON")
        };
        let mut config = read("admin.json");
        config["users"][0]["user"] = json!({"token": read("token.json")["status"]["token"]});
        config["contexts"][0]["name"] = json!("sa");
        config["current-context"] = json!("sa");
        std::fs::write(self.dir.path().join("config"), config.to_string())
            .expect("it can be written");
    }

    /// Runs the tool as the account.
    fn tool(&self, one: &Use) -> Ran {
        self.turn.set(self.turn.get() + 1);
        let turn = self.turn.get();
        let secret = json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": format!("one-{turn}"), "namespace": NAMESPACE}});
        let file = self.dir.path().join(format!("secret-{turn}.json"));
        std::fs::write(file, secret.to_string()).expect("it can be written");
        self.shell(&self.dir.path().join("config"), one.script)
    }

    /// Gives the account these rules of the role.
    fn allow(&self, one: &Use, rules: &[Value]) {
        let name = one.tool;
        let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": name}, "rules": rules});
        std::fs::write(self.dir.path().join("role.json"), role.to_string())
            .expect("it can be written");
        let _ = self.admin(&format!(
            "kubectl --context cluster1 apply -f role.json
             kubectl --context cluster1 create clusterrolebinding {name} --clusterrole {name} \
               --serviceaccount $N:sa --dry-run=client -o json |
               kubectl --context cluster1 apply -f -"
        ));
    }

    /// Waits until the tool works; the server learns of rules a moment after they are written.
    fn works(&self, one: &Use) {
        self.until(one, |ran| ran.code == Some(0));
    }

    fn until(&self, one: &Use, is_so: impl Fn(&Ran) -> bool) {
        let turns = self.turn.get() + MAX_TURNS;
        wait_for(one.tool, || {
            let ran = self.tool(one);
            assert!(is_so(&ran) || self.turn.get() < turns, "{}: {ran:?}", one.tool);
            is_so(&ran).then_some(())
        });
    }

    fn try_role(&self, one: &Use, rules: &Value) {
        let rules = rules.as_array().expect("a list");
        assert_eq!(rules.len(), one.without.len(), "{}", one.tool);
        for (lacking, told) in one.without.iter().enumerate() {
            self.allow(one, rules);
            self.works(one);
            let mut rest = rules.clone();
            rest.remove(lacking);
            self.allow(one, &rest);
            if let Some(told) = told {
                self.until(one, |ran| {
                    let says = |text: &str| ran.stderr.contains(text);
                    ran.code == Some(4) && says(told) && (says("forbidden") || says("may not"))
                });
            } else {
                self.works(one);
            }
        }
        self.allow(one, &[]);
    }
}
