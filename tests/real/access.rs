//! `scripts/kubernetes/access.yaml`: with these rights a tool works, without one of them it says
//! which it lacks.

use crate::clusters::{shell_command, wait_for};
use crate::testbed::{Bed, with_nodes};
use crate::{Needs, Test};
use mesh_tests::{LIVE, Ran, root, run};
use serde_json::{Value, json};
use std::cell::Cell;
use std::path::{Path, PathBuf};

pub const TESTS: &[Test] = &[
    ("access_is_the_least_that_tools_need", Needs::Clusters, is_least),
    ("access_is_the_least_that_probes_need", Needs::Nodes, is_least_for_probes),
];

/// What a tool does with the rights of its role.
struct Use {
    tool: &'static str,
    /// `$N` is a namespace, `$TURN` another number each time.
    script: &'static str,
    /// Rights that are for other flags, or for what these clusters do not have.
    spared: &'static [&'static str],
}

const USES: &[Use] = &[
    Use { tool: "mesh-lbaddr", script: "mesh-lbaddr --context sa -n $N gateway", spared: &[] },
    Use {
        tool: "mesh-label-ns",
        script: "mesh-label-ns --context sa --rev default --create new-$TURN &&
                 mesh-label-ns --context sa --network n$TURN $N &&
                 mesh-label-ns --context sa --simulate $N",
        spared: &[],
    },
    Use {
        tool: "mesh-secret-lint",
        script: "mesh-secret-lint --context sa --own-id cluster1; s=$?; [ $s = 1 ] || exit $s",
        spared: &[],
    },
    Use {
        tool: "mesh-vm-env",
        script: "mesh-vm-env --context sa --name vm -n $N --ingress-ip 192.0.2.1 --out vm-$TURN",
        spared: &["get services"],
    },
    Use {
        tool: "mesh-remote-secret",
        script: "mesh-remote-secret --context sa --ttl 1h --name cluster1",
        spared: &["list deployments"],
    },
    Use { tool: "mesh-apply", script: "mesh-apply --context sa -f secret-$TURN.json", spared: &[] },
    // It goes on without, and says in the capture what it could not read.
    Use {
        tool: "mesh-capture",
        script: r#"mesh-capture -q --context sa > capture.json || exit $?
                   sed -n 's/.*\("notRead":\[[^]]*\]\).*/\1/p' capture.json > gaps
                   [ -s gaps ] || exit 0
                   cat gaps >&2; exit 4"#,
        spared: &[
            "get configmaps",
            "list peerauthentications",
            "list authorizationpolicies",
            "list gateways.gateway.networking.k8s.io",
            "list controlplanerevisions",
        ],
    },
];

/// Whatever the client answers, it was asked.
const PROBE: Use = Use {
    tool: "mesh-probe",
    script: "mesh-probe -q --context sa -n $N --count 1 --url http://127.0.0.1:1",
    spared: &[],
};

fn is_least() {
    let bed = Bed::start(&["-n", "1", "--istio"]);
    let place = Place::new(bed.kubeconfig());
    place.prepare();
    let roles = roles();
    let mut names: Vec<&str> =
        roles.iter().filter_map(|role| role["metadata"]["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, LIVE);
    for one in USES {
        place.try_role(one, &roles);
    }
}

fn is_least_for_probes() {
    let place = Place::new(with_nodes().join("kubeconfig"));
    place.make_account();
    let _ = place.admin(
        "mesh-sample sleep -n $N --image localhost/tools:1 --image-pull-policy Never |
           kubectl --context cluster1 apply --server-side -f -
         kubectl --context cluster1 -n $N wait --for=condition=Available --timeout=120s deploy/sleep",
    );
    place.try_role(&PROBE, &roles());
    let _ = place.admin("kubectl --context cluster1 delete namespace $N --wait=false");
}

fn roles() -> Vec<Value> {
    let text = std::fs::read_to_string(root().join("scripts/kubernetes/access.yaml"));
    serde_yaml::Deserializer::from_str(&text.expect("it is there"))
        .map(|role| serde::Deserialize::deserialize(role).expect("it is YAML"))
        .collect()
}

/// Each right of a role as a rule of its own, by its verb and resource.
fn rights(rules: &Value) -> Vec<(String, Value)> {
    let texts = |value: &Value| -> Vec<String> {
        let items = value.as_array().expect("a list").iter();
        items.map(|item| item.as_str().expect("a text").to_owned()).collect()
    };
    let mut all = Vec::new();
    for rule in rules.as_array().expect("a list") {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                for verb in texts(&rule["verbs"]) {
                    // Two groups have gateways.
                    let full = match group.as_str() {
                        "gateway.networking.k8s.io" => format!("{resource}.{group}"),
                        _ => resource.clone(),
                    };
                    let rule =
                        json!({"apiGroups": [group], "resources": [resource], "verbs": [verb]});
                    all.push((format!("{verb} {full}"), rule));
                }
            }
        }
    }
    all
}

struct Place {
    /// The administrator's.
    kubeconfig: PathBuf,
    dir: tempfile::TempDir,
    turn: Cell<usize>,
}

const NAMESPACE: &str = "access";

/// More often nothing is asked; at a tenth of a second each, the server knows its rules long since.
const MAX_TURNS: usize = 30;

impl Place {
    fn new(kubeconfig: PathBuf) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        Self { kubeconfig, dir, turn: Cell::new(0) }
    }

    fn shell(&self, kubeconfig: &Path, script: &str) -> Ran {
        let mut shell = shell_command();
        shell.args(["-c", script]).current_dir(&self.dir).env("KUBECONFIG", kubeconfig);
        run(shell.env("N", NAMESPACE).env("TURN", self.turn.get().to_string()), "")
    }

    fn admin(&self, script: &str) -> String {
        self.shell(&self.kubeconfig, &format!("set -e\n{script}")).ok()
    }

    /// What the tools are asked about.
    fn prepare(&self) {
        self.make_account();
        let _ = self.admin(
            r#"
            k='kubectl --context cluster1'
            $k create service nodeport gateway -n $N --tcp 15443
            $k annotate service gateway -n $N 'traffic.istio.io/nodeSelector={"access": "yes"}'
            echo '{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "'$N'", "labels": {"access": "yes"}}}' |
              $k create -f -
            $k patch node $N --subresource=status --type=merge \
              -p '{"status": {"addresses": [{"type": "ExternalIP", "address": "192.0.2.7"}]}}'
            echo '{"apiVersion": "networking.istio.io/v1", "kind": "WorkloadGroup",
                   "metadata": {"name": "vm", "namespace": "'$N'"},
                   "spec": {"template": {"serviceAccount": "sa"}}}' | $k apply --server-side -f -
            $k create secret generic istio-remote-secret-x -n $N --from-literal x=no
            $k label secret istio-remote-secret-x -n $N istio/multiCluster=true
            $k get configmap istio-ca-root-cert -n istio-system -o json |
              kubectl patch --local -f - -o json --type=merge \
                -p '{"metadata": {"namespace": "'$N'", "resourceVersion": null, "uid": null}}' |
              $k create -f -
            "#,
        );
    }

    /// An account without any right.
    fn make_account(&self) {
        let _ = self.admin(
            r#"
            k='kubectl --context cluster1'
            $k create namespace $N
            $k create serviceaccount sa -n $N
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
        self.until(one, "all that it needs", |ran| ran.code == Some(0));
    }

    fn until(&self, one: &Use, with: &str, is_so: impl Fn(&Ran) -> bool) {
        let turns = self.turn.get() + MAX_TURNS;
        let place = format!("{} with {with}", one.tool);
        wait_for(&place, || {
            let ran = self.tool(one);
            assert!(is_so(&ran) || self.turn.get() < turns, "{place}: {ran:?}");
            is_so(&ran).then_some(())
        });
    }

    fn try_role(&self, one: &Use, roles: &[Value]) {
        let role = roles.iter().find(|role| role["metadata"]["name"] == one.tool);
        let rights = rights(&role.expect(one.tool)["rules"]);
        let rules = |without: &str| -> Vec<Value> {
            let rest = rights.iter().filter(|(right, _)| right != without);
            rest.map(|(_, rule)| rule.clone()).collect()
        };
        for right in one.spared {
            assert!(rights.iter().any(|(known, _)| known == right), "{}: {right}", one.tool);
        }
        for (right, _) in &rights {
            self.allow(one, &rules(""));
            self.works(one);
            self.allow(one, &rules(right));
            let lacking = right.split([' ', '.']).nth(1).expect("a resource");
            if one.spared.contains(&right.as_str()) {
                self.works(one);
            } else {
                self.until(one, &format!("all but {right}"), |ran| {
                    let says = |text: &str| ran.stderr.contains(text);
                    let refused = ["forbidden", "may not", "cannot"].into_iter().any(says);
                    ran.code == Some(4) && says(lacking) && refused
                });
            }
        }
        self.allow(one, &[]);
    }
}
