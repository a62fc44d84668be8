//! The gateway as an IstioOperator, in each of the forms that gen-eastwest-gateway.sh has given
//! it.

use crate::gateway::{NAME, NETWORK_LABEL, NETWORK_VIEW, PORTS, Site, ports};
use crate::names::Identifier;
use crate::platform::CertProvider;
use crate::replicas::Replicas;
use meshcore::{DnsLabel, Network};
use serde_json::{Value, json};

/// A gateway that istioctl installs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// What the script of the cluster's version knows and prints.
    pub form: Form,
    /// Who signs istiod's certificate, where it is not left to Istio's default. The script does
    /// not print it; Google's guides add it by
    /// `istioctl install --set spec.values.global.pilotCertProvider=PROVIDER`.
    pub cert_provider: Option<CertProvider>,
    /// Where and how; the script knows nothing of it.
    pub site: Site,
}

/// What the script prints, by Istio version. Without a [`Member`] or [`Network`] it is the
/// gateway of a single cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Istio 1.8.0: no revision, ports named after what they carry.
    V1_8_0(Option<Member>),
    /// Istio 1.8.1 to 1.10, ASM 1.9 and 1.10: a revision, ports named after TLS.
    V1_8_1(Option<Member>, Option<DnsLabel>),
    /// Istio 1.11: the gateway's pod is injected.
    V1_11(Option<Member>, Option<DnsLabel>),
    /// Istio 1.12 to 1.30, ASM 1.19 and newer: cluster and mesh are not named any more.
    V1_12(Option<Network>, Option<DnsLabel>),
}

/// What gateways before 1.12 say of the cluster they stand in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Network of the cluster's pods.
    pub network: Network,
    /// The cluster, by istiod's `CLUSTER_ID`.
    pub cluster: Identifier,
    /// The mesh.
    pub mesh: Identifier,
}

impl Operator {
    /// The IstioOperator for `istioctl install -f`.
    #[must_use]
    pub fn object(&self) -> Value {
        let mut metadata = json!({"name": "eastwest"});
        self.site.mark(&mut metadata);
        let mut spec = json!({
            "profile": "empty",
            "components": {"ingressGateways": [self.component()]},
        });
        if let Some(revision) = self.revision() {
            spec["revision"] = revision.into();
        }
        let values = self.values();
        if !values.is_null() {
            spec["values"] = values;
        }
        json!({
            "apiVersion": "install.istio.io/v1alpha1",
            "kind": "IstioOperator",
            "metadata": metadata,
            "spec": spec,
        })
    }

    fn component(&self) -> Value {
        let mut label = json!({"app": NAME, "istio": "eastwestgateway"});
        if let Some(network) = self.network() {
            label[NETWORK_LABEL] = network.as_str().into();
        }
        let mut component = json!({
            "name": NAME, "enabled": true, "label": label, "k8s": self.kubernetes(),
        });
        if let Some(namespace) = &self.site.namespace {
            component["namespace"] = namespace.as_str().into();
        }
        component
    }

    /// What the operator lays over the chart's objects.
    fn kubernetes(&self) -> Value {
        let mut k8s = serde_json::Map::new();
        let mut env = Vec::new();
        if !matches!(self.form, Form::V1_12(..)) {
            env.push(json!({"name": "ISTIO_META_ROUTER_MODE", "value": "sni-dnat"}));
        }
        if let Some(network) = self.network() {
            env.push(json!({"name": NETWORK_VIEW, "value": network.as_str()}));
        }
        if !env.is_empty() {
            k8s.insert("env".to_owned(), env.into());
        }
        let mut service = serde_json::Map::new();
        let names = match self.form {
            Form::V1_8_0(_) => ["status-port", "mtls", "tcp-istiod", "tcp-webhook"],
            _ => PORTS,
        };
        service.insert("ports".to_owned(), ports(names).into());
        self.site.service.add_fields(&mut service);
        k8s.insert("service".to_owned(), service.into());
        if let Some(annotations) = self.site.service.annotations() {
            k8s.insert("serviceAnnotations".to_owned(), annotations);
        }
        if let Some(policy) = self.site.pull_policy {
            k8s.insert("imagePullPolicy".to_owned(), policy.as_str().into());
        }
        match self.site.replicas {
            Some(Replicas::Fixed(number)) => {
                k8s.insert("replicaCount".to_owned(), number.into());
            }
            Some(Replicas::Scaled { min, max }) => {
                let bounds = json!({"minReplicas": min, "maxReplicas": max});
                k8s.insert("hpaSpec".to_owned(), bounds);
            }
            None => {}
        }
        k8s.into()
    }

    /// The Helm values, or null when there are none.
    fn values(&self) -> Value {
        let mut values = Value::Null;
        let gateway = "istio-ingressgateway";
        if matches!(self.form, Form::V1_11(..) | Form::V1_12(..)) {
            values["gateways"][gateway]["injectionTemplate"] = "gateway".into();
        }
        // With its autoscaler the chart takes no number.
        if matches!(self.site.replicas, Some(Replicas::Fixed(_))) {
            values["gateways"][gateway]["autoscaleEnabled"] = false.into();
        }
        if let Some(network) = self.network() {
            values["global"]["network"] = network.as_str().into();
        }
        if let Some(member) = self.member() {
            values["global"]["meshID"] = member.mesh.as_str().into();
            values["global"]["multiCluster"]["clusterName"] = member.cluster.as_str().into();
        }
        if let Some(provider) = self.cert_provider {
            values["global"]["pilotCertProvider"] = provider.as_str().into();
        }
        values
    }

    fn member(&self) -> Option<&Member> {
        match &self.form {
            Form::V1_8_0(member) | Form::V1_8_1(member, _) | Form::V1_11(member, _) => {
                member.as_ref()
            }
            Form::V1_12(..) => None,
        }
    }

    fn network(&self) -> Option<&Network> {
        match &self.form {
            Form::V1_12(network, _) => network.as_ref(),
            _ => self.member().map(|member| &member.network),
        }
    }

    /// The revision, empty when the form has the field and none is given.
    fn revision(&self) -> Option<&str> {
        match &self.form {
            Form::V1_8_0(_) => None,
            Form::V1_8_1(_, revision) | Form::V1_11(_, revision) | Form::V1_12(_, revision) => {
                Some(revision.as_ref().map_or("", DnsLabel::as_str))
            }
        }
    }
}

// That each form is what its script prints, tests/script.rs shows.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::load_balancer::Service;

    fn operator() -> Operator {
        let form = Form::V1_12(Some("network1".parse().unwrap()), None);
        Operator { form, cert_provider: None, site: Site::default() }
    }

    /// What `change` adds to the IstioOperator, by JSON pointer.
    fn changed(change: impl Fn(&mut Operator), pointer: &str) -> Value {
        let mut changed = operator();
        change(&mut changed);
        assert!(operator().object().pointer(pointer).is_none(), "{pointer}");
        changed.object().pointer(pointer).unwrap().clone()
    }

    const K8S: &str = "/spec/components/ingressGateways/0/k8s";

    #[test]
    fn the_cert_provider_stands_beside_the_other_global_values() {
        let mut operator = operator();
        operator.cert_provider = Some(CertProvider::Kubernetes);
        assert_eq!(
            operator.object()["spec"]["values"]["global"],
            json!({"network": "network1", "pilotCertProvider": "kubernetes"})
        );
        operator.form = Form::V1_8_0(None);
        assert_eq!(
            operator.object()["spec"]["values"],
            json!({"global": {"pilotCertProvider": "kubernetes"}})
        );
    }

    #[test]
    fn the_site_stands_where_the_operator_looks() {
        let cluster = |o: &mut Operator| o.site.cluster = Some("asm-a".to_owned());
        assert_eq!(
            changed(cluster, "/metadata/annotations"),
            json!({"meshutils/cluster": "asm-a"})
        );
        let namespace = |o: &mut Operator| o.site.namespace = DnsLabel::parse("mesh").ok();
        assert_eq!(changed(namespace, "/spec/components/ingressGateways/0/namespace"), "mesh");

        let service = |o: &mut Operator| {
            o.site.service = Service {
                annotations: [("a/b".to_owned(), "true".to_owned())].into(),
                address: Some("10.0.0.9".parse().unwrap()),
                source_ranges: vec!["10.4.0.0/14".parse().unwrap()],
            };
        };
        let of = |field: &str| changed(service, &format!("{K8S}/{field}"));
        assert_eq!(of("serviceAnnotations"), json!({"a/b": "true"}));
        assert_eq!(of("service/loadBalancerIP"), "10.0.0.9");
        assert_eq!(of("service/loadBalancerSourceRanges"), json!(["10.4.0.0/14"]));
    }

    #[test]
    fn a_fixed_number_of_pods_ends_autoscaling() {
        let fixed = |o: &mut Operator| o.site.replicas = "2".parse().ok();
        assert_eq!(changed(fixed, &format!("{K8S}/replicaCount")), 2);
        let autoscale = "/spec/values/gateways/istio-ingressgateway/autoscaleEnabled";
        assert_eq!(changed(fixed, autoscale), false);
        let range = |o: &mut Operator| o.site.replicas = "2-7".parse().ok();
        assert_eq!(
            changed(range, &format!("{K8S}/hpaSpec")),
            json!({"minReplicas": 2, "maxReplicas": 7})
        );
    }
}
