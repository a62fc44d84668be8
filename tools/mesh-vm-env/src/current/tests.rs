//! The cases of istioctl's own tests, and more.

use super::*;
use crate::group::Manifest;
use serde_json::{Value, json};

/// The `WorkloadGroup` of istioctl's own tests.
fn group() -> Value {
    let config = "proxyMetadata:\n  # wins over the mesh's\n  PROXY_CONFIG_ANNOT_VALUE: bar\n";
    json!({"metadata": {"name": "foo", "namespace": "bar"}, "spec": {
        "metadata": {"annotations": {"proxy.istio.io/config": config}, "labels": {}},
        "template": {"ports": {}, "serviceAccount": "vm-serviceaccount"},
        "probe": {"httpGet": {"port": 8080}},
    }})
}

const MESH: &str = "defaultConfig:\n  proxyMetadata:\n    ISTIO_META_DNS_CAPTURE: \"false\"\n    \
    PROXY_CONFIG_ANNOT_VALUE: foo\n    CLUSTER_MESH_CONFIG_VALUE: foo\n";

struct Case {
    group: Value,
    mesh: &'static str,
    revision: Option<&'static str>,
    address: Option<OwnAddress>,
    gateway: &'static str,
    auto_register: bool,
    capture_dns: bool,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            group: group(),
            mesh: MESH,
            revision: Some("rev-1"),
            address: None,
            gateway: "10.10.10.11",
            auto_register: false,
            capture_dns: true,
        }
    }
}

impl Case {
    fn files(self) -> (BTreeMap<String, String>, Vec<Message>) {
        let group: Group = serde_json::from_value::<Manifest>(self.group).unwrap().into();
        let mut proxy = Proxy::of_mesh(self.mesh, "map").unwrap();
        for text in &group.proxy_configs {
            proxy.overlay(text, "group").unwrap();
        }
        let machine = Machine {
            group: &group,
            namespace: group.namespace.as_deref().unwrap(),
            cluster_id: "Kubernetes",
            address: self.address,
            auto_register: self.auto_register,
            capture_dns: self.capture_dns,
        };
        let istiod = Istiod::new("istio-system", self.revision);
        let gateway = self.gateway.parse().unwrap();
        let (bundle, warnings) = files(&machine, proxy, &istiod, gateway, "PEM").unwrap();
        (
            bundle.files().map(|file| (file.name.to_owned(), file.text.to_owned())).collect(),
            warnings,
        )
    }

    fn variables(self) -> BTreeMap<String, String> {
        let (files, _) = self.files();
        let line = |line: &str| {
            let (name, value) = line.split_once("='").unwrap();
            (name.to_owned(), value.strip_suffix('\'').unwrap().to_owned())
        };
        files[CLUSTER_ENV].lines().map(line).collect()
    }
}

fn internal(ip: &str) -> OwnAddress {
    OwnAddress::Internal(ip.parse().unwrap())
}

/// istioctl's case ipv4, field by field.
#[test]
fn a_machine_of_a_revision_with_ipv4() {
    let (files, warnings) =
        Case { address: Some(internal("10.10.10.10")), ..Case::default() }.files();
    assert_eq!(warnings, []);
    assert_eq!(
        files[CLUSTER_ENV],
        r#"CANONICAL_REVISION='latest'
CANONICAL_SERVICE='foo'
CA_ADDR='istiod-rev-1.istio-system.svc:15012'
CLUSTER_MESH_CONFIG_VALUE='foo'
ISTIO_INBOUND_PORTS='*'
ISTIO_LOCAL_EXCLUDE_PORTS='22,15090,15021,15020'
ISTIO_METAJSON_LABELS='{"service.istio.io/canonical-name":"foo","service.istio.io/canonical-revision":"latest"}'
ISTIO_META_CLUSTER_ID='Kubernetes'
ISTIO_META_DNS_CAPTURE='true'
ISTIO_META_MESH_ID=''
ISTIO_META_NETWORK=''
ISTIO_META_WORKLOAD_NAME='foo'
ISTIO_NAMESPACE='bar'
ISTIO_SERVICE='foo.bar'
ISTIO_SERVICE_CIDR='*'
ISTIO_SVC_IP='10.10.10.10'
POD_NAMESPACE='bar'
PROXY_CONFIG_ANNOT_VALUE='bar'
SERVICE_ACCOUNT='vm-serviceaccount'
TRUST_DOMAIN=''
"#
    );
    assert_eq!(
        files[MESH_YAML],
        r#"defaultConfig:
  discoveryAddress: istiod-rev-1.istio-system.svc:15012
  proxyMetadata:
    CANONICAL_REVISION: latest
    CANONICAL_SERVICE: foo
    CLUSTER_MESH_CONFIG_VALUE: foo
    ISTIO_METAJSON_LABELS: "{\"service.istio.io/canonical-name\":\"foo\",\"service.istio.io/canonical-revision\":\"latest\"}"
    ISTIO_META_CLUSTER_ID: Kubernetes
    ISTIO_META_DNS_CAPTURE: "true"
    ISTIO_META_MESH_ID: ""
    ISTIO_META_NETWORK: ""
    ISTIO_META_WORKLOAD_NAME: foo
    POD_NAMESPACE: bar
    PROXY_CONFIG_ANNOT_VALUE: bar
    SERVICE_ACCOUNT: vm-serviceaccount
    TRUST_DOMAIN: ""
  readinessProbe:
    httpGet:
      port: 8080
"#
    );
    assert_eq!(files[HOSTS], "10.10.10.11 istiod-rev-1.istio-system.svc\n");
    assert_eq!(files[ROOT_CERT], "PEM");
    assert_eq!(files.len(), 4);
}

/// istioctl's case ipv6: only the addresses differ.
#[test]
fn a_machine_of_a_revision_with_ipv6() {
    let (v4, _) = Case { address: Some(internal("10.10.10.10")), ..Case::default() }.files();
    let case = Case {
        address: Some(internal("fd00:10:96::1")),
        gateway: "fd00:10:96::2",
        ..Case::default()
    };
    let (v6, _) = case.files();
    assert_eq!(v6[HOSTS], "fd00:10:96::2 istiod-rev-1.istio-system.svc\n");
    assert_eq!(v6[CLUSTER_ENV], v4[CLUSTER_ENV].replace("10.10.10.10", "fd00:10:96::1"));
    assert_eq!(v6[MESH_YAML], v4[MESH_YAML]);
}

/// istioctl's case of a mesh without proxyMetadata, and no revision.
#[test]
fn a_mesh_without_metadata() {
    let mut group = group();
    group["spec"]["metadata"] = json!({"annotations": {}, "labels": {}});
    let case = Case {
        group,
        mesh: "defaultConfig: {}",
        revision: None,
        address: Some(internal("10.10.10.10")),
        ..Case::default()
    };
    let (files, _) = case.files();
    let v4 = Case { address: Some(internal("10.10.10.10")), ..Case::default() }.files().0;
    let other = ["CA_ADDR", "CLUSTER_MESH_CONFIG_VALUE", "PROXY_CONFIG_ANNOT_VALUE"];
    let expected: Vec<&str> = v4[CLUSTER_ENV]
        .lines()
        .filter(|line| !other.iter().any(|name| line.starts_with(name)))
        .collect();
    assert_eq!(files[CLUSTER_ENV].lines().collect::<Vec<_>>(), expected);
    assert!(!files[MESH_YAML].contains("discoveryAddress"), "{}", files[MESH_YAML]);
    assert_eq!(files[HOSTS], "10.10.10.11 istiod.istio-system.svc\n");
}

#[test]
fn ports_labels_network_and_mesh_are_told() {
    let mut group = group();
    group["spec"]["template"]["ports"] = json!({"http": 8080, "grpc": 3550, "alias": 8080});
    group["spec"]["template"]["network"] = json!("vm-network");
    group["spec"]["metadata"]["labels"] = json!({"app": "a", "version": "v1"});
    let mesh = "trustDomain: td\ndefaultConfig: {meshId: m, statusPort: 15021}";
    let case = Case { group, mesh, auto_register: true, ..Case::default() };
    let variables = case.variables();
    for (name, value) in [
        ("ISTIO_INBOUND_PORTS", "3550,8080"),
        ("ISTIO_LOCAL_EXCLUDE_PORTS", "22,15090,15021"),
        ("CANONICAL_SERVICE", "a"),
        ("CANONICAL_REVISION", "v1"),
        ("ISTIO_META_NETWORK", "vm-network"),
        ("ISTIO_META_MESH_ID", "m"),
        ("TRUST_DOMAIN", "td"),
        ("ISTIO_META_AUTO_REGISTER_GROUP", "foo"),
        (
            "ISTIO_META_POD_PORTS",
            r#"[{"name":"alias","containerPort":8080,"protocol":""},{"name":"grpc","containerPort":3550,"protocol":""},{"name":"http","containerPort":8080,"protocol":""}]"#,
        ),
        (
            "ISTIO_METAJSON_LABELS",
            r#"{"app":"a","service.istio.io/canonical-name":"a","service.istio.io/canonical-revision":"v1","version":"v1"}"#,
        ),
    ] {
        assert_eq!(variables[name], value);
    }
    assert!(!variables.contains_key("ISTIO_SVC_IP"));
}

#[test]
fn labels_name_the_service_in_istios_order() {
    for (labels, service, revision) in [
        (json!({"app": "a", "app.kubernetes.io/name": "b"}), "b", "latest"),
        (json!({"service.istio.io/canonical-name": "c", "app": "a"}), "c", "latest"),
        (json!({"version": "1", "app.kubernetes.io/version": "2"}), "foo", "2"),
    ] {
        let mut group = group();
        group["spec"]["metadata"]["labels"] = labels;
        let variables = Case { group, ..Case::default() }.variables();
        assert_eq!(variables["CANONICAL_SERVICE"], service);
        assert_eq!(variables["CANONICAL_REVISION"], revision);
    }
}

#[test]
fn an_address_that_the_machine_does_not_have_is_said_to_be_so() {
    let address = Some(OwnAddress::External("203.0.113.9".parse().unwrap()));
    let variables = Case { address, ..Case::default() }.variables();
    assert_eq!(variables["ISTIO_SVC_IP"], "203.0.113.9");
    assert_eq!(variables["REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION"], "true");
}

#[test]
fn dns_is_not_captured_where_that_is_not_wanted() {
    let with = |mesh| Case { mesh, capture_dns: false, ..Case::default() }.variables();
    let mesh = "defaultConfig: {proxyMetadata: {ISTIO_META_DNS_CAPTURE: 'true'}}";
    assert_eq!(with(mesh)["ISTIO_META_DNS_CAPTURE"], "false");
    assert!(!with("{}").contains_key("ISTIO_META_DNS_CAPTURE"));
}

#[test]
fn what_no_shell_can_set_is_left_out_and_told() {
    let mesh = "defaultConfig: {proxyMetadata: {'A=$(reboot)': x, A.B: y, UID: z, C: ok}}";
    let (files, warnings) = Case { mesh, ..Case::default() }.files();
    assert!(files[CLUSTER_ENV].contains("\nC='ok'\n") || files[CLUSTER_ENV].starts_with("C='ok'"));
    assert!(!files[CLUSTER_ENV].contains("reboot") && !files[CLUSTER_ENV].contains("UID"));
    assert!(files[MESH_YAML].contains("A.B: \"y\""), "{}", files[MESH_YAML]);
    let texts: Vec<&str> = warnings.iter().map(Message::text).collect();
    assert_eq!(texts.len(), 3);
    assert!(texts[0].starts_with("cluster.env is without \"A.B\""), "{texts:?}");
}

#[test]
fn the_probe_is_the_groups_alone() {
    let mut group = group();
    group["spec"]["probe"].take();
    let mesh = "defaultConfig: {readinessProbe: {tcpSocket: {port: 1}}, discoveryAddress: 'a:1'}";
    let (files, _) = Case { group, mesh, ..Case::default() }.files();
    assert!(!files[MESH_YAML].contains("readinessProbe"));
    // What the mesh says wins over what would be guessed.
    assert!(files[MESH_YAML].contains("discoveryAddress: a:1\n"), "{}", files[MESH_YAML]);
}

#[test]
fn what_runs_programs_on_the_machine_is_left_out() {
    let mut group = group();
    group["spec"]["metadata"]["annotations"] =
        json!({"proxy.istio.io/config": "proxyMetadata: {LD_PRELOAD: /tmp/x.so, A: b}"});
    let mesh = "defaultConfig: {proxyMetadata: {PATH: /tmp, EXEC_USER: root, IFS: x, \
        ISTIO_AGENT_FLAGS: '; reboot', POD_NAME: '$(reboot)', PYTHONPATH: /tmp}}";
    let (files, warnings) = Case { group, mesh, ..Case::default() }.files();
    let texts: Vec<&str> = warnings.iter().map(Message::text).collect();
    for (place, name) in [
        ("group", "LD_PRELOAD"),
        ("map", "PATH"),
        ("map", "EXEC_USER"),
        ("map", "IFS"),
        ("map", "ISTIO_AGENT_FLAGS"),
        ("map", "POD_NAME"),
        ("map", "PYTHONPATH"),
    ] {
        let start = format!("{place}: cluster.env and mesh.yaml are without {name}: ");
        assert!(texts.iter().any(|text| text.starts_with(&start)), "{name}: {texts:?}");
        let has = |line: &str| line.trim_start().starts_with(&format!("{name}="));
        assert!(!files[CLUSTER_ENV].lines().any(has), "{name}: {}", files[CLUSTER_ENV]);
        assert!(!files[MESH_YAML].contains(&format!(" {name}:")), "{name}: {}", files[MESH_YAML]);
    }
    assert!(files[CLUSTER_ENV].contains("A='b'\n"), "{}", files[CLUSTER_ENV]);
}
