//! User and password, or a query, in an address in any field that is known of any kind that the
//! tools read: they are not in a capture, and not in what offline tools know of a dump.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mesh_capture::redact;
use mesh_tests::fields::{Field, Form, KINDS, Kind, Planted, found};
use meshstate::{Mesh, Resource};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const LEAKS: [Form; 2] = [Form::Address, Form::User];

/// A document that is the text of a field.
struct Inner {
    /// The kind, as [`KINDS`] has it.
    kind: &'static str,
    /// The field.
    field: &'static str,
    /// What a schema, if there were one, would have; `+` is before what a capture keeps.
    fields: &'static str,
}

/// `istio.mesh.v1alpha1.MeshConfig`, Helm's values, `kubeadm.k8s.io`, and clientcmd's `Config`.
const INNER: [Inner; 5] = [
    Inner {
        kind: "configmaps",
        field: "mesh",
        fields: "+trustDomain +trustDomainAliases[] +rootNamespace +defaultConfig.discoveryAddress \
            +defaultConfig.meshId +defaultConfig.proxyMetadata.ISTIO_META_NETWORK \
            defaultConfig.proxyMetadata.X defaultConfig.tracing.zipkin.address \
            defaultConfig.tracing.lightstep.accessToken defaultConfig.customConfigFile \
            defaultConfig.zipkinAddress +discoverySelectors[].matchLabels.* \
            +discoverySelectors[].matchExpressions[].key +discoverySelectors[].matchExpressions[].values[] \
            +defaultServiceExportTo[] +defaultVirtualServiceExportTo[] \
            +defaultDestinationRuleExportTo[] +localityLbSetting.distribute[].from \
            +localityLbSetting.failover[].from +localityLbSetting.failover[].to \
            +localityLbSetting.failoverPriority[] +meshMTLS.minProtocolVersion \
            meshMTLS.cipherSuites[] +outboundTrafficPolicy.mode +serviceScopeConfigs[].scope \
            +serviceScopeConfigs[].servicesSelector.matchLabels.* +serviceSettings[].hosts[] \
            extensionProviders[].name extensionProviders[].zipkin.service caCertificates[].pem \
            caCertificates[].spiffeBundleUrl ca.address accessLogFile accessLogFormat \
            configSources[].address thriftConfig.rateLimitUrl ingressService ingressSelector",
    },
    Inner {
        kind: "configmaps",
        field: "meshNetworks",
        fields: "networks.{key} +networks.k.endpoints[].fromRegistry +networks.k.endpoints[].fromCidr \
            +networks.k.gateways[].address +networks.k.gateways[].registryServiceName \
            +networks.k.gateways[].locality",
    },
    Inner {
        kind: "configmaps(injector)",
        field: "values",
        fields: "+global.caAddress +global.caName +global.hub +global.tag +global.network \
            +global.meshID +global.multiCluster.clusterName +global.istioNamespace \
            global.imagePullSecrets[] global.proxy.image global.proxy.clusterDomain \
            global.proxy.tracer +global.remotePilotAddress +global.trustDomain +global.jwtPolicy \
            +global.pilotCertProvider +global.platform +global.variant global.sds.token.aud \
            +revision sidecarInjectorWebhook.injectionURL sidecarInjectorWebhook.templates.* \
            sidecarInjectorWebhook.injectedAnnotations.* \
            sidecarInjectorWebhook.neverInjectSelector[].matchLabels.*",
    },
    Inner {
        kind: "configmaps(kubeadm)",
        field: "ClusterConfiguration",
        fields: "+clusterName +controlPlaneEndpoint +kubernetesVersion imageRepository \
            +networking.podSubnet +networking.serviceSubnet +networking.dnsDomain \
            apiServer.extraArgs.* etcd.external.endpoints[] certificatesDir",
    },
    Inner {
        kind: "secrets(remote)",
        field: "a#",
        fields: "+current-context +clusters[].name +clusters[].cluster.server \
            +clusters[].cluster.tls-server-name +clusters[].cluster.proxy-url \
            clusters[].cluster.certificate-authority clusters[].cluster.certificate-authority-data# \
            clusters[].cluster.extensions[].name +contexts[].name +contexts[].context.cluster \
            +contexts[].context.user +contexts[].context.namespace +users[].name \
            users[].user.client-certificate users[].user.client-certificate-data# \
            users[].user.client-key users[].user.client-key-data# users[].user.token \
            users[].user.tokenFile users[].user.as users[].user.as-uid users[].user.as-groups[] \
            users[].user.as-user-extra.*[] users[].user.username users[].user.password \
            +users[].user.auth-provider.name users[].user.auth-provider.config.* \
            users[].user.exec.command users[].user.exec.args[] users[].user.exec.env[].name \
            users[].user.exec.env[].value users[].user.exec.apiVersion \
            users[].user.exec.installHint preferences.colors extensions[].name",
    },
];

fn kind(name: &str) -> &'static Kind {
    KINDS.iter().find(|kind| kind.name == name).expect("it is listed")
}

fn planted(kind: &Kind, fields: &[(usize, &Field)], form: Form) -> Value {
    let mut planted = Planted::default();
    for (number, field) in fields {
        planted.plant(field, *number, form);
    }
    for (path, value) in kind.fixed {
        planted.fix(path, &json!(value));
    }
    planted.object
}

/// A document with canaries, and the object around it.
fn planted_within(inner: &Inner, fields: &[(usize, &Field)], form: Form) -> Value {
    let text = planted(&Kind { fixed: &[], ..*kind("namespaces") }, fields, form).to_string();
    let (key, text) = match inner.field.strip_suffix('#') {
        Some(key) => (key, STANDARD.encode(text)),
        None => (inner.field, text),
    };
    let mut object = planted(kind(inner.kind), &[], form);
    // Without this a config map is not Istio's.
    object["data"] = if key == "meshNetworks" { json!({"mesh": ""}) } else { json!({}) };
    object["data"][key] = json!(text);
    object
}

fn shown(fields: &[Field], numbers: &BTreeSet<usize>) -> Vec<String> {
    numbers.iter().map(|&number| fields[number].shown()).collect()
}

fn numbered(fields: &[Field]) -> Vec<(usize, &Field)> {
    fields.iter().enumerate().collect()
}

fn captured(resource: Resource, object: Value) -> BTreeSet<usize> {
    found(&redact(resource, "v1", object).unwrap_or_default().to_string())
}

#[test]
fn captures_have_no_credentials_of_addresses() {
    let (mut all, mut words) = (0, 0);
    for kind in KINDS {
        let fields = kind.known();
        for form in LEAKS {
            let through = captured(kind.resource, planted(kind, &numbered(&fields), form));
            assert!(through.is_empty(), "{}: {:?}", kind.name, shown(&fields, &through));
        }
        all += fields.len();
        words += captured(kind.resource, planted(kind, &numbered(&fields), Form::Word)).len();
    }
    // Otherwise nothing was looked at.
    assert!(all > 1000 && words > 500, "{words} of {all}");
}

#[test]
fn of_documents_in_fields_captures_have_what_is_listed() {
    for inner in &INNER {
        let fields: Vec<Field> = inner
            .fields
            .split_whitespace()
            .map(|field| Field::of(field.trim_start_matches('+')))
            .collect();
        let through = |form| {
            let object = planted_within(inner, &numbered(&fields), form);
            captured(kind(inner.kind).resource, object)
        };
        for form in LEAKS {
            let through = through(form);
            assert!(through.is_empty(), "{}: {:?}", inner.field, shown(&fields, &through));
        }
        let listed: Vec<&str> =
            inner.fields.split_whitespace().filter_map(|field| field.strip_prefix('+')).collect();
        assert_eq!(shown(&fields, &through(Form::Word)), listed, "{}", inner.field);
    }
}

/// What a tool would know of a dump with this object, or would say of it.
fn known(resource: Resource, mut object: Value) -> String {
    let group = resource.group();
    object["kind"] = json!(resource.kind());
    object["apiVersion"] =
        json!(if group.is_empty() { "v1".into() } else { format!("{group}/v1") });
    if object["metadata"]["name"].is_null() {
        object["metadata"]["name"] = json!("a");
    }
    match Mesh::of_text("a", &object.to_string()) {
        Ok(mesh) => format!("{mesh:?}"),
        Err(error) => format!("{error:?}"),
    }
}

/// One by one: a field that is refused would hide what is in the others.
#[test]
fn what_tools_know_has_no_credentials_of_addresses() {
    let mut words = 0;
    for kind in KINDS {
        for field in kind.known() {
            let known = |form| known(kind.resource, planted(kind, &[(1, &field)], form));
            for form in LEAKS {
                let known = known(form);
                assert!(found(&known).is_empty(), "{} {}: {known}", kind.name, field.shown());
            }
            words += found(&known(Form::Word)).len();
        }
    }
    assert!(words > 100, "{words}");
    let mut words = 0;
    for inner in &INNER {
        for field in inner.fields.split_whitespace() {
            let field = Field::of(field.trim_start_matches('+'));
            let known = |form| {
                let object = planted_within(inner, &[(1, &field)], form);
                known(kind(inner.kind).resource, object)
            };
            for form in LEAKS {
                let known = known(form);
                assert!(found(&known).is_empty(), "{} {}: {known}", inner.field, field.shown());
            }
            words += found(&known(Form::Word)).len();
        }
    }
    assert!(words > 2, "{words}");
}
