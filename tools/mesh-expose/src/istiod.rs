//! istiod for clusters without a control plane and for machines, as Istio's
//! samples/multicluster/expose-istiod*.yaml expose it: 15012 for configuration and certificates,
//! 15017 for the injection webhook.

use crate::{DnsName, Revision, Site};
use serde_json::{Value, json};

/// Who ends the TLS of istiod's clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entrance {
    /// istiod itself (expose-istiod.yaml, and expose-istiod-rev.yaml.tmpl with a revision).
    Passthrough,
    /// The gateway, which opens TLS of its own to istiod (expose-istiod-https.yaml).
    Https {
        /// Secret with the gateway's certificate, in the namespace of the gateway's pods.
        credential: DnsName,
        /// Name by which clients reach the gateway.
        host: DnsName,
    },
}

/// Whose clients come to which istiod.
#[derive(Debug, Clone, Copy)]
pub struct Clients<'a> {
    /// The revision that they know, which names the objects; none for the one without.
    pub of: Option<&'a Revision>,
    /// The revision that serves them. Every istiod's certificate has the name of the one without,
    /// too (pilot/pkg/bootstrap/server.go, getDNSNames).
    pub revision: Option<&'a Revision>,
}

impl<'a> Clients<'a> {
    /// Those of a revision.
    #[must_use]
    pub fn of(revision: Option<&'a Revision>) -> Self {
        Self { of: revision, revision }
    }
}

impl Site {
    /// The Gateway, the `VirtualService` and, with https, the `DestinationRule`.
    #[must_use]
    pub fn expose_istiod(&self, clients: Clients<'_>, entrance: &Entrance) -> Vec<Value> {
        match entrance {
            Entrance::Passthrough => self.pass_through(clients),
            Entrance::Https { credential, host } => self.terminate(clients, credential, host),
        }
    }

    fn pass_through(&self, Clients { of, revision }: Clients<'_>) -> Vec<Value> {
        let server = |number: u16, name: &str| {
            json!({
                "port": {"number": number, "name": name, "protocol": "TLS"},
                "tls": {"mode": "PASSTHROUGH"},
                "hosts": ["*"],
            })
        };
        let istiod = self.istiod(revision);
        let sni_hosts = match of {
            Some(_) => json!([self.istiod_short(of), istiod]),
            None => json!(["*"]),
        };
        let route = |port: u16, target: u16| {
            json!({
                "match": [{"port": port, "sniHosts": sni_hosts}],
                "route": [{"destination": {"host": istiod, "port": {"number": target}}}],
            })
        };
        // Revisions differ in SNI, so they share a Gateway.
        let gateway = "istiod-gateway";
        let servers = json!([server(15012, "tls-istiod"), server(15017, "tls-istiodwebhook")]);
        let virtual_service = json!({
            "hosts": ["*"],
            "gateways": [gateway],
            "tls": [route(15012, 15012), route(15017, 443)],
        });
        vec![
            self.gateway(gateway, servers),
            self.object("VirtualService", &named("istiod-vs", of), virtual_service),
        ]
    }

    fn terminate(
        &self,
        Clients { of, revision }: Clients<'_>,
        credential: &DnsName,
        host: &DnsName,
    ) -> Vec<Value> {
        let server = |number: u16, name: &str| {
            json!({
                "port": {"number": number, "name": name, "protocol": "HTTPS"},
                "tls": {"mode": "SIMPLE", "credentialName": credential.as_str()},
                "hosts": [host.as_str()],
            })
        };
        let istiod = self.istiod(revision);
        let route = |port: u16, target: u16| {
            json!({
                "match": [{"port": port}],
                "route": [{"destination": {"host": istiod, "port": {"number": target}}}],
            })
        };
        // Each revision has a host of its own, so it has a Gateway of its own.
        let gateway = named("istiod-gateway", of);
        let servers = json!([server(15012, "https-istiod"), server(15017, "https-istiodwebhook")]);
        let virtual_service = json!({
            "hosts": [host.as_str()],
            "gateways": [gateway],
            "http": [route(15012, 15012), route(15017, 443)],
        });
        let destination_rule = json!({
            "host": istiod,
            "trafficPolicy": {"portLevelSettings": [
                {
                    "port": {"number": 15012},
                    "tls": {"mode": "SIMPLE"},
                    // Port 15012 is gRPC.
                    "connectionPool": {"http": {"h2UpgradePolicy": "UPGRADE"}},
                },
                {"port": {"number": 443}, "tls": {"mode": "SIMPLE"}},
            ]},
        });
        vec![
            self.gateway(&gateway, servers),
            self.object("VirtualService", &named("istiod-vs", of), virtual_service),
            self.object("DestinationRule", &named("istiod-dr", of), destination_rule),
        ]
    }

    /// The whole name of istiod's Service.
    fn istiod(&self, revision: Option<&Revision>) -> String {
        format!("{}.{}", self.istiod_short(revision), self.domain)
    }

    /// Its name without the cluster's domain: what injected proxies call it.
    fn istiod_short(&self, revision: Option<&Revision>) -> String {
        format!("{}.{}.svc", named("istiod", revision), self.namespace)
    }
}

fn named(name: &str, revision: Option<&Revision>) -> String {
    match revision {
        Some(revision) => format!("{name}-{revision}"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::tests::{elsewhere, site};

    fn https() -> Entrance {
        Entrance::Https {
            credential: "istiod-cert".parse().unwrap(),
            host: "istiod.example.com".parse().unwrap(),
        }
    }

    fn metadata(name: &str) -> Value {
        json!({
            "name": name,
            "namespace": "istio-system",
            "labels": {"app.kubernetes.io/managed-by": "meshutils"},
        })
    }

    #[test]
    fn as_expose_istiod_yaml() {
        let gateway = json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "Gateway",
            "metadata": metadata("istiod-gateway"),
            "spec": {
                "selector": {"istio": "eastwestgateway"},
                "servers": [
                    {
                        "port": {"name": "tls-istiod", "number": 15012, "protocol": "TLS"},
                        "tls": {"mode": "PASSTHROUGH"},
                        "hosts": ["*"],
                    },
                    {
                        "port": {"name": "tls-istiodwebhook", "number": 15017, "protocol": "TLS"},
                        "tls": {"mode": "PASSTHROUGH"},
                        "hosts": ["*"],
                    },
                ],
            },
        });
        let virtual_service = json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": metadata("istiod-vs"),
            "spec": {
                "hosts": ["*"],
                "gateways": ["istiod-gateway"],
                "tls": [
                    {
                        "match": [{"port": 15012, "sniHosts": ["*"]}],
                        "route": [{"destination": {
                            "host": "istiod.istio-system.svc.cluster.local",
                            "port": {"number": 15012},
                        }}],
                    },
                    {
                        "match": [{"port": 15017, "sniHosts": ["*"]}],
                        "route": [{"destination": {
                            "host": "istiod.istio-system.svc.cluster.local",
                            "port": {"number": 443},
                        }}],
                    },
                ],
            },
        });
        assert_eq!(
            site().expose_istiod(Clients::of(None), &Entrance::Passthrough),
            [gateway, virtual_service]
        );
    }

    #[test]
    fn as_expose_istiod_rev_yaml_tmpl() {
        let revision = "asm-11910-9".parse().unwrap();
        let objects =
            elsewhere().expose_istiod(Clients::of(Some(&revision)), &Entrance::Passthrough);
        let whole = "istiod-asm-11910-9.mesh.svc.k8s.example";
        let sni_hosts = ["istiod-asm-11910-9.mesh.svc", whole];
        let expected = json!({
            "apiVersion": "networking.istio.io/v1alpha3",
            "kind": "VirtualService",
            "metadata": {
                "name": "istiod-vs-asm-11910-9",
                "namespace": "mesh",
                "labels": {"app.kubernetes.io/managed-by": "meshutils"},
            },
            "spec": {
                "hosts": ["*"],
                "gateways": ["istiod-gateway"],
                "tls": [
                    {
                        "match": [{"port": 15012, "sniHosts": sni_hosts}],
                        "route": [{"destination": {"host": whole, "port": {"number": 15012}}}],
                    },
                    {
                        "match": [{"port": 15017, "sniHosts": sni_hosts}],
                        "route": [{"destination": {"host": whole, "port": {"number": 443}}}],
                    },
                ],
            },
        });
        assert_eq!(objects.len(), 2);
        assert_eq!(
            objects[0],
            elsewhere().expose_istiod(Clients::of(None), &Entrance::Passthrough)[0]
        );
        assert_eq!(objects[1], expected);
    }

    #[test]
    fn as_expose_istiod_https_yaml() {
        let gateway = json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "Gateway",
            "metadata": metadata("istiod-gateway"),
            "spec": {
                "selector": {"istio": "eastwestgateway"},
                "servers": [
                    {
                        "port": {"name": "https-istiod", "number": 15012, "protocol": "HTTPS"},
                        "tls": {"mode": "SIMPLE", "credentialName": "istiod-cert"},
                        "hosts": ["istiod.example.com"],
                    },
                    {
                        "port": {
                            "name": "https-istiodwebhook", "number": 15017, "protocol": "HTTPS",
                        },
                        "tls": {"mode": "SIMPLE", "credentialName": "istiod-cert"},
                        "hosts": ["istiod.example.com"],
                    },
                ],
            },
        });
        let virtual_service = json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": metadata("istiod-vs"),
            "spec": {
                "hosts": ["istiod.example.com"],
                "gateways": ["istiod-gateway"],
                "http": [
                    {
                        "match": [{"port": 15012}],
                        "route": [{"destination": {
                            "host": "istiod.istio-system.svc.cluster.local",
                            "port": {"number": 15012},
                        }}],
                    },
                    {
                        "match": [{"port": 15017}],
                        "route": [{"destination": {
                            "host": "istiod.istio-system.svc.cluster.local",
                            "port": {"number": 443},
                        }}],
                    },
                ],
            },
        });
        let destination_rule = json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "DestinationRule",
            "metadata": metadata("istiod-dr"),
            "spec": {
                "host": "istiod.istio-system.svc.cluster.local",
                "trafficPolicy": {"portLevelSettings": [
                    {
                        "port": {"number": 15012},
                        "tls": {"mode": "SIMPLE"},
                        "connectionPool": {"http": {"h2UpgradePolicy": "UPGRADE"}},
                    },
                    {"port": {"number": 443}, "tls": {"mode": "SIMPLE"}},
                ]},
            },
        });
        assert_eq!(
            site().expose_istiod(Clients::of(None), &https()),
            [gateway, virtual_service, destination_rule]
        );
    }

    #[test]
    fn with_https_no_object_of_a_revision_is_shared() {
        let revision = "r".parse().unwrap();
        let objects = site().expose_istiod(Clients::of(Some(&revision)), &https());
        let names: Vec<&Value> = objects.iter().map(|object| &object["metadata"]["name"]).collect();
        assert_eq!(names, ["istiod-gateway-r", "istiod-vs-r", "istiod-dr-r"]);
        assert_eq!(objects[1]["spec"]["gateways"], json!(["istiod-gateway-r"]));
        let istiod = "istiod-r.istio-system.svc.cluster.local";
        assert_eq!(objects[2]["spec"]["host"], istiod);
        for route in [0, 1] {
            assert_eq!(
                objects[1]["spec"]["http"][route]["route"][0]["destination"]["host"],
                istiod
            );
        }
    }
}
