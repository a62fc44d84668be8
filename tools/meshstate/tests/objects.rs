//! What objects tell, as kubectl prints them.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use meshcore::cluster::RangeKind;
use meshcore::selector::Labels;
use meshstate::{ClusterState, Ingress, Mesh, MtlsMode, NetworkEndpoint, ServiceType, TlsMode};
use serde_json::{Value, json};

fn cluster(objects: &[Value]) -> ClusterState {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    Mesh::of_text("a", &list.to_string()).unwrap().clusters.remove(0)
}

fn object(api_version: &str, kind: &str, name: &str, rest: Value) -> Value {
    let mut object = json!({"apiVersion": api_version, "kind": kind,
        "metadata": {"name": name, "namespace": "n"}});
    for (field, value) in rest.as_object().unwrap() {
        match field.as_str() {
            "metadata" => {
                object["metadata"]
                    .as_object_mut()
                    .unwrap()
                    .extend(value.as_object().unwrap().clone());
            }
            _ => object[field] = value.clone(),
        }
    }
    object
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[test]
fn services_and_gateways() {
    let gateway = object(
        "v1",
        "Service",
        "istio-eastwestgateway",
        json!({
            "metadata": {
                "namespace": "istio-system",
                "labels": {"topology.istio.io/network": "n1", "networking.istio.io/gatewayPort": "443"},
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "a/b": "c"},
            },
            "spec": {
                "type": "LoadBalancer", "clusterIP": "10.0.0.9", "clusterIPs": ["10.0.0.9", "fd00::9"],
                "selector": {"app": "gw"}, "externalTrafficPolicy": "Local",
                "loadBalancerClass": "x/y", "externalIPs": ["192.0.2.1"],
                "ports": [
                    {"name": "tls", "port": 15443, "targetPort": 15443, "nodePort": 30000},
                    {"name": "alt", "port": 443, "targetPort": "tls", "protocol": "TCP"},
                ],
            },
            "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}, {"hostname": "h.example"}, {}]}},
        }),
    );
    let headless =
        object("v1", "Service", "db", json!({"spec": {"clusterIP": "None", "type": "ClusterIP"}}));
    let pod = |name: &str, app: &str| {
        let metadata = json!({"namespace": "istio-system", "labels": {"app": app}});
        object("v1", "Pod", name, json!({"metadata": metadata}))
    };
    let state = cluster(&[gateway, headless, pod("p", "gw"), pod("q", "other")]);
    let gateway = state.service("istio-system", "istio-eastwestgateway").unwrap();
    assert_eq!(gateway.service_type, ServiceType::LoadBalancer);
    assert_eq!(gateway.network(), Some("n1"));
    assert_eq!(
        gateway.gateway_port().map(|port| (port.port, port.target.as_deref())),
        Some((443, Some("tls")))
    );
    assert_eq!(
        (gateway.ports[0].node_port, gateway.ports[0].target.as_deref()),
        (Some(30000), None)
    );
    let ingress = [Ingress::Ip("203.0.113.7".into()), Ingress::Hostname("h.example".into())];
    assert_eq!(gateway.ingress, ingress);
    assert_eq!(*gateway.meta.annotations, labels(&[("a/b", "c")]));
    assert_eq!((gateway.cluster_ips.len(), gateway.is_headless), (2, false));
    assert_eq!(state.gateway_services().count(), 1);
    let pods: Vec<&str> = state.pods_of(gateway).map(|pod| pod.meta.name.as_str()).collect();
    assert_eq!(pods, ["p"]);
    let db = state.service("n", "db").unwrap();
    assert!(db.is_headless && db.cluster_ips.is_empty() && db.selector.is_none());
    assert_eq!(state.pods_of(db).count(), 0);
}

#[test]
fn control_planes_and_their_configuration() {
    let istiod = |revision: &str, env: Value| {
        object(
            "apps/v1",
            "Deployment",
            &format!("istiod-{revision}"),
            json!({
                "metadata": {"namespace": "istio-system", "labels": {"app": "istiod", "istio.io/rev": revision}},
                "spec": {"replicas": 2, "template": {"spec": {"containers": [
                    {"name": "other", "image": "x:1.9.9"},
                    {"name": "discovery", "image": "hub/pilot:1.30.2-distroless@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "env": env},
                ]}}},
                "status": {"readyReplicas": 1},
            }),
        )
    };
    let pod = |name: &str, start: &str, phase: &str| {
        object(
            "v1",
            "Pod",
            name,
            json!({
                "metadata": {"namespace": "istio-system", "labels": {"app": "istiod", "istio.io/rev": "r"}},
                "status": {"startTime": start, "phase": phase},
            }),
        )
    };
    let mesh = "trustDomain: td1\ntrustDomainAliases: [td2]\ndefaultConfig:\n  meshId: m\n  \
        proxyMetadata: {ISTIO_META_DNS_CAPTURE: \"true\"}\nlocalityLbSetting: {enabled: false}\n\
        serviceSettings:\n- settings: {clusterLocal: true}\n  hosts: [\"*.n.svc.cluster.local\"]\n\
        discoverySelectors:\n- matchLabels: {a: b}\n";
    let networks = "networks:\n  n2:\n    endpoints:\n    - fromRegistry: c2\n    - fromCidr: 10.0.0.0/8\n    \
        gateways:\n    - {address: 192.0.2.1, port: 15443}\n";
    let values = json!({"global": {"network": "n1", "meshID": "m", "multiCluster": {"clusterName": "c1"},
        "pilotCertProvider": "istiod", "caAddress": ""}, "sidecarInjectorWebhook": {"enableNamespacesByDefault": true}});
    let map = |namespace: &str, name: &str, data: Value| {
        object("v1", "ConfigMap", name, json!({"metadata": {"namespace": namespace}, "data": data}))
    };
    let state = cluster(&[
        istiod(
            "r",
            json!([{"name": "CLUSTER_ID", "value": "c1"}, {"name": "X", "valueFrom": {"fieldRef": {}}}]),
        ),
        istiod("s", json!([{"name": "CLUSTER_ID", "valueFrom": {"configMapKeyRef": {}}}])),
        istiod("t", json!(null)),
        pod("a", "2026-01-01T00:00:00Z", "Failed"),
        pod("b", "2026-01-03T00:00:00Z", "Running"),
        pod("c", "2026-01-02T00:00:00Z", "Running"),
        map("istio-system", "istio-r", json!({"mesh": mesh, "meshNetworks": networks})),
        map("istio-system", "istio", json!({"mesh": ""})),
        map("elsewhere", "istio-x", json!({"mesh": "trustDomain: td9"})),
        map("istio-system", "istio-sidecar-injector-r", json!({"values": values.to_string()})),
        map("istio-system", "istio-ca-root-cert", json!({"root-cert.pem": "PEM"})),
        map("n", "istio-ca-root-cert", json!({"root-cert.pem": "OTHER"})),
        object(
            "mesh.cloud.google.com/v1beta1",
            "ControlPlaneRevision",
            "asm-managed",
            json!({
            "spec": {"channel": "regular"}, "status": {"conditions": [{"type": "Reconciled", "status": "True"}]}}),
        ),
    ]);
    let [r, s, t] = &state.control_planes[..] else { panic!("{:?}", state.control_planes) };
    assert_eq!(
        (r.cluster_id.as_deref(), r.version.map(|v| v.to_string()).as_deref()),
        (Some("c1"), Some("1.30.2"))
    );
    assert_eq!((r.ready, r.replicas, r.env.len()), (1, 2, 1));
    assert_eq!(r.started.map(|time| time.to_string()).as_deref(), Some("2026-01-02T00:00:00Z"));
    assert_eq!((s.cluster_id.as_deref(), t.cluster_id.as_deref()), (None, Some("Kubernetes")));
    assert_eq!((s.started, state.ids().len(), state.id()), (None, 2, None));
    assert_eq!(state.mesh_configs.keys().collect::<Vec<_>>(), ["default", "r"]);
    let config = &state.mesh_configs["r"];
    assert_eq!((config.trust_domain(), config.trust_domain_aliases.len()), ("td1", 1));
    assert_eq!(state.mesh_configs["default"].trust_domain(), "cluster.local");
    assert!(!config.is_locality_lb_enabled && config.is_auto_mtls && !config.has_locality_rules);
    assert!(config.cluster_local[0].is_local && config.discovery_selectors.len() == 1);
    assert_eq!(config.proxy_metadata["ISTIO_META_DNS_CAPTURE"], "true");
    let network = &config.networks["n2"];
    let cidr = NetworkEndpoint::Cidr("10.0.0.0/8".to_owned());
    assert_eq!(network.endpoints, [NetworkEndpoint::Registry("c2".to_owned()), cidr]);
    assert_eq!(
        (network.gateways[0].address.as_deref(), network.gateways[0].port),
        (Some("192.0.2.1"), 15443)
    );
    let values = &state.injector_values["r"];
    assert_eq!(
        (values.network.as_deref(), values.cluster_name.as_deref()),
        (Some("n1"), Some("c1"))
    );
    assert!(values.injects_by_default && values.ca_address.is_none());
    assert_eq!(state.roots.distributed.as_deref(), Some("PEM"));
    assert_eq!(state.managed[0].channel.as_deref(), Some("regular"));
    assert_eq!(state.managed[0].is_reconciled, Some(true));
}

#[test]
fn istio_may_be_elsewhere() {
    let namespaced = |kind: &str, version: &str, name: &str, rest: Value| {
        let mut object = object(version, kind, name, rest);
        object["metadata"]["namespace"] = json!("mesh");
        object
    };
    let istiod = namespaced(
        "Deployment",
        "apps/v1",
        "istiod",
        json!({"metadata": {"labels": {"app": "istiod"}}}),
    );
    let config =
        namespaced("ConfigMap", "v1", "istio", json!({"data": {"mesh": "trustDomain: td"}}));
    let label = json!({"metadata": {"labels": {"topology.istio.io/network": "n1"}}});
    let state = cluster(&[istiod, config, object("v1", "Namespace", "mesh", label)]);
    assert_eq!((state.istio_namespace.as_str(), state.mesh_configs.len()), ("mesh", 1));
    assert_eq!(state.namespace_network(), Some("n1"));
    assert_eq!(state.networks().into_iter().collect::<Vec<_>>(), ["n1"]);
}

#[test]
fn workloads_and_pods() {
    let template = json!({
        "metadata": {"labels": {"app": "a"}, "annotations": {"sidecar.istio.io/inject": "false", "x": "y"}},
        "spec": {"hostNetwork": true, "containers": [{"name": "c", "image": "i:1", "env": [{"name": "P", "value": "SECRET"}]}]},
    });
    let set = object(
        "apps/v1",
        "DaemonSet",
        "d",
        json!({"spec": {"template": template.clone()},
        "status": {"desiredNumberScheduled": 3, "numberReady": 2}}),
    );
    let deployment = object("apps/v1", "Deployment", "d", json!({"spec": {"template": template}}));
    let pod = object(
        "v1",
        "Pod",
        "p",
        json!({
            "metadata": {
                "labels": {"app": "a", "pod-template-hash": "h1"},
                "annotations": {"sidecar.istio.io/status": "{\"revision\":\"r\"}", "cni/ip": "x", "istio.io/rev": "q"},
                "ownerReferences": [{"kind": "ReplicaSet", "name": "d-h1", "controller": true}],
            },
            "spec": {"nodeName": "node", "serviceAccountName": "sa",
                "initContainers": [{"name": "istio-proxy", "image": "proxyv2:1.30.2", "env": [
                    {"name": "ISTIO_META_NETWORK", "value": "n1"}, {"name": "ISTIO_META_CLUSTER_ID", "value": "c1"},
                    {"name": "TOKEN", "value": "SECRET"}]}], "containers": [{"name": "c", "image": "i:1"}]},
            "status": {"phase": "Running", "podIP": "10.4.0.3", "conditions": [{"type": "Ready", "status": "True"}]},
        }),
    );
    let bare = object(
        "v1",
        "Pod",
        "q",
        json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}),
    );
    let state = cluster(&[set, deployment, pod, bare]);
    let kinds: Vec<_> = state.workloads.iter().map(|w| (w.kind, w.replicas, w.ready)).collect();
    assert_eq!(kinds, [("DaemonSet", 3, 2), ("Deployment", 1, 0)]);
    let workload = &state.workloads[0];
    assert!(workload.is_on_host_network && !format!("{state:?}").contains("SECRET"));
    assert_eq!(*workload.template_annotations, labels(&[("sidecar.istio.io/inject", "false")]));
    let [p, q] = &state.pods[..] else { panic!() };
    let owner = p.owner.as_ref().map(|owner| (&*owner.kind, &*owner.name));
    assert_eq!(owner, Some(("Deployment", "d")));
    let sidecar = p.sidecar.as_ref().unwrap();
    assert_eq!((&*sidecar.image, sidecar.revision.as_deref()), ("proxyv2:1.30.2", Some("r")));
    assert_eq!(
        (sidecar.network.as_deref(), sidecar.cluster_id.as_deref()),
        (Some("n1"), Some("c1"))
    );
    assert_eq!(*p.meta.labels, labels(&[("app", "a")]));
    assert_eq!(*p.meta.annotations, labels(&[("istio.io/rev", "q")]));
    assert_eq!(
        (p.ip.as_deref(), p.node.as_deref(), p.is_ready),
        (Some("10.4.0.3"), Some("node"), true)
    );
    assert!(p.is_live() && !q.is_live() && q.sidecar.is_none() && p.containers.len() == 2);
}

#[test]
fn nodes_servers_and_ranges() {
    let node = object(
        "v1",
        "Node",
        "a",
        json!({
            "metadata": {"labels": {"topology.kubernetes.io/region": "us-west2", "topology.kubernetes.io/zone": "us-west2-a"}},
            "spec": {"podCIDR": "10.4.0.0/24", "podCIDRs": ["10.4.0.0/24", "fd00::/64"]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"kubeletVersion": "v1.33.1"},
                "addresses": [{"type": "InternalIP", "address": "10.0.0.4"}, {"type": "ExternalIP", "address": "203.0.113.4"},
                    {"type": "Hostname", "address": "a"}]},
        }),
    );
    let endpoints = |name: &str| {
        object(
            "v1",
            "Endpoints",
            name,
            json!({"metadata": {"namespace": "default"}, "subsets": [
            {"addresses": [{"ip": "10.0.0.2"}, {"ip": "fd00::2"}], "ports": [{"port": 6443}]}]}),
        )
    };
    let cidr = object(
        "networking.k8s.io/v1",
        "ServiceCIDR",
        "kubernetes",
        json!({"spec": {"cidrs": ["10.96.0.0/12"]}}),
    );
    let kubeadm = object(
        "v1",
        "ConfigMap",
        "kubeadm-config",
        json!({"metadata": {"namespace": "kube-system"},
        "data": {"ClusterConfiguration": "networking:\n  podSubnet: 10.4.0.0/16, fd00::/48\n  serviceSubnet: 10.96.0.0/12\n"}}),
    );
    let ranges = |state: &ClusterState| -> Vec<(String, RangeKind)> {
        state.ranges.iter().map(|range| (range.cidr.clone(), range.kind)).collect()
    };
    let (pod, service) = (RangeKind::Pod, RangeKind::Service);
    let state = cluster(&[node.clone(), endpoints("kubernetes"), endpoints("other"), cidr.clone()]);
    assert_eq!(
        (state.nodes[0].region(), state.nodes[0].zone()),
        (Some("us-west2"), Some("us-west2-a"))
    );
    assert_eq!(state.nodes[0].internal_ips, ["10.0.0.4"]);
    assert_eq!(state.nodes[0].external_addresses, ["203.0.113.4"]);
    assert!(state.nodes[0].is_ready && state.nodes[0].kubelet.as_deref() == Some("v1.33.1"));
    assert_eq!(state.api_servers, ["10.0.0.2:6443", "[fd00::2]:6443"]);
    let expected = [("10.96.0.0/12", service), ("10.4.0.0/24", pod), ("fd00::/64", pod)];
    assert_eq!(ranges(&state), expected.map(|(cidr, kind)| (cidr.to_owned(), kind)));
    let state = cluster(&[node, cidr, kubeadm]);
    let expected = [("10.96.0.0/12", service), ("10.4.0.0/16", pod), ("fd00::/48", pod)];
    assert_eq!(ranges(&state), expected.map(|(cidr, kind)| (cidr.to_owned(), kind)));
}

#[test]
fn traffic_policies() {
    let rule = object(
        "networking.istio.io/v1",
        "DestinationRule",
        "d",
        json!({"spec": {
            "host": "db", "exportTo": ["."], "workloadSelector": {"matchLabels": {"a": "b"}},
            "trafficPolicy": {
                "tls": {"mode": "DISABLE"}, "loadBalancer": {"localityLbSetting": {"failover": []}},
                "portLevelSettings": [{"port": {"number": 80}, "tls": {"mode": "ISTIO_MUTUAL"}}, {"port": {"number": 81}}],
            },
            "subsets": [{"name": "v1", "labels": {"version": "v1"}, "trafficPolicy": {"outlierDetection": {}}}],
        }}),
    );
    let peer = object(
        "security.istio.io/v1beta1",
        "PeerAuthentication",
        "p",
        json!({"spec": {
            "selector": {"matchLabels": {"app": "a"}}, "mtls": {"mode": "UNSET"},
            "portLevelMtls": {"8080": {"mode": "DISABLE"}, "9090": {"mode": "STRICT"}},
        }}),
    );
    let bare =
        object("networking.istio.io/v1", "DestinationRule", "e", json!({"spec": {"host": "x"}}));
    let state = cluster(&[rule, peer, bare]);
    let [rule, bare] = &state.destination_rules[..] else { panic!() };
    assert_eq!(
        (rule.host.as_str(), rule.tls, rule.locality_lb.as_ref().map(|one| one.is_enabled)),
        ("db", Some(TlsMode::Disable), Some(true))
    );
    assert_eq!(rule.port_tls.iter().collect::<Vec<_>>(), [(&80, &TlsMode::IstioMutual)]);
    assert!(
        rule.has_outlier_detection
            && !bare.has_outlier_detection
            && rule.workload_selector.is_some()
    );
    assert_eq!((rule.subsets[0].name.as_str(), rule.subsets[0].tls), ("v1", None));
    assert_eq!((bare.tls, &bare.locality_lb), (None, &None));
    let peer = &state.peer_authentications[0];
    assert_eq!((peer.mode, peer.selector.is_some()), (None, true));
    let ports: Vec<_> = peer.port_modes.iter().map(|(&port, &mode)| (port, mode)).collect();
    assert_eq!(ports, [(8080, MtlsMode::Disable), (9090, MtlsMode::Strict)]);
}
