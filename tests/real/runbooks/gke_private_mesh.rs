//! scripts/gke-private-mesh: two projects on a shared VPC network, private clusters, one of them
//! Autopilot.

use super::{Place, shows};
use crate::cloud::{Cloud, fixture};
use crate::clusters::wait_for;
use crate::stand_in::StandIn;
use crate::{Needs, Test};
use serde_json::{Value, json};

pub const TESTS: &[Test] =
    &[("runbook_gke_private_mesh_makes_a_mesh_twice", Needs::ClustersAndGcloud, makes_a_mesh)];

const CLUSTERS: [&str; 2] = ["svc-a/us-west2/asm-a", "svc-b/us-central1/asm-b"];
const IDS: [&str; 2] = ["cn-svc-a-us-west2-asm-a", "cn-svc-b-us-central1-asm-b"];
const LINK: &str = "https://www.googleapis.com/compute/v1/projects";

/// The fixtures' asm-a as a private cluster of svc-a, which has named networks, and their asm-b as
/// an Autopilot cluster of svc-b; their rules and network belong to a third project.
fn cloud(place: &Place) -> Cloud {
    let mut clusters: Vec<Value> = fixture("gke-clusters.json").into_iter().take(2).collect();
    for (number, cluster) in clusters.iter_mut().enumerate() {
        let parts: Vec<&str> = CLUSTERS[number].split('/').collect();
        let [project, region, name] = parts[..] else { panic!("{parts:?}") };
        cluster["location"] = json!(region);
        cluster["zone"] = json!(region);
        let link = format!(
            "https://container.googleapis.com/v1/projects/{project}/locations/{region}/clusters/{name}"
        );
        cluster["selfLink"] = json!(link);
        cluster["networkConfig"] = json!({"network": "projects/host/global/networks/shared",
            "subnetwork": format!("projects/host/regions/{region}/subnetworks/mesh")});
        cluster["privateClusterConfig"] = json!({"enablePrivateNodes": true,
            "enablePrivateEndpoint": true, "masterIpv4CidrBlock": format!("172.16.{number}.0/28")});
        cluster["masterAuthorizedNetworksConfig"] = json!({"enabled": true, "cidrBlocks":
            [{"displayName": "office", "cidrBlock": "192.0.2.0/24"}]});
    }
    clusters[1]["autopilot"] = json!({"enabled": true});
    let mut clusters = place.as_gke(clusters);
    for cluster in &mut clusters {
        // Another name of the same server: it shows which address was given away.
        let endpoint = cluster["endpoint"].as_str().expect("it has one");
        cluster["privateClusterConfig"]["privateEndpoint"] =
            json!(endpoint.replace("127.0.0.1", "localhost"));
    }
    let mut instances = fixture("gce-instances.json");
    instances.retain(|instance| !instance.to_string().contains("gke-asm-b"));
    let mut firewalls = fixture("gce-firewalls.json");
    for object in instances.iter_mut().chain(&mut firewalls) {
        let network = format!("{LINK}/host/global/networks/shared");
        let text = object.to_string();
        let project = if text.contains("compute#firewall") { "host" } else { "svc-a" };
        let text = text.replace(&format!("{LINK}/my-proj/global/networks/default"), &network);
        let text = text.replace("\"us-west2-a\"", "\"us-west2\"");
        let text = text.replace("/projects/my-proj/", &format!("/projects/{project}/"));
        *object = serde_json::from_str(&text).expect("it was JSON");
    }
    let subnet = |region: &str, range: &str| {
        json!({"name": "mesh", "region": region, "ipCidrRange": range,
            "network": format!("{LINK}/host/global/networks/shared"),
            "selfLink": format!("{LINK}/host/regions/{region}/subnetworks/mesh")})
    };
    let subnets = vec![subnet("us-west2", "10.168.0.0/20"), subnet("us-central1", "10.128.0.0/20")];
    Cloud { clusters, instances, firewalls, subnets, ..Cloud::default() }
}

fn makes_a_mesh() {
    let place = Place::with(&["-n", "2"]);
    let stand_in = StandIn::of(cloud(&place));
    let args = [&["--endpoint", "private"], &CLUSTERS[..]].concat();
    let steps = shows(&place, "gke-private-mesh", &args);
    assert!(steps.contains("--project=svc-b --format=json"), "{steps}");

    // No control plane and no asmcli: what is to be done is said, and done by somebody else.
    let ran = place.runbook(Some(&stand_in), "gke-private-mesh", &args);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{ran:?}");
    for (number, line) in lines.iter().enumerate() {
        assert!(line.starts_with("./asmcli install --project_id svc-"), "{line}");
        assert!(line.ends_with(" --custom_overlay 'mesh/network.yaml'"), "{line}");
        let context = format!("cluster{}", number + 1);
        let files = ["1-crds.yaml", "2-reader.yaml", "3-istiod.yaml", "4-injector.yaml"];
        place.install(&context, &files, IDS[number], "host-shared", "asm-11910-9");
        wait_for("istiod", || place.starts_istiod(&context).then_some(()));
    }
    assert!(place.read("mesh/network.yaml").contains("network: host-shared"));
    let written = stand_in.take_written();
    let update = |name: &str| {
        let mut of = written.iter().filter(|write| write.path.ends_with(name));
        let update = of.next().unwrap_or_else(|| panic!("no update of {name}: {written:?}"));
        update.body["update"]["desiredControlPlaneEndpointsConfig"]["ipEndpointsConfig"].clone()
    };
    for (name, peer, range) in
        [("asm-a", "mesh-asm-b", "10.0.0.0/14"), ("asm-b", "mesh-asm-a", "10.4.0.0/14")]
    {
        let blocks = json!([{"displayName": "office", "cidrBlock": "192.0.2.0/24"},
            {"displayName": peer, "cidrBlock": range}]);
        assert_eq!(update(name)["authorizedNetworksConfig"]["cidrBlocks"], blocks);
    }
    for cluster in &stand_in.cloud().clusters {
        let access = &cluster["privateClusterConfig"]["masterGlobalAccessConfig"];
        assert_eq!(access, &json!({"enabled": true}), "{cluster}");
    }
    let rules: Vec<&Value> =
        written.iter().filter(|write| write.path.contains("/firewalls")).map(|w| &w.body).collect();
    let [pods, webhook] = rules[..] else { panic!("{written:?}") };
    assert_eq!(pods["targetTags"], json!(["gke-asm-a-12ab34cd-node", "gke-asm-b-99ff00aa-node"]));
    assert_eq!(pods["sourceRanges"], json!(["10.0.0.0/13"]));
    assert_eq!(webhook["allowed"], json!([{"IPProtocol": "tcp", "ports": ["15017"]}]));

    let first = place.runbook(Some(&stand_in), "gke-private-mesh", &args);
    assert_eq!((first.code, first.stdout.as_str()), (Some(0), ""), "{first:?}");
    for (context, peer) in [("cluster1", IDS[1]), ("cluster2", IDS[0])] {
        assert_eq!(place.remote_secrets(context), [format!("istio-remote-secret-{peer}")]);
        assert!(place.remote_kubeconfig(context, peer).contains("server: https://localhost:"));
    }
    let before = place.written();
    let second = place.runbook(Some(&stand_in), "gke-private-mesh", &args);
    assert_eq!((second.code, second.stdout.as_str()), (Some(0), ""), "{second:?}");
    assert_eq!(stand_in.take_written(), []);
    assert_eq!(place.written(), before);
    assert!(!format!("{first:?}{second:?}").contains("eyJ"), "a token in {first:?}");

    // Somebody takes the other's pods out again: that is found, and mended.
    let networks = "masterAuthorizedNetworksConfig";
    stand_in.cloud().clusters[1][networks]["cidrBlocks"] = json!([]);
    let _ = stand_in.cloud().clusters[1]
        .as_object_mut()
        .map(|c| c.remove("controlPlaneEndpointsConfig"));
    let mended = place.runbook(Some(&stand_in), "gke-private-mesh", &args);
    assert_eq!(mended.code, Some(0), "{mended:?}");
    let written = stand_in.take_written();
    assert_eq!(written.len(), 1, "{written:?}");
    assert!(written[0].path.ends_with("/asm-b"), "{written:?}");
}
