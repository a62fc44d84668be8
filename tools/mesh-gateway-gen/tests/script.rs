//! The IstioOperator is the one that gen-eastwest-gateway.sh prints: every generation of it, with
//! every combination of its flags.

use serde_json::Value;

/// A generation of the script: an Istio version that has it, and how it differs.
struct Generation {
    versions: &'static [&'static str],
    /// Names of the ports for traffic, istiod and its webhook.
    ports: [&'static str; 3],
    has_revision: bool,
    /// Whether it names cluster and mesh, and the router's mode.
    names_member: bool,
    has_template: bool,
    /// Version of the Gateway API, where it knows `--ambient`.
    ambient: Option<&'static str>,
}

const TLS: [&str; 3] = ["tls", "tls-istiod", "tls-webhook"];

const GENERATIONS: [Generation; 6] = [
    Generation {
        versions: &["1.8.0"],
        ports: ["mtls", "tcp-istiod", "tcp-webhook"],
        has_revision: false,
        names_member: true,
        has_template: false,
        ambient: None,
    },
    Generation {
        versions: &["1.8", "1.8.1", "1.9.9-asm.3", "1.10.6"],
        ports: TLS,
        has_revision: true,
        names_member: true,
        has_template: false,
        ambient: None,
    },
    Generation {
        versions: &["1.11", "1.11.8-asm.4"],
        ports: TLS,
        has_revision: true,
        names_member: true,
        has_template: true,
        ambient: None,
    },
    Generation {
        versions: &["1.12.0", "1.19.10-asm.9", "1.26"],
        ports: TLS,
        has_revision: true,
        names_member: false,
        has_template: true,
        ambient: None,
    },
    Generation {
        versions: &["1.27.0", "1.28.9"],
        ports: TLS,
        has_revision: true,
        names_member: false,
        has_template: true,
        ambient: Some("v1beta1"),
    },
    Generation {
        versions: &["1.29", "1.30.3", ""],
        ports: TLS,
        has_revision: true,
        names_member: false,
        has_template: true,
        ambient: Some("v1"),
    },
];

/// One call of the script.
#[derive(Debug, Clone, Copy)]
struct Call {
    network: Option<&'static str>,
    revision: Option<&'static str>,
    member: Option<&'static str>,
    single_cluster: bool,
    ambient: bool,
}

impl Generation {
    /// What the script prints, with the values in quotes; nothing where it fails.
    fn prints(&self, call: Call) -> Option<String> {
        let network = call.network.filter(|_| !call.single_cluster || call.ambient);
        if !call.single_cluster && (network.is_none() || self.names_member && call.member.is_none())
            || call.revision.is_some() && !self.has_revision
        {
            return None;
        }
        if call.ambient {
            let (api, network) = (self.ambient?, network?);
            return Some(format!(
                "{{apiVersion: gateway.networking.k8s.io/{api}, kind: Gateway, \
                 metadata: {{name: istio-eastwestgateway, namespace: istio-system, \
                 labels: {{topology.istio.io/network: \"{network}\"}}}}, \
                 spec: {{gatewayClassName: istio-east-west, listeners: [{{name: mesh, port: 15008, \
                 protocol: HBONE, tls: {{mode: Terminate, options: \
                 {{gateway.istio.io/tls-terminate-mode: ISTIO_MUTUAL}}}}}}]}}}}"
            ));
        }
        let mut text = "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\n\
                        metadata: {name: eastwest}\nspec:\n  profile: empty\n"
            .to_owned();
        if self.has_revision {
            text += &format!("  revision: \"{}\"\n", call.revision.unwrap_or_default());
        }
        text += "  components:\n    ingressGateways:\n    - name: istio-eastwestgateway\n      \
                 enabled: true\n      label:\n        istio: eastwestgateway\n        \
                 app: istio-eastwestgateway\n";
        if let Some(network) = network {
            text += &format!("        topology.istio.io/network: \"{network}\"\n");
        }
        text += "      k8s:\n";
        if self.names_member || network.is_some() {
            text += "        env:\n";
        }
        if self.names_member {
            text += "        - {name: ISTIO_META_ROUTER_MODE, value: sni-dnat}\n";
        }
        if let Some(network) = network {
            let name = "ISTIO_META_REQUESTED_NETWORK_VIEW";
            text += &format!("        - {{name: {name}, value: \"{network}\"}}\n");
        }
        let [traffic, istiod, webhook] = self.ports;
        text += "        service:\n          ports:\n";
        for (name, port) in
            [("status-port", 15021), (traffic, 15443), (istiod, 15012), (webhook, 15017)]
        {
            text += &format!("          - {{name: {name}, port: {port}, targetPort: {port}}}\n");
        }
        if self.has_template || network.is_some() {
            text += "  values:\n";
        }
        if self.has_template {
            text += "    gateways: {istio-ingressgateway: {injectionTemplate: gateway}}\n";
        }
        if let Some(network) = network {
            text += &format!("    global:\n      network: \"{network}\"\n");
            if let Some(member) = call.member.filter(|_| self.names_member) {
                text += &format!("      meshID: \"{member}\"\n");
                text += &format!("      multiCluster: {{clusterName: \"{member}\"}}\n");
            }
        }
        Some(text)
    }
}

/// Our standard output, and whether the call was taken.
fn ours(version: &str, call: Call) -> (String, bool) {
    let mut tool = mesh_tests::tool("mesh-gateway-gen");
    tool.env_clear().args(["-q", "-o", "iop"]);
    let mut flag = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            tool.args([name, value]);
        }
    };
    flag("--istio-version", Some(version).filter(|version| !version.is_empty()));
    flag("--network", call.network);
    flag("--revision", call.revision);
    flag("--cluster", call.member);
    flag("--mesh", call.member);
    if call.single_cluster {
        tool.arg("--single-cluster");
    }
    if call.ambient {
        tool.arg("--ambient");
    }
    let output = tool.output().expect("it runs");
    (String::from_utf8(output.stdout).expect("it is text"), output.status.success())
}

fn calls() -> Vec<Call> {
    let mut calls = Vec::new();
    for network in [None, Some("network1"), Some("on"), Some("012"), Some("1e3")] {
        for revision in [None, Some("asm-11910-9"), Some("15")] {
            for member in [None, Some("1")] {
                for (single_cluster, ambient) in
                    [(false, false), (true, false), (false, true), (true, true)]
                {
                    calls.push(Call { network, revision, member, single_cluster, ambient });
                }
            }
        }
    }
    calls
}

#[test]
fn each_generation_with_each_combination_of_flags() {
    let (mut equal, mut refused) = (0, 0);
    for generation in &GENERATIONS {
        for (i, call) in calls().into_iter().enumerate() {
            let version = generation.versions[i % generation.versions.len()];
            let (text, done) = ours(version, call);
            match generation.prints(call) {
                Some(expected) => {
                    let expected: Value = serde_yaml::from_str(&expected).unwrap();
                    let found: Value = serde_yaml::from_str(&text).unwrap();
                    assert_eq!(found, expected, "{version} {call:?}");
                    equal += 1;
                }
                // The script ends for want of a network, and there is none to label.
                None if call.single_cluster && call.ambient && generation.ambient.is_some() => {
                    assert!(done && !text.contains("labels"), "{version} {call:?}");
                }
                None => {
                    assert_eq!((text.as_str(), done), ("", false), "{version} {call:?}");
                    refused += 1;
                }
            }
        }
    }
    assert!(equal > 200 && refused > 100, "{equal} {refused}");
}

#[test]
fn an_alias_for_those_who_know_asm() {
    for flag in ["--asm-version", "--istio-version"] {
        mesh_tests::tool("mesh-gateway-gen")
            .env_clear()
            .args(["--single-cluster", flag, "1.10.6-asm.2"])
            .assert()
            .success()
            .stdout(predicates::str::contains("sni-dnat"));
    }
}
