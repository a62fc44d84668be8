//! Every code of the table: a healthy mesh has no finding, and a mesh that is broken in one way has
//! that finding and no other.

use super::mesh::broken::{ALONG, Case, expose_istiod, networking};
use super::mesh::{AT, Mesh, helloworld};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn findings(mesh: &Mesh, args: &[&str]) -> Vec<Value> {
    let mut tool = mesh_tests::tool("mesh-check");
    let assert = tool
        .env_clear()
        .args(["--at", AT, "-o", "json", "-q"])
        .args(args)
        .write_stdin(mesh.text())
        .assert();
    let output = assert.get_output();
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout.clone()).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn codes(findings: &[Value]) -> BTreeSet<&str> {
    findings.iter().filter_map(|finding| finding["code"].as_str()).collect()
}

#[test]
fn a_healthy_mesh_has_no_finding() {
    let found = findings(&Mesh::healthy(), &["--fail-on", "warning"]);
    assert_eq!(found, Vec::<Value>::new());
}

/// Cases that need no more than captures.
fn cases() -> impl Iterator<Item = &'static Case> {
    use super::mesh::broken::{
        CAPTURES, CONTROL_PLANES, FIREWALLS, GATEWAYS, IDENTITY, INJECTION, LINT, MACHINES,
        NETWORKS, ROOTS, SECRETS, SERVICES,
    };
    [
        CAPTURES,
        IDENTITY,
        CONTROL_PLANES,
        SECRETS,
        LINT,
        ROOTS,
        NETWORKS,
        GATEWAYS,
        FIREWALLS,
        INJECTION,
        SERVICES,
        MACHINES,
    ]
    .into_iter()
    .flatten()
}

#[test]
fn a_mesh_that_is_broken_in_one_way_has_that_finding_alone() {
    let mut wrong = Vec::new();
    for (code, break_it) in cases() {
        let mut mesh = Mesh::healthy();
        break_it(&mut mesh);
        let found = findings(&mesh, &[]);
        let along = ALONG.iter().filter(|(of, _)| of == code).map(|(_, along)| *along);
        let expected: BTreeSet<&str> = along.chain([*code]).collect();
        let first = found.first().map(|finding| &finding["code"]);
        if codes(&found) != expected || first != Some(&Value::from(*code)) {
            let lines = found.iter().map(|f| format!("    {} {}", f["code"], f["message"]));
            wrong.push(format!("{code}:\n{}", lines.collect::<Vec<_>>().join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a fix begins with: a program, or a loop of the shell.
const COMMANDS: [&str; 9] = [
    "KUBECONFIG=",
    "chronyc ",
    "for ",
    "gcloud ",
    "helm ",
    "istioctl ",
    "kubectl ",
    "mesh-",
    "printf ",
];

#[test]
fn a_fix_is_a_command_or_nothing() {
    let mut wrong = BTreeSet::new();
    for (_, break_it) in cases() {
        let mut mesh = Mesh::healthy();
        break_it(&mut mesh);
        for finding in findings(&mesh, &[]) {
            let fix = finding["fix"].as_str().expect("text").to_owned();
            if !fix.is_empty() && !COMMANDS.iter().any(|start| fix.starts_with(start)) {
                wrong.insert(format!("{}: {fix}", finding["code"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // With no control plane to choose from.
    let mut mesh = Mesh::healthy();
    mesh.remove("cluster1", "MutatingWebhookConfiguration", "istio-sidecar-injector");
    let unserved = findings(&mesh, &["--only", "MESH0712"]);
    assert!(!unserved.is_empty());
    for finding in &unserved {
        assert!(!finding["fix"].as_str().expect("text").starts_with("install"), "{finding}");
    }
}

/// A revision beside, or instead of, the control plane without one.
fn revision(mesh: &mut Mesh, name: &str) {
    let mut other = mesh.object("cluster1", "Deployment", "istiod").clone();
    other["metadata"]["name"] = json!(format!("istiod-{name}"));
    other["metadata"]["labels"]["istio.io/rev"] = json!(name);
    mesh.add("cluster1", other);
}

#[test]
fn machines_find_istiod_where_a_gateway_leads_to_one_that_is_there() {
    let istiod = |name: &str| {
        let mut service = helloworld();
        service["metadata"] = json!({"name": name, "namespace": "istio-system"});
        service["spec"]["selector"] = json!({"app": "istiod"});
        service
    };
    let codes_of = |change: &dyn Fn(&mut Mesh)| {
        let mut mesh = Mesh::healthy();
        let spec = json!({"address": "10.200.0.9", "serviceAccount": "vm"});
        mesh.add("cluster1", networking("WorkloadEntry", "sample/vm1", &spec));
        change(&mut mesh);
        let found = findings(&mesh, &["--only", "MESH0842,MESH0843"]);
        let fixes = found.iter().map(|finding| finding["fix"].to_string());
        (codes(&found).into_iter().collect::<Vec<_>>().join(","), fixes.collect::<String>())
    };
    let fix = |words: &str| {
        format!(
            "\"mesh-expose istiod {words}--istio-version=1.29.2 | kubectl --context cluster1 apply \
             --server-side --field-manager meshutils --force-conflicts -f -\""
        )
    };
    assert_eq!(codes_of(&|_| {}), ("MESH0842".to_owned(), fix("")));
    // A Gateway alone leads nowhere.
    let no_route = codes_of(&|mesh| {
        expose_istiod(mesh, "cluster1", "istiod");
        mesh.remove("cluster1", "VirtualService", "istiod-vs");
    });
    assert_eq!(no_route.0, "MESH0842");
    let exposed = |mesh: &mut Mesh| {
        mesh.add("cluster1", istiod("istiod"));
        expose_istiod(mesh, "cluster1", "istiod");
    };
    let none = (String::new(), String::new());
    assert_eq!(codes_of(&exposed), none);
    // Any cluster of the mesh does; so does a load balancer of istiod's own.
    let elsewhere = codes_of(&|mesh| {
        mesh.add("cluster3", istiod("istiod"));
        expose_istiod(mesh, "cluster3", "istiod");
    });
    assert_eq!(elsewhere, none);
    let balanced = codes_of(&|mesh| {
        let mut service = istiod("istiod-ilb");
        service["spec"]["type"] = json!("LoadBalancer");
        mesh.add("cluster1", service);
    });
    assert_eq!(balanced, none);
    // Who may not read routes has not seen that there is none.
    let unread = codes_of(&|mesh| {
        let gap = json!({"resource": "virtualservices.networking.istio.io", "reason": "forbidden"});
        mesh.header("cluster2")["notRead"] = json!([gap]);
    });
    assert_eq!(unread, none);
    // The revision that machines follow was uninstalled: its route is replaced, or goes.
    let gone = |of_machines: &str| {
        codes_of(&|mesh| {
            expose_istiod(mesh, "cluster1", of_machines);
            revision(mesh, "1-30");
            mesh.remove("cluster1", "Deployment", "istiod");
            mesh.add("cluster1", istiod("istiod-1-30"));
        })
    };
    assert_eq!(gone("istiod"), ("MESH0843".to_owned(), fix("--revision 1-30 --as-default ")));
    let (code, healed) = gone("istiod-1-28");
    assert_eq!(code, "MESH0843");
    let exposed = fix("--revision 1-30 ");
    assert!(healed.starts_with(exposed.trim_end_matches('"')), "{healed}");
    let end = "&& kubectl --context cluster1 delete virtualservice istiod-vs -n istio-system\"";
    assert!(healed.ends_with(end), "{healed}");
}

/// A finding of --why in a mesh that is broken in one way.
fn why(mesh: &Mesh, question: [&str; 3]) -> Vec<Value> {
    let args = [&["--why"], &question[..]].concat();
    findings(mesh, &args)
}

/// The code of the link that is broken, and its name.
fn broken_link(links: &[Value]) -> Option<(String, String)> {
    let last = links.last().filter(|link| link["holds"] == "no")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Some((text(&last["link"]), text(&last["finding"]["code"])))
}

/// Findings that only `--why` has, as it asks for one service, and the links that they break.
const OF_WHY: &[(Case, &str)] = &[
    (("MESH0726", |mesh| mesh.remove("cluster2", "Service", "helloworld")), "service"),
    (
        ("MESH0727", |mesh| {
            let pod = mesh.object("cluster2", "Pod", "helloworld-abc-1");
            pod["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]);
        }),
        "service",
    ),
    (
        ("MESH0728", |mesh| {
            let local = "serviceSettings:\n- settings: {clusterLocal: true}\n  hosts: \
                         [helloworld.sample.svc.cluster.local]\n";
            let text = "trustDomain: cluster.local\n";
            mesh.config("cluster1", "istio", "mesh", text, &(text.to_owned() + local));
        }),
        "visibility",
    ),
    (
        ("MESH0729", |mesh| {
            let to = json!({"destination": {"host": "other"}});
            let spec = json!({"hosts": ["helloworld"], "http": [{"route": [to]}]});
            mesh.add("cluster1", of_istio("networking", "VirtualService", spec));
        }),
        "routes",
    ),
    (
        ("MESH0730", |mesh| {
            mesh.object("cluster1", "Service", "helloworld")["spec"]["clusterIP"] = json!("None");
        }),
        "name",
    ),
    (
        ("MESH0606", |mesh| {
            let pod = mesh.object("cluster2", "Pod", "helloworld-abc-1");
            pod["metadata"]["labels"]["topology.istio.io/network"] = json!("network1");
        }),
        "network",
    ),
    (
        ("MESH0731", |mesh| {
            mesh.add("cluster2", of_istio("security", "AuthorizationPolicy", json!({})));
        }),
        "authorization",
    ),
];

fn of_istio(group: &str, kind: &str, spec: Value) -> Value {
    json!({
        "apiVersion": format!("{group}.istio.io/v1"), "kind": kind,
        "metadata": {"name": "one", "namespace": "sample"}, "spec": spec,
    })
}

#[test]
fn what_only_one_service_has_breaks_its_chain() {
    for ((code, break_it), link) in OF_WHY {
        let mut mesh = Mesh::healthy();
        break_it(&mut mesh);
        let links = why(&mesh, ["cluster1", "cluster2", "helloworld.sample"]);
        assert_eq!(broken_link(&links), Some(((*link).into(), (*code).into())), "{links:?}");
    }
}

/// istiod takes the caller's own Service where it has one, and the gateway's istiod its own.
#[test]
fn exports_count_where_the_proxies_are() {
    for (cluster, to, link) in [
        ("cluster1", "team", Some("visibility")),
        ("cluster1", "sample", None),
        ("cluster2", "team", Some("gateway")),
        ("cluster2", "sample,istio-system", None),
    ] {
        let mut mesh = Mesh::healthy();
        let service = mesh.object(cluster, "Service", "helloworld");
        service["metadata"]["annotations"] = json!({"networking.istio.io/exportTo": to});
        let links = why(&mesh, ["cluster1", "cluster2", "sample/helloworld"]);
        let broken = link.map(|link| (link.to_owned(), "MESH0728".to_owned()));
        assert_eq!(broken_link(&links), broken, "{cluster} {to}");
    }
}

#[test]
fn in_a_healthy_mesh_every_link_holds() {
    for (from, to, way) in
        [("cluster1", "cluster2", "gateway"), ("cluster2", "cluster3", "network")]
    {
        let links = why(&Mesh::healthy(), [from, to, "helloworld.sample"]);
        assert!(links.iter().all(|link| link["holds"] == "yes"), "{links:?}");
        assert!(links.len() >= 13 && links.iter().any(|link| link["link"] == way), "{links:?}");
    }
}

/// The codes that break the chain from cluster1 to cluster2, and where.
#[test]
fn the_first_broken_link_is_told() {
    for (code, link) in [
        ("MESH0901", "captures"),
        ("MESH0101", "control plane"),
        ("MESH0701", "control plane"),
        ("MESH0473", "credentials"),
        ("MESH0401", "credentials"),
        ("MESH0402", "credentials"),
        ("MESH0422", "credentials"),
        ("MESH0434", "credentials"),
        ("MESH0471", "credentials"),
        ("MESH0531", "trust"),
        ("MESH0722", "name"),
        ("MESH0725", "encryption"),
        ("MESH0711", "client"),
        ("MESH0712", "client"),
        ("MESH0723", "locality"),
    ] {
        let (_, break_it) = cases().find(|(known, _)| *known == code).expect("a case");
        let mut mesh = Mesh::healthy();
        break_it(&mut mesh);
        let links = why(&mesh, ["cluster1", "cluster2", "helloworld.sample"]);
        assert_eq!(broken_link(&links), Some((link.into(), code.into())), "{links:?}");
    }
    // Gateways are broken in cluster1.
    for code in ["MESH0611", "MESH0612", "MESH0613", "MESH0614", "MESH0617", "MESH0619"] {
        let (_, break_it) = cases().find(|(known, _)| *known == code).expect("a case");
        let mut mesh = Mesh::healthy();
        break_it(&mut mesh);
        let links = why(&mesh, ["cluster2", "cluster1", "helloworld.sample"]);
        assert_eq!(broken_link(&links), Some(("gateway".into(), code.into())), "{links:?}");
        // The other way leads through another gateway.
        let links = why(&mesh, ["cluster1", "cluster2", "helloworld.sample"]);
        assert_eq!(broken_link(&links), None, "{code}: {links:?}");
    }
}

/// What is wrong with a third cluster does not matter to two.
#[test]
fn other_clusters_do_not_break_the_chain() {
    for code in ["MESH0903", "MESH0106", "MESH0108"] {
        let (_, break_it) = cases().find(|(known, _)| *known == code).expect("a case");
        let mut mesh = Mesh::healthy();
        break_it(&mut mesh);
        let links = why(&mesh, ["cluster1", "cluster2", "helloworld.sample"]);
        assert_eq!(broken_link(&links), None, "{code}: {links:?}");
    }
    let mut mesh = Mesh::healthy();
    mesh.remove("cluster1", "Secret", "istio-remote-secret-cluster3");
    mesh.object("cluster3", "Deployment", "istiod")["status"] = json!({});
    let links = why(&mesh, ["cluster1", "cluster2", "helloworld.sample"]);
    assert_eq!(broken_link(&links), None, "{links:?}");
}

fn with_rules(mesh: &Mesh, rules: &Value) -> Vec<Value> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), rules.to_string()).expect("it is written");
    findings(mesh, &["--firewall-rules", file.path().to_str().expect("a path")])
}

/// A rule of the network of cluster2 and cluster3.
fn rule(name: &str, sources: &[&str], allowed: Value) -> Value {
    json!({
        "kind": "compute#firewall", "name": name, "direction": "INGRESS", "priority": 900,
        "network": "https://www.googleapis.com/compute/v1/projects/p1/global/networks/central",
        "sourceRanges": sources, "allowed": [allowed],
        "targetTags": ["gke-cluster2-node", "gke-cluster3-node"],
    })
}

#[test]
fn firewall_rules_are_judged_where_they_are_given() {
    let pods = rule("pods", &["10.8.0.0/14", "10.12.0.0/14"], json!({"IPProtocol": "tcp"}));
    let ports = json!({"IPProtocol": "tcp", "ports": ["15017"]});
    let mut webhook = rule("webhook", &["172.16.0.0/16"], ports.clone());
    let mut west = rule("west", &["172.16.0.0/16"], ports);
    west["network"] = json!("projects/p1/global/networks/west");
    west["targetTags"] = json!([]);
    let mesh = Mesh::healthy();
    assert_eq!(with_rules(&mesh, &json!([pods, webhook, west])), Vec::<Value>::new());
    let found = with_rules(&mesh, &json!([webhook, west]));
    assert_eq!(codes(&found), BTreeSet::from(["MESH0311"]));
    let fix = found[0]["fix"].as_str().expect("a command");
    assert!(
        fix.starts_with("gcloud compute firewall-rules create istio-multicluster-pods-cluster2 ")
    );
    assert!(fix.contains("--source-ranges=10.12.0.0/14 --target-tags=gke-cluster2-node"), "{fix}");
    webhook["allowed"][0]["ports"] = json!(["443"]);
    let found = with_rules(&mesh, &json!([pods, webhook, west]));
    assert_eq!(codes(&found), BTreeSet::from(["MESH0312"]));
    assert_eq!(with_rules(&mesh, &json!([])).len(), 5);
    webhook["allowed"][0]["ports"] = json!(["15017"]);
    // The default priority of every tool; and what hardened networks have.
    let mut pods = pods;
    pods["priority"] = json!(1000);
    assert_eq!(with_rules(&mesh, &json!([pods, webhook, west])), Vec::<Value>::new());
    let mut shut = rule("shut", &[], Value::Null);
    shut["direction"] = json!("EGRESS");
    shut["targetTags"] = json!(["gke-cluster2-node"]);
    shut["destinationRanges"] = json!(["0.0.0.0/0"]);
    shut["allowed"] = json!([]);
    shut["denied"] = json!([{"IPProtocol": "all"}]);
    let found = with_rules(&mesh, &json!([pods, webhook, west, shut]));
    assert_eq!(codes(&found), BTreeSet::from(["MESH0313"]));
    assert_eq!(
        found[0]["message"],
        "cluster cluster2: rule shut (priority 900) lets nothing out of its nodes to pods of cluster3"
    );
    assert_eq!(
        found[0]["fix"],
        "gcloud compute firewall-rules create istio-multicluster-egress-cluster2 --network=central \
         --direction=EGRESS --priority=899 --allow=tcp --destination-ranges=10.12.0.0/14 \
         --target-tags=gke-cluster2-node --project=p1 --quiet"
    );
}

/// The gateway that Istio's guide of machines makes with `--single-cluster` has no network.
#[test]
fn a_network_of_machines_is_another_one() {
    let one = |network: &str| {
        let mut mesh = Mesh::healthy();
        let gateway = mesh.object("cluster1", "Service", "istio-eastwestgateway");
        gateway["metadata"]["labels"] = json!({});
        mesh.add(
            "cluster1",
            json!({"apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry",
                "metadata": {"name": "vm", "namespace": "sample"},
                "spec": {"address": "192.0.2.7", "network": network, "labels": {"app": "vm"}}}),
        );
        let text = mesh.text();
        let alone = text.lines().next().expect("a capture").to_owned();
        let mut tool = mesh_tests::tool("mesh-check");
        let only = ["--at", AT, "-o", "json", "-q", "--only", "MESH0611"];
        let ran = tool.env_clear().args(only).write_stdin(alone).assert();
        let text = String::from_utf8(ran.get_output().stdout.clone()).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect::<Vec<Value>>()
    };
    let own = Mesh::healthy().object("cluster1", "Service", "istio-eastwestgateway")["metadata"]
        ["labels"]["topology.istio.io/network"]
        .as_str()
        .expect("a network")
        .to_owned();
    assert_eq!(one(&own), Vec::<Value>::new());
    let found = one("vm-network");
    assert_eq!(found.len(), 1, "{found:?}");
    let fix = found[0]["fix"].as_str().expect("a command");
    let label = format!("topology.istio.io/network={own}");
    assert!(fix.contains("label service istio-eastwestgateway") && fix.contains(&label), "{fix}");
}

#[test]
fn every_code_of_the_table_has_its_case() {
    let listed = findings(&Mesh::healthy(), &["--list"]);
    let of_rules = ["MESH0311", "MESH0312", "MESH0313"];
    let cases = cases().chain(OF_WHY.iter().map(|(case, _)| case)).map(|(code, _)| *code);
    let cases: BTreeSet<&str> = cases.chain(of_rules).collect();
    assert_eq!(codes(&listed), cases);
}
