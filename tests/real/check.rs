//! mesh-check on a joined mesh of API servers: it is silent; broken in ten ways, it names the
//! cause first, the link that breaks, and the command that heals it.

use crate::clusters::{DeadServer, wait_for};
use crate::testbed::Bed;
use crate::{Needs, Test};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mesh_tests::{Ran, run};
use serde_json::{Value, json};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

pub const TESTS: &[Test] =
    &[("check_names_the_cause_and_heals_it", Needs::Clusters, names_the_cause_and_heals_it)];

const CONTEXTS: [&str; 3] = ["cluster1", "cluster2", "cluster3"];
const GATEWAY: &str = "/api/v1/namespaces/istio-system/services/istio-eastwestgateway";

/// A way to break the mesh between cluster1, which calls, and cluster2.
struct Breakage {
    breaks: fn(&Mesh),
    /// The first finding.
    code: &'static str,
    /// Where --why stops.
    link: &'static str,
    /// What no command does here, while the printed one runs.
    by_hand: fn(&Mesh),
}

const BREAKAGES: [Breakage; 9] = [
    // A token expires: the first, as what a fix makes may have none that does.
    Breakage {
        breaks: |mesh| mesh.edit_credentials(|config| expire(&mut config["users"][0]["user"])),
        code: "MESH0434",
        link: "credentials",
        by_hand: nothing,
    },
    // A Secret is deleted.
    Breakage {
        breaks: |mesh| {
            mesh.ok("kubectl --context cluster1 delete secret istio-remote-secret-cluster2 \
                     -n istio-system");
        },
        code: "MESH0473",
        link: "credentials",
        by_hand: nothing,
    },
    // A cluster gets a CA of another root.
    Breakage {
        breaks: |mesh| {
            mesh.ok("mesh-cacerts init -q --key ecdsa-p256 --root-dir other --cluster cluster2 |
                       mesh-apply --force-conflicts --context cluster2 &&
                     kubectl --context cluster2 rollout restart deployment/istiod -n istio-system");
        },
        code: "MESH0531",
        link: "trust",
        by_hand: nothing,
    },
    // A gateway is labelled with another network.
    Breakage {
        breaks: |mesh| {
            mesh.ok("kubectl --context cluster2 label --overwrite service istio-eastwestgateway \
                     -n istio-system topology.istio.io/network=other");
        },
        code: "MESH0612",
        link: "gateway",
        by_hand: nothing,
    },
    // A cluster is installed with the ID of another one.
    Breakage {
        breaks: |mesh| {
            mesh.ok("kubectl --context cluster2 set env deployment/istiod -n istio-system \
                     CLUSTER_ID=cluster1");
        },
        code: "MESH0101",
        link: "control plane",
        by_hand: nothing,
    },
    // A Secret leads to this machine.
    Breakage {
        breaks: |mesh| {
            mesh.edit_credentials(|config| {
                config["clusters"][0]["cluster"]["server"] = json!("https://127.0.0.1:6443");
            });
        },
        code: "MESH0422",
        link: "credentials",
        by_hand: nothing,
    },
    // A Secret lies where istiod does not look.
    Breakage {
        breaks: |mesh| {
            mesh.ok("secret='secret istio-remote-secret-cluster2 -n istio-system'
                     kubectl --context cluster1 get $secret -o yaml |
                       sed -e '/^  resourceVersion:/d' -e '/^  uid:/d' -e '/^  namespace:/d' |
                       kubectl --context cluster1 apply --server-side -n default -f - &&
                     kubectl --context cluster1 delete $secret");
        },
        code: "MESH0401",
        link: "credentials",
        by_hand: nothing,
    },
    // A gateway loses its address, which the load balancer's controller gives it again.
    Breakage {
        breaks: |mesh| mesh.balance("cluster2", &json!({})),
        code: "MESH0614",
        link: "gateway",
        by_hand: |mesh| mesh.balance("cluster2", &json!({"ingress": [{"ip": "192.0.2.2"}]})),
    },
    // A namespace is labelled for two control planes.
    Breakage {
        breaks: |mesh| {
            mesh.ok("kubectl --context cluster1 label namespace sample istio.io/rev=default");
        },
        code: "MESH0711",
        link: "client",
        by_hand: nothing,
    },
];

fn nothing(_: &Mesh) {}

fn names_the_cause_and_heals_it() {
    let mesh = Mesh::join();
    assert_eq!(mesh.findings(""), [Value::Null; 0]);
    let links = mesh.links();
    // Nobody knows the addresses that the Secrets have.
    let is_whole = |link: &Value| link["holds"] == "yes" || link["link"] == "credentials";
    assert!(links.len() == 13 && links.iter().all(is_whole), "{links:?}");

    for Breakage { breaks, code, link, by_hand } in BREAKAGES {
        breaks(&mesh);
        let fix = mesh.is_broken(code, link);
        mesh.while_it_runs(&fix, by_hand);
        mesh.is_whole(&fix);
    }

    // What the fixes have written is ours: the next token meets no other owner.
    let rotate = "mesh-remote-secret -q --context cluster2 --ttl 1440h \
                  --server https://203.0.113.2:6443 |
                  mesh-apply -q --context cluster1 --context cluster3";
    mesh.ok(rotate);
    mesh.is_whole(rotate);

    // An API server that does not answer is asked by the printed command, and started by hand.
    let dead = DeadServer::kill(&mesh.bed.dir().join("cluster2"));
    let fix = mesh.is_broken("MESH0901", "captures");
    assert_ne!(mesh.shell(&fix).code, Some(0), "{fix}");
    let _alive = dead.restart();
    wait_for("the API server", || (mesh.shell(&fix).code == Some(0)).then_some(()));
    mesh.is_whole(&fix);
}

/// Makes a token one that ended an hour ago, after as long a life.
fn expire(user: &mut Value) {
    let token = user["token"].as_str().expect("a token").to_owned();
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("the token is no JWT")
    };
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64");
    let mut claims: Value = serde_json::from_slice(&claims).expect("it is JSON");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    let by = claims["exp"].as_u64().expect("it ends") - (now - 3600);
    for name in ["exp", "iat", "nbf"] {
        claims[name] = json!(claims[name].as_u64().expect("a time") - by);
    }
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    user["token"] = json!(format!("{header}.{claims}.{signature}"));
}

/// Three clusters of the test's own, and the folder in which commands run.
struct Mesh {
    bed: Bed,
    files: tempfile::TempDir,
}

impl Mesh {
    /// Clusters of three networks, with one root, gateways, a service, and credentials for each
    /// other at addresses that could be anywhere.
    fn join() -> Self {
        let bed = Bed::start(&["-n", "3", "--istio"]);
        let mesh = Self { bed, files: tempfile::tempdir().expect("a temporary folder") };
        mesh.ok("mesh-cacerts init -q --key ecdsa-p256 --root-dir mesh-root \
               --cluster cluster1 --cluster cluster2 --cluster cluster3 |
               mesh-apply --context cluster1 --context cluster2 --context cluster3");
        for (context, i) in CONTEXTS.iter().zip(1..) {
            // Nobody injects here: the proxies stand in the templates.
            mesh.ok(&format!(
                r#"set -e
                kubectl --context {context} set image deployment/istiod -n istio-system \
                  discovery=istio/pilot:1.30.4
                mesh-gateway-gen -q --network network{i} --istio-version 1.30.4 -o manifests |
                  sed 's|image: auto|image: istio/proxyv2:1.30.4|' |
                  mesh-apply --context {context}
                mesh-expose services --istio-version 1.30.4 | mesh-apply --context {context}
                mesh-label-ns --context {context} --injection enabled --create sample
                mesh-sample helloworld --service --version v1 -n sample |
                  mesh-apply --context {context}
                kubectl --context {context} patch deployment helloworld-v1 -n sample -p '
                  {{"spec": {{"template": {{
                    "metadata": {{"annotations":
                      {{"sidecar.istio.io/status": "{{\"revision\":\"default\"}}"}}}},
                    "spec": {{"containers":
                      [{{"name": "istio-proxy", "image": "istio/proxyv2:1.30.4"}}]}}}}}}}}'
                for other in {others}; do
                  mesh-remote-secret -q --context {context} --ttl 1440h \
                    --server https://203.0.113.{i}:6443 |
                    mesh-apply -q --context $other
                done"#,
                others = CONTEXTS.map(|other| if other == *context { "" } else { other }).join(" "),
            ));
            mesh.balance(context, &json!({"ingress": [{"ip": format!("192.0.2.{i}")}]}));
        }
        wait_for("the pods", || mesh.is_at_rest().then_some(()));
        mesh
    }

    fn command(&self, script: &str) -> Command {
        let mut command = self.bed.shell(script);
        command.current_dir(self.files.path());
        command
    }

    fn shell(&self, script: &str) -> Ran {
        run(&mut self.command(script), "")
    }

    fn ok(&self, script: &str) {
        let _ = self.shell(script).ok();
    }

    fn get(&self, context: &str, args: &str) -> Option<Value> {
        let ran = self.shell(&format!("kubectl --context {context} get -o json {args}"));
        serde_json::from_str(&ran.stdout).ok()
    }

    /// Writes the status of an object, if it is still as it was.
    fn set_status(&self, context: &str, path: &str, object: &Value) -> Ran {
        let script = format!("kubectl --context {context} replace --raw {path}/status -f -");
        run(&mut self.command(&script), &object.to_string())
    }

    /// What a cloud's controller says of the gateway.
    fn balance(&self, context: &str, balancer: &Value) {
        let service = self.get(context, "service istio-eastwestgateway -n istio-system");
        let mut service = service.expect("there is a gateway");
        service["status"]["loadBalancer"] = balancer.clone();
        let _ = self.set_status(context, GATEWAY, &service).ok();
    }

    /// Does for each cluster what nodes and istiod do where there are some; whether there was
    /// nothing to do.
    fn is_at_rest(&self) -> bool {
        CONTEXTS.map(|context| self.run_pods(context) && self.publish_root(context)) == [true; 3]
    }

    /// Nodes run the pods that are not ready.
    fn run_pods(&self, context: &str) -> bool {
        let Some(pods) = self.get(context, "pods -A") else { return false };
        let is_ready = |pod: &&Value| {
            let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
            conditions.into_iter().any(|one| one["type"] == "Ready" && one["status"] == "True")
        };
        let pods = pods["items"].as_array().expect("a list has items");
        let waiting: Vec<&Value> = pods.iter().filter(|pod| !is_ready(pod)).collect();
        for pod in &waiting {
            let metadata = &pod["metadata"];
            let [namespace, name] = [&metadata["namespace"], &metadata["name"]]
                .map(|value| value.as_str().expect("each has one"));
            let mut pod = (*pod).clone();
            pod["status"]["phase"] = json!("Running");
            pod["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
            let path = format!("/api/v1/namespaces/{namespace}/pods/{name}");
            // One that has gone in the meantime is looked for no more.
            let _ = self.set_status(context, &path, &pod);
        }
        // A Deployment may be about to make others.
        let deployments = self.get(context, "deployments -A").unwrap_or_default();
        let is_done = |one: &Value| {
            let (wanted, status) = (&one["spec"]["replicas"], &one["status"]);
            one["metadata"]["generation"] == status["observedGeneration"]
                && ["replicas", "updatedReplicas", "readyReplicas"]
                    .iter()
                    .all(|count| &status[count] == wanted)
        };
        waiting.is_empty()
            && deployments["items"].as_array().is_some_and(|all| all.iter().all(is_done))
    }

    /// Istiod publishes the root of its CA.
    fn publish_root(&self, context: &str) -> bool {
        let root = |kind: &str, name: &str| {
            let object = self.get(context, &format!("{kind} {name} -n istio-system"))?;
            Some(object["data"]["root-cert.pem"].as_str()?.to_owned())
        };
        let Some(own) = root("secret", "cacerts") else { return false };
        let own = String::from_utf8(STANDARD.decode(own).expect("base64")).expect("PEM");
        if root("configmap", "istio-ca-root-cert").as_ref() == Some(&own) {
            return true;
        }
        let patch = json!({"data": {"root-cert.pem": own}}).to_string();
        self.ok(&format!(
            "kubectl --context {context} patch configmap istio-ca-root-cert -n istio-system -p '{patch}'"
        ));
        false
    }

    /// Changes what cluster1 has of cluster2.
    fn edit_credentials(&self, edit: impl FnOnce(&mut Value)) {
        let secret = self.get("cluster1", "secret istio-remote-secret-cluster2 -n istio-system");
        let secret = secret.expect("there is a Secret");
        let data = secret["data"]["cluster2"].as_str().expect("it has this key");
        let mut config: Value =
            serde_yaml::from_slice(&STANDARD.decode(data).expect("base64")).expect("YAML");
        edit(&mut config);
        let patch = json!({"data": {"cluster2": STANDARD.encode(config.to_string())}});
        self.ok(&format!(
            "kubectl --context cluster1 patch secret istio-remote-secret-cluster2 \
             -n istio-system -p '{patch}'"
        ));
    }

    /// Reads the clusters anew, and checks them.
    fn findings(&self, flags: &str) -> Vec<Value> {
        let ran = self.shell(&format!(
            "mesh-capture -q --partial --timeout 1s --context cluster1 --context cluster2 \
               --context cluster3 > now.ndjson
             mesh-check -f now.ndjson -o json --fail-on warning {flags}"
        ));
        let found = lines(&ran);
        assert_eq!(ran.code, Some(i32::from(!found.is_empty())), "{ran:?}");
        found
    }

    /// The way from cluster1 to the service in cluster2, as it was read last.
    fn links(&self) -> Vec<Value> {
        let script = "mesh-check -f now.ndjson -o json --why cluster1 cluster2 helloworld.sample";
        lines(&self.shell(script))
    }

    /// The first finding is this one, and the way breaks at this link; the printed fix.
    fn is_broken(&self, code: &str, link: &str) -> String {
        wait_for("the pods", || (code == "MESH0901" || self.is_at_rest()).then_some(()));
        let findings = self.findings(WITHOUT_END);
        let first = findings.first().expect("there is a finding");
        assert_eq!(first["code"], code, "{findings:#?}");
        // Of what it causes nothing is told.
        let errors = findings.iter().filter(|finding| finding["severity"] == "error");
        assert_eq!(errors.count(), 1, "{findings:#?}");
        let links = self.links();
        let (broken, whole) = links.split_last().expect("there are links");
        assert!(whole.iter().all(|link| link["holds"] != "no"), "{links:#?}");
        assert_eq!((&broken["link"], &broken["holds"]), (&json!(link), &json!("no")), "{links:#?}");
        assert_eq!(broken["finding"]["code"], code, "{links:#?}");
        // New roots are for the two that were asked about; all else is mended in one way.
        assert!(link == "trust" || broken["finding"]["fix"] == first["fix"], "{links:#?}");
        first["fix"].as_str().expect("it has one").to_owned()
    }

    /// Runs a fix as printed, while nodes, istiod and hands do their part.
    fn while_it_runs(&self, fix: &str, by_hand: fn(&Self)) {
        let mut command = self.command(fix);
        let running = std::thread::spawn(move || run(&mut command, ""));
        by_hand(self);
        while !running.is_finished() {
            let _ = self.is_at_rest();
        }
        let ran = running.join().expect("it ran");
        assert_eq!(ran.code, Some(0), "{fix}\n{ran:?}");
    }

    fn is_whole(&self, fix: &str) {
        wait_for("the pods", || self.is_at_rest().then_some(()));
        let findings = self.findings(WITHOUT_END);
        assert!(findings.is_empty(), "{fix}\n{findings:#?}");
    }
}

/// A Secret that a fix makes has a token without an end, as mesh-remote-secret gives by itself.
const WITHOUT_END: &str = "--skip MESH0436";

fn lines(ran: &Ran) -> Vec<Value> {
    assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
    ran.stdout.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}
