//! The guides' own commands and ours, both through the real gcloud; and what gcloud makes of the
//! command lines that we print.

use crate::stand_in::{StandIn, Written};
use crate::{Needs, Test};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub const TESTS: &[Test] = &[
    ("gcloud_ranges_equal_the_guides", Needs::Gcloud, ranges_equal_the_guides),
    ("gcloud_ranges_of_chosen_clusters", Needs::Gcloud, ranges_of_chosen_clusters),
    ("gcloud_seed_003_tags_of_every_machine", Needs::Gcloud, tags_of_every_machine),
    ("gcloud_seed_003_tags_of_a_longer_name", Needs::Gcloud, tags_of_a_longer_name),
    ("gcloud_takes_our_firewall_rules", Needs::Gcloud, takes_our_firewall_rules),
    ("gcloud_seed_000_an_empty_tag_list_is_refused", Needs::Gcloud, an_empty_tag_list_is_refused),
    ("gcloud_takes_our_authorized_networks", Needs::Gcloud, takes_our_authorized_networks),
    ("gcloud_seed_003_display_names_are_lost", Needs::Gcloud, display_names_are_lost),
    ("gcloud_takes_our_labels", Needs::Gcloud, takes_our_labels),
];

fn bash(stand_in: &StandIn, script: &str) -> String {
    stand_in.shell("bash", &std::env::temp_dir(), script).ok()
}

fn sh(stand_in: &StandIn, script: &str) -> String {
    stand_in.shell("sh", &std::env::temp_dir(), script).ok()
}

fn set(text: &str) -> BTreeSet<String> {
    text.trim().split([',', '\n']).map(str::to_owned).collect()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect()
}

/// The command of the guide for clusters in one project (seed 003), as it stands there.
const JOIN_BY: &str =
    "function join_by { local IFS=\"$1\"; shift; echo \"$*\"; }\nPROJECT_1=my-proj\n";

fn ranges_equal_the_guides() {
    let stand_in = StandIn::start();
    let guide = format!(
        "{JOIN_BY}{}",
        r#"ALL_CLUSTER_CIDRS=$(gcloud container clusters list --project $PROJECT_1 --format='value(clusterIpv4Cidr)' | sort | uniq)
ALL_CLUSTER_CIDRS=$(join_by , $(echo "${ALL_CLUSTER_CIDRS}"))
echo "$ALL_CLUSTER_CIDRS""#
    );
    let guide = bash(&stand_in, &guide);
    let ours = "gcloud container clusters list --format=json | mesh-cidrs --no-aggregate -o csv";
    let ours = sh(&stand_in, ours);
    assert_eq!(set(&ours), set(&guide));
    assert_eq!(ours, "10.0.0.0/14,10.4.0.0/14,10.64.0.0/14\n");
}

/// One cluster's range as seeds 000 and 003 read it, by `describe`.
fn ranges_of_chosen_clusters() {
    let stand_in = StandIn::start();
    let describe = "gcloud container clusters describe asm-a --project my-proj --zone us-west2-a";
    let guide = format!("{describe} --format 'value(ipAllocationPolicy.clusterIpv4CidrBlock)'");
    let ours = format!("{describe} --format=json | mesh-cidrs");
    assert_eq!(sh(&stand_in, &ours), sh(&stand_in, &guide));
}

/// The guide takes the first tag of every machine of the project: a bastion's too, and of a node
/// with several tags the wrong one.
fn tags_of_every_machine() {
    let stand_in = StandIn::start();
    let guide = format!(
        "{JOIN_BY}{}",
        r#"ALL_CLUSTER_NETTAGS=$(gcloud compute instances list --project $PROJECT_1 --format='value(tags.items.[0])' | sort | uniq)
join_by , $(echo "${ALL_CLUSTER_NETTAGS}")"#
    );
    let guide = set(&bash(&stand_in, &guide));
    let ours = "(gcloud container clusters list --format=json; gcloud compute instances list --format=json) |
        mesh-nettags -o csv";
    let ours = set(&sh(&stand_in, ours));
    let nodes = ["gke-asm-a-12ab34cd-node", "gke-asm-b-99ff00aa-node", "gke-asm-c-5566aabb-node"];
    assert_eq!(ours, nodes.map(str::to_owned).into());
    let wrong: BTreeSet<String> = guide.difference(&ours).cloned().collect();
    assert_eq!(wrong, ["allow-ssh", "extra"].map(str::to_owned).into());
}

/// The guide's loop for Autopilot takes the rules of every cluster whose name begins alike.
fn tags_of_a_longer_name() {
    let stand_in = StandIn::start();
    // Name:gke-asm-a* for the cluster asm-a: the rules carry the prefix that the guide forgets.
    let guide = r#"gcloud compute firewall-rules list --filter="Name:gke-asm-a*" --format="value(targetTags)" | uniq"#;
    let guide = bash(&stand_in, guide);
    assert!(guide.contains("gke-asm-a2-77777777-node"), "{guide}");
    let ours = "(gcloud container clusters describe asm-a --zone us-west2-a --format=json;
        gcloud compute firewall-rules list --format=json) | mesh-nettags";
    assert_eq!(sh(&stand_in, ours), "gke-asm-a-12ab34cd-node\n");
}

fn takes_our_firewall_rules() {
    let stand_in = StandIn::start();
    let rules = |form: &str| {
        format!(
            "gcloud container clusters list --format=json | mesh-cidrs |
             mesh-firewall --network default --project my-proj --target-tags a,b \
             --webhook-from 172.16.0.0/28 --max-ranges 1 -o {form}"
        )
    };
    let bodies = lines(&sh(&stand_in, &rules("json")));
    assert_eq!(bodies.len(), 3, "{bodies:?}");
    let _ = sh(&stand_in, &format!("{} | sh", rules("gcloud")));
    let here = stand_in.compute();
    let sent: Vec<Value> = stand_in
        .take_written()
        .into_iter()
        .map(|Written { method, path, body }| {
            let to = (method.as_str(), path.as_str());
            assert_eq!(to, ("POST", "/compute/v1/projects/my-proj/global/firewalls"));
            let text =
                body.to_string().replace(&here, "https://compute.googleapis.com/compute/v1/");
            serde_json::from_str(&text).expect("it is JSON")
        })
        .collect();
    assert_eq!(sent, bodies);
}

/// The guide's variable is never set, and gcloud stops at the empty flag; so do we, with a reason.
fn an_empty_tag_list_is_refused() {
    let stand_in = StandIn::start();
    let guide = "gcloud compute firewall-rules create r --allow=tcp --source-ranges=10.0.0.0/8 \
        --target-tags=\"${TAGS}\" --quiet";
    let ran = stand_in.shell("bash", &std::env::temp_dir(), guide);
    assert_ne!(ran.code, Some(0));
    let ours = "echo 10.0.0.0/8 | mesh-firewall --network default --target-tags \"${TAGS}\"";
    let ran = stand_in.shell("sh", &std::env::temp_dir(), ours);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
    assert!(ran.stderr.contains("--target-tags"), "{ran:?}");
    assert_eq!(stand_in.take_written(), []);
}

const AUTHNETS: &str = "gcloud container clusters list --format=json | mesh-authnets -q --enable";

fn takes_our_authorized_networks() {
    let stand_in = StandIn::start();
    let requests = lines(&sh(&stand_in, &format!("{AUTHNETS} -o json")));
    let _ = sh(&stand_in, &format!("{AUTHNETS} | sh"));
    let sent = stand_in.take_written();
    assert_eq!(sent.len(), requests.len(), "{sent:?}");
    for (sent, request) in sent.iter().zip(&requests) {
        let to = format!("/{}", request["path"].as_str().expect("it has a path"));
        assert_eq!((sent.method.as_str(), sent.path.as_str()), ("PUT", to.as_str()));
        // All that gcloud cannot say is the names.
        assert_eq!(sent.body["update"], without_names(&request["body"]["update"]));
    }
}

fn without_names(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(key, _)| *key != "displayName")
            .map(|(key, value)| (key.clone(), without_names(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_names).collect(),
        other => other.clone(),
    }
}

/// The guide's update of cluster asm-a: what was named before is nameless after. Our requests
/// keep the names, and let in all that the guide lets in.
fn display_names_are_lost() {
    let stand_in = StandIn::start();
    let guide = r#"
describe() { gcloud container clusters describe "$1" --project my-proj --zone "$2" --format "value($3)"; }
POD_IP_CIDR_2=`describe asm-b us-central1-a ipAllocationPolicy.clusterIpv4CidrBlock`
EXISTING_CIDR_1=`describe asm-a us-west2-a masterAuthorizedNetworksConfig.cidrBlocks.cidrBlock`
gcloud container clusters update asm-a --project my-proj --zone us-west2-a \
  --enable-master-authorized-networks \
  --master-authorized-networks ${POD_IP_CIDR_2},${EXISTING_CIDR_1//;/,}"#;
    let _ = bash(&stand_in, guide);
    let sent = stand_in.take_written();
    assert_eq!(sent.len(), 1, "{sent:?}");
    let guide = blocks(&sent[0].body);
    assert!(guide.iter().all(|(_, name)| name.is_empty()), "{guide:?}");
    let before = StandIn::start();
    let ours = lines(&sh(&before, &format!("{AUTHNETS} --cluster asm-a -o json")));
    let ours = blocks(&ours[0]["body"]);
    for named in [("192.0.2.0/24", "office"), ("198.51.100.0/24", "vpn")] {
        assert!(ours.contains(&(named.0.to_owned(), named.1.to_owned())), "{ours:?}");
    }
    for (cidr, _) in guide {
        assert!(ours.iter().any(|(ours, _)| *ours == cidr), "{cidr} is not in {ours:?}");
    }
}

/// Range and display name of the authorized networks in an update.
fn blocks(body: &Value) -> Vec<(String, String)> {
    let config = &body["update"]["desiredControlPlaneEndpointsConfig"]["ipEndpointsConfig"];
    let blocks = config["authorizedNetworksConfig"]["cidrBlocks"].as_array();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let blocks = blocks.unwrap_or_else(|| panic!("no blocks in {body}"));
    blocks.iter().map(|block| (text(&block["cidrBlock"]), text(&block["displayName"]))).collect()
}

fn takes_our_labels() {
    let stand_in = StandIn::start();
    let ids = |number: u32| {
        format!(
            "gcloud container clusters list --format=json | sed 's/proj-123456789/proj-{number}/' |
             mesh-id --labels --project-number 123456789"
        )
    };
    // They all carry the label already.
    assert_eq!(sh(&stand_in, &ids(123_456_789)), "");
    let mesh = json!("proj-7");
    let other = "gcloud container clusters describe asm-b --zone us-central1-a --format=json |
        sed '/mesh_id/d; s/\"resourceLabels\": {/\"resourceLabels\": {\"team\": \"x\"/' |
        mesh-id --labels --project-number 7 | sh";
    let _ = sh(&stand_in, other);
    let sent = stand_in.take_written();
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(sent[0].body["resourceLabels"]["mesh_id"], mesh);
    assert!(sent[0].path.contains("/clusters/asm-b"), "{sent:?}");
}
