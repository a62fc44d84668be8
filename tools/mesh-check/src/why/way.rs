//! The way between two clusters, as the caller's istiod sees their networks.

use super::link::{Answer, Link, Pair};
use crate::bulk::{Address, Gateway};
use crate::member::Member;
use crate::table::{self, gateways as check};
use meshcore::finding::Finding;
use meshcore::selector::selects;
use meshstate::{IstioGateway, Listener, NETWORK, NetworkEndpoint, Resource};
use std::collections::BTreeSet;

impl Pair<'_> {
    /// Networks that callers' proxies say they are in.
    fn near(&self) -> BTreeSet<Option<&str>> {
        let of_cluster = self.from.network();
        let callers = &self.from.bulk.asked.callers;
        if callers.is_empty() {
            return BTreeSet::from([of_cluster]);
        }
        callers
            .iter()
            .map(|pod| {
                let of_proxy = || pod.sidecar.as_ref()?.network.as_deref();
                pod.meta.label(NETWORK).or_else(of_proxy).or(of_cluster)
            })
            .collect()
    }

    /// Networks that istiod takes the service's pods to be in; `None` where it goes by addresses.
    fn far(&self) -> Option<BTreeSet<Option<&str>>> {
        let of_namespace = self.to.state.namespace_network();
        let networks = self.near_istiod().mesh_config().map(|config| &config.networks);
        let mut of_config = None;
        for (name, network) in networks.into_iter().flatten() {
            for endpoint in &network.endpoints {
                match endpoint {
                    NetworkEndpoint::Registry(id) if self.to.ids.contains(id) => {
                        of_config = Some(name.as_str());
                    }
                    NetworkEndpoint::Cidr(_) if of_namespace.is_none() => return None,
                    NetworkEndpoint::Registry(_) | NetworkEndpoint::Cidr(_) => {}
                }
            }
        }
        let of_cluster = of_namespace.or(of_config);
        let pods = self.to.bulk.asked.ready();
        let found: BTreeSet<_> = pods.map(|pod| pod.meta.label(NETWORK).or(of_cluster)).collect();
        Some(if found.is_empty() { BTreeSet::from([of_cluster]) } else { found })
    }

    /// Whether istiod gives the caller the pods' own addresses.
    pub(super) fn is_direct(&self) -> Option<bool> {
        let (near, far) = (self.near(), self.far()?);
        let (Ok(near), Ok(far)) = (one(&near), one(&far)) else { return None };
        Some(match far {
            None => true,
            Some(_) if near == far => true,
            Some(network) => !self.has_gateway(network),
        })
    }

    /// Whether the caller knows any gateway into a network.
    fn has_gateway(&self, network: &str) -> bool {
        usable(self.to, network).next().is_some()
            || self.by_hand(network)
            || self.others.iter().any(|member| usable(member, network).next().is_some())
    }

    /// Whether the caller's meshNetworks have a gateway of that network.
    fn by_hand(&self, network: &str) -> bool {
        let config =
            self.near_istiod().mesh_config().and_then(|config| config.networks.get(network));
        config.is_some_and(|network| !network.gateways.is_empty())
    }

    /// The way of the request.
    pub(super) fn way(&self) -> Vec<Link> {
        let (from, to) = (self.from, self.to);
        let shown = |network: Option<&str>| network.unwrap_or("no named network").to_owned();
        let (near, far) = (self.near(), self.far());
        let (Ok(near), Some(Ok(far))) = (one(&near), far.as_ref().map(one)) else {
            let text = format!("pods of {} and {} are in one network each", from.name(), to.name());
            return vec![Self::link("network", text, false, None)];
        };
        if self.is_direct() != Some(true) {
            return vec![self.gateway(&shown(near), far.unwrap_or_default())];
        }
        if from.network() == to.network() {
            return self.flat(near);
        }
        let finding = self
            .error(table::networks::ALL, &self.both(), |_| true)
            .or_else(|| self.error(table::gateways::ALL, &[to], |_| true))
            .unwrap_or_else(|| {
                let text = format!(
                    "istiod of {} gives the addresses of its pods, which it takes to be in {}: it \
                     is in {}, and {} in {}",
                    self.near_istiod().name(),
                    shown(far),
                    shown(to.network()),
                    from.name(),
                    shown(from.network())
                );
                let words = ["get", "pods", "-n", &self.service.namespace, "-L", NETWORK];
                self.finding(to, &table::networks::PODS, &text, to.way.kubectl(words))
            });
        let text = format!("{} reaches the pods of {}", from.name(), to.name());
        let name = if far.is_none() || near == far { "network" } else { "gateway" };
        vec![Self::link(name, text, true, Some(finding))]
    }

    /// Pods that reach each other by address.
    fn flat(&self, network: Option<&str>) -> Vec<Link> {
        let network = match network {
            Some(network) => format!("both are in network {network}"),
            None => "no network is set in either, so both are in one".to_owned(),
        };
        let text = format!("{network}: pods reach each other by address, and need no gateway");
        let is_impossible = |one: &Finding| one.code == table::networks::NO_ROUTE.code;
        let finding = self
            .error(table::ranges::ALL, &self.both(), |_| true)
            .or_else(|| self.error(table::networks::ALL, &self.both(), is_impossible))
            .or_else(|| self.error(table::firewalls::ALL, &[self.to], |_| true));
        let sites = self.both().map(crate::networks::site);
        let route = meshcore::route::between(&sites[0], &sites[1]);
        let is_known = route.is_ok_and(|route| route == meshcore::route::Route::Known);
        let (from, to) = (self.from.name(), self.to.name());
        let mut route = format!("a route leads from pods of {from} to those of {to}");
        if !is_known {
            route += ", which no object shows: mesh-probe asks the pods";
        }
        let is_placed = self.both().iter().all(|member| {
            let namespace = member.state.namespace(member.istio_namespace());
            member.network().is_some() || namespace.is_some()
        });
        vec![
            Self::link("network", text, is_placed, finding),
            Self::link("route", route, is_known, None),
        ]
    }

    fn gateway(&self, near: &str, network: &str) -> Link {
        let (from, to) = (self.from, self.to);
        let text = format!("a gateway leads from {near} into {network} of {}", to.name());
        let link = |answer, finding| Link { name: "gateway", answer, text: text.clone(), finding };
        let mut first = None;
        let mut is_unsure = false;
        for gateway in usable(self.to, network) {
            match self.lets_through(to, gateway) {
                Passage::Open => return link(Answer::Yes, None),
                Passage::Unknown => is_unsure = true,
                Passage::Closed(finding) => first = first.or(Some(finding)),
            }
        }
        // Where the cluster has none that counts, istiod takes those of the others in its network.
        let has_own = usable(self.to, network).next().is_some();
        let others = self
            .others
            .iter()
            .filter(|_| !has_own)
            .flat_map(|member| usable(member, network).map(move |gateway| (member, gateway)));
        for (member, gateway) in others {
            let leads_on = crate::member::reads(member, to)
                && member.network() == to.network()
                && member.bulk.asked.service.is_some();
            match self.lets_through(member, gateway) {
                Passage::Open if leads_on => return link(Answer::Yes, None),
                _ => is_unsure = true,
            }
        }
        if is_unsure || self.by_hand(network) {
            return link(Answer::Unknown, None);
        }
        let finding = self
            .error(table::gateways::ALL, &[to], |_| true)
            .or(first)
            .or_else(|| self.error(table::networks::ALL, &self.both(), |_| true));
        let finding = finding.unwrap_or_else(|| {
            let text = format!("no gateway leads from {} into its network {network}", from.name());
            let words = ["get", "services", "-A", "-l", NETWORK];
            self.finding(to, &check::NONE, &text, to.way.kubectl(words))
        });
        link(Answer::No, Some(finding))
    }

    /// Whether requests for the service get through a gateway.
    fn lets_through(&self, to: &Member, gateway: &Gateway) -> Passage {
        let object = gateway.object();
        let broken = |text: &str, fix: String| {
            Passage::Closed(self.finding(
                to,
                &check::NOT_EXPOSED,
                &format!("gateway {object} {text}"),
                fix,
            ))
        };
        let istiod = if to.name() == self.to.name() { self.far_istiod() } else { to };
        let scoped = istiod.state.control_planes.iter().any(|plane| {
            plane.env.get("PILOT_SCOPE_GATEWAY_TO_NAMESPACE").is_some_and(|value| value == "true")
        });
        let Some(pods) = &gateway.pods else { return Passage::Unknown };
        let starts =
            |one: &Finding| one.code == check::STARTS.code && one.object.ends_with(&object);
        if pods.ready == 0 && self.findings.iter().any(starts) {
            return Passage::Unknown;
        }
        if pods.ready == 0 {
            return self.error(table::gateways::ALL, &[to], |_| true).map_or_else(
                || {
                    broken(
                        "has no pod that is ready",
                        to.way.kubectl(["get", "pods", "-n", &gateway.namespace]),
                    )
                },
                Passage::Closed,
            );
        }
        let is_named = gateway.addresses.iter().all(|one| matches!(one, Address::Name(_)));
        let is_known = istiod.state.knows(Resource::IstioGateways)
            && !is_named
            && !scoped
            && !gateway.is_ambient();
        if let Some((text, fix)) = self.hidden_from(to, &gateway.namespace) {
            return Passage::Closed(self.finding(to, &table::services::KEPT_BACK, &text, fix));
        }
        // Its istiod gives a gateway only what it would reach with mutual TLS.
        let Some(rules) = self.rules_of(istiod, &gateway.namespace) else {
            return Passage::Unknown;
        };
        let is_plain = |mode: &meshstate::TlsMode| *mode != meshstate::TlsMode::IstioMutual;
        if let Some(rule) = rules.iter().find(|rule| {
            rule.tls.as_ref().is_some_and(&is_plain) || rule.port_tls.values().any(&is_plain)
        }) {
            let text = format!(
                "DestinationRule {} switches mutual TLS off for {}: its gateway gets no endpoint",
                rule.meta.object(),
                self.host()
            );
            let fix = crate::traffic::set_mode(to, "destinationrule", &rule.meta, "ISTIO_MUTUAL");
            return Passage::Closed(self.finding(to, &table::services::PLAIN_TEXT, &text, fix));
        }
        // A server's port is that of the Service, which leads to the pods' own; or the pods' own.
        let ports = [gateway.port, gateway.target];
        let listens = |one: &IstioGateway, server: &Listener| {
            server.tls_mode.as_deref() == Some("AUTO_PASSTHROUGH")
                && ports.contains(&Some(server.port))
                && pods.labels.iter().any(|labels| selects(&one.selector, labels))
                && server.hosts.iter().any(|host| self.is_for(host))
        };
        let all = &istiod.state.istio_gateways;
        if all.iter().any(|one| one.servers.iter().any(|server| listens(one, server))) {
            return if is_known { Passage::Open } else { Passage::Unknown };
        }
        if !is_known {
            return Passage::Unknown;
        }
        let text = format!(
            "has no server with AUTO_PASSTHROUGH on port {} for {}",
            gateway.port.unwrap_or_default(),
            self.host()
        );
        broken(&text, crate::gateways::expose(to, Some(gateway)))
    }

    /// Whether a host of a Gateway, NAMESPACE/HOST, is for the service. With `AUTO_PASSTHROUGH` the
    /// namespace does not matter.
    fn is_for(&self, host: &str) -> bool {
        let pattern = host.split_once('/').map_or(host, |(_, pattern)| pattern);
        super::request::means(pattern, "", &self.host())
    }
}

/// Whether a gateway lets requests through.
enum Passage {
    Open,
    Closed(Finding),
    Unknown,
}

/// The network that all are in, named or not.
fn one<'a>(all: &BTreeSet<Option<&'a str>>) -> Result<Option<&'a str>, Several> {
    match all.len() {
        1 => Ok(all.iter().next().copied().flatten()),
        _ => Err(Several),
    }
}

/// They are in several networks.
struct Several;

/// Gateways of a cluster into a network that others can use.
fn usable<'a>(member: &'a Member, network: &'a str) -> impl Iterator<Item = &'a Gateway> {
    let is_it = move |one: &&Gateway| {
        one.network == network && one.port.is_some() && !one.addresses.is_empty()
    };
    member.bulk.gateways.iter().filter(is_it)
}
