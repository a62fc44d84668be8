//! What one control plane must be given, so that it and the others are one mesh.

use crate::{ClusterId, Member, Mesh, MeshId, PilotAddress, Seat, TrustDomain};
use meshcore::{DnsLabel, Error, Network, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Trust domains of a mesh; each control plane is given all of them.
const MOST_DOMAINS: usize = 100;

/// What the user decides for all control planes.
#[derive(Debug, Clone)]
pub struct Choices {
    /// Namespace of Istio.
    pub namespace: DnsLabel,
    /// Revision of all, instead of the one that each record tells.
    pub revision: Option<DnsLabel>,
    /// Trust domain of those whose record tells none.
    pub trust_domain: TrustDomain,
    /// Addresses by which remotes find the istiod of a primary, by the primary's name.
    pub addresses: Vec<(String, PilotAddress)>,
}

/// The installation of Istio in one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlPlane {
    /// The mesh, the same in all.
    pub mesh: MeshId,
    /// The cluster, another in each.
    pub cluster: ClusterId,
    /// Its network.
    pub network: Network,
    /// Namespace of Istio.
    pub namespace: DnsLabel,
    /// None is Istio's revision `default`.
    pub revision: Option<DnsLabel>,
    /// With or without an istiod of its own.
    pub role: Role,
}

/// What is installed depends on who runs the cluster's control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// An istiod.
    Primary {
        /// The trust domain of the identities that it signs.
        trust_domain: TrustDomain,
        /// All others of the mesh: its workloads take them for their own.
        aliases: BTreeSet<TrustDomain>,
        /// Whether it serves other clusters, too.
        has_remotes: bool,
    },
    /// The webhook and the Service that lead to the primary's istiod.
    Remote {
        /// Where that is.
        istiod: PilotAddress,
    },
}

impl Choices {
    /// The control planes of `chosen`; what is said of the others is checked, too.
    pub fn control_planes(
        &self,
        mesh: &Mesh<'_>,
        chosen: &[&Member<'_>],
    ) -> Result<Vec<ControlPlane>> {
        let domains = self.trust_domains(mesh)?;
        let all: BTreeSet<&TrustDomain> = domains.values().collect();
        if all.len() > MOST_DOMAINS {
            return Err(Error::data(format!(
                "the clusters have {} trust domains, of {MOST_DOMAINS} at most",
                all.len()
            ))
            .hint("each control plane is given those of all others: let them have one in common"));
        }
        let addresses = self.addresses(mesh)?;
        let plane = |member: &&Member<'_>| {
            let (role, revision) = match &member.seat {
                Seat::Primary { has_remotes } => {
                    let own = &domains[&member.id];
                    let others = all.iter().filter(|domain| **domain != own);
                    let role = Role::Primary {
                        trust_domain: own.clone(),
                        aliases: others.copied().cloned().collect(),
                        has_remotes: *has_remotes,
                    };
                    (role, self.revision(member)?)
                }
                Seat::Remote { primary } => {
                    let primary = mesh.find(primary.as_str())?;
                    let istiod = match addresses.get(&primary.id) {
                        Some(&address) => address,
                        None => gateway(primary)?,
                    };
                    // The webhook and the proxies find the primary's istiod by its revision.
                    (Role::Remote { istiod }, self.revision(primary)?)
                }
            };
            Ok(ControlPlane {
                mesh: mesh.id.clone(),
                cluster: member.id.clone(),
                network: member.network.clone(),
                namespace: self.namespace.clone(),
                revision,
                role,
            })
        };
        chosen.iter().map(plane).collect()
    }

    /// The trust domain of each primary.
    fn trust_domains(&self, mesh: &Mesh<'_>) -> Result<BTreeMap<ClusterId, TrustDomain>> {
        let domain = |member: &Member<'_>| {
            member.facts.trust_domain.clone().unwrap_or_else(|| self.trust_domain.clone())
        };
        let mut domains = BTreeMap::new();
        for member in &mesh.members {
            match &member.seat {
                Seat::Primary { .. } => drop(domains.insert(member.id.clone(), domain(member))),
                Seat::Remote { primary } => {
                    let primary = mesh.find(primary.as_str())?;
                    let (own, signed) = (member.facts.trust_domain.as_ref(), domain(primary));
                    if own.is_some_and(|own| *own != signed) {
                        return Err(Error::data(format!(
                            "its trust domain is {}, and its primary {} signs for {signed}",
                            domain(member),
                            primary.cluster.label()
                        ))
                        .at(member.place())
                        .hint("a remote has the trust domain of its primary"));
                    }
                }
            }
        }
        Ok(domains)
    }

    fn revision(&self, member: &Member<'_>) -> Result<Option<DnsLabel>> {
        let named = |revision: &DnsLabel| revision.as_str() != "default";
        if let Some(revision) = &self.revision {
            return Ok(Some(revision.clone()).filter(named));
        }
        let known: Vec<&str> = member.facts.revisions.iter().map(String::as_str).collect();
        match known[..] {
            [] => Ok(None),
            [revision] => DnsLabel::parse(revision).map(|r| Some(r).filter(named)).map_err(|why| {
                Error::data(format!("{revision:?} {why}"))
                    .at(format!("{}: .revisions", member.place()))
            }),
            _ => Err(Error::data(format!("has several revisions: {}", known.join(", ")))
                .at(member.place())
                .hint("say with --revision which to install")),
        }
    }

    fn addresses(&self, mesh: &Mesh<'_>) -> Result<BTreeMap<ClusterId, PilotAddress>> {
        let mut addresses = BTreeMap::new();
        for (name, address) in &self.addresses {
            let primary = mesh.find(name)?;
            let wrong = |reason: &str| {
                let label = primary.cluster.label();
                Error::usage(format!("--remote-pilot-address: cluster {label} {reason}"))
            };
            if primary.seat != (Seat::Primary { has_remotes: true }) {
                return Err(wrong("serves no remote").hint("--remote REMOTE=PRIMARY names one"));
            }
            let known = addresses.insert(primary.id.clone(), *address);
            if known.is_some_and(|known| known != *address) {
                return Err(wrong("has two addresses"));
            }
        }
        Ok(addresses)
    }
}

/// The address of a primary's gateway, where its record tells exactly one.
fn gateway(primary: &Member<'_>) -> Result<PilotAddress> {
    let place = format!("{}: .gateways", primary.place());
    let hint = format!(
        "--remote-pilot-address {}=ADDRESS: the external IP of its east-west gateway",
        primary.id
    );
    let mut known = primary.facts.gateways.iter();
    match (known.next(), known.next()) {
        (Some(address), None) => {
            address.parse().map_err(|reason: String| Error::data(reason).at(place).hint(hint))
        }
        (None, _) => Err(Error::data(
            "its remotes need the address of its istiod, and its record has no gateway",
        )
        .at(primary.place())
        .hint(hint)),
        _ => {
            let all: Vec<&str> = primary.facts.gateways.iter().map(String::as_str).collect();
            Err(Error::data(format!("has several addresses: {}", all.join(", ")))
                .at(place)
                .hint(hint))
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Said;
    use crate::mesh::tests::record;
    use meshcore::cluster::Cluster;
    use proptest::prelude::*;
    use serde_json::json;

    pub(crate) fn choices() -> Choices {
        Choices {
            namespace: DnsLabel::parse("istio-system").unwrap(),
            revision: None,
            trust_domain: TrustDomain::cluster_local(),
            addresses: Vec::new(),
        }
    }

    /// The control plane of cluster `name`; `b` is a remote of `a` if `remote`.
    fn plane(
        clusters: &[Cluster],
        remote: bool,
        choices: &Choices,
        name: &str,
    ) -> Result<ControlPlane> {
        let remotes = if remote { vec![("b".to_owned(), "a".to_owned())] } else { Vec::new() };
        let mesh = Mesh::of(clusters, &Said { remotes, ..Said::default() })?;
        Ok(choices.control_planes(&mesh, &[mesh.find(name)?])?.remove(0))
    }

    fn text(result: Result<ControlPlane>) -> String {
        result.unwrap_err().message().text().to_owned()
    }

    #[test]
    fn trust_domains_are_aliases_of_each_other() {
        let clusters = [
            record("a", json!({"trustDomain": "td1"})),
            record("b", json!({})),
            record("c", json!({"trustDomain": "td1"})),
        ];
        for (name, own, alias) in [("a", "td1", "cluster.local"), ("b", "cluster.local", "td1")] {
            let Role::Primary { trust_domain, aliases, .. } =
                plane(&clusters, false, &choices(), name).unwrap().role
            else {
                panic!("a primary")
            };
            assert_eq!(trust_domain.as_str(), own);
            assert_eq!(aliases, BTreeSet::from([alias.parse().unwrap()]));
        }
        let other = record("b", json!({"trustDomain": "td2"}));
        let found = text(plane(&[clusters[0].clone(), other], true, &choices(), "a"));
        assert_eq!(found, "cluster b: its trust domain is td2, and its primary a signs for td1");
    }

    #[test]
    fn a_remote_follows_its_primary() {
        let clusters = [
            record("a", json!({"revisions": ["r1"], "gateways": ["34.1.1.1"]})),
            record("b", json!({"revisions": ["r0", "r1"]})),
        ];
        let remote = plane(&clusters, true, &choices(), "b").unwrap();
        assert_eq!(remote.revision.unwrap().as_str(), "r1");
        assert_eq!(remote.role, Role::Remote { istiod: "34.1.1.1".parse().unwrap() });
        let said = Choices {
            revision: DnsLabel::parse("default").ok(),
            addresses: vec![("a".to_owned(), "34.1.1.9".parse().unwrap())],
            ..choices()
        };
        let remote = plane(&clusters, true, &said, "b").unwrap();
        assert_eq!(remote.revision, None);
        assert_eq!(remote.role, Role::Remote { istiod: "34.1.1.9".parse().unwrap() });
        let primary = plane(&clusters, true, &choices(), "a").unwrap();
        assert!(matches!(primary.role, Role::Primary { has_remotes: true, .. }));
    }

    #[test]
    fn a_primary_without_one_address_is_told() {
        for (gateways, reason) in [
            (json!([]), "cluster a: its remotes need the address"),
            (json!(["34.1.1.1", "34.1.1.2"]), "cluster a: .gateways: has several addresses: 34."),
            (json!(["a.elb.example.com"]), "cluster a: .gateways: \"a.elb.example.com\" is no IP"),
        ] {
            let clusters = [record("a", json!({"gateways": gateways})), record("b", json!({}))];
            assert!(text(plane(&clusters, true, &choices(), "b")).starts_with(reason));
            // The primary itself needs none yet.
            assert!(plane(&clusters, true, &choices(), "a").is_ok());
        }
    }

    #[test]
    fn an_address_is_of_a_primary_with_remotes() {
        let clusters = [record("a", json!({})), record("b", json!({}))];
        let at = |name: &str, address: &str| (name.to_owned(), address.parse().unwrap());
        for (addresses, reason) in [
            (vec![at("b", "34.1.1.1")], "cluster b serves no remote"),
            (vec![at("c", "34.1.1.1")], "no cluster \"c\""),
            (vec![at("a", "34.1.1.1"), at("a", "34.1.1.2")], "cluster a has two addresses"),
        ] {
            let said = Choices { addresses, ..choices() };
            assert!(text(plane(&clusters, true, &said, "a")).contains(reason));
        }
    }

    #[test]
    fn several_revisions_are_not_chosen_from() {
        for (revisions, reason) in [
            (json!(["r1", "r2"]), "cluster a: has several revisions: r1, r2"),
            (json!(["1.19"]), "cluster a: .revisions: \"1.19\" may have lower-case"),
        ] {
            let clusters = [record("a", json!({"revisions": revisions}))];
            assert_eq!(text(plane(&clusters, false, &choices(), "a"))[..reason.len()], *reason);
        }
        let clusters = [record("a", json!({"revisions": ["default"]}))];
        assert_eq!(plane(&clusters, false, &choices(), "a").unwrap().revision, None);
    }

    proptest! {
        /// Each control plane takes the identities of every other for its own.
        #[test]
        fn no_trust_domain_is_left_out(domains in prop::collection::vec("[a-c]?", 1..6)) {
            let cluster = |(i, domain): (usize, &String)| {
                let domain = Some(domain).filter(|domain| !domain.is_empty());
                record(&format!("c{i}"), json!({"trustDomain": domain}))
            };
            let clusters: Vec<Cluster> = domains.iter().enumerate().map(cluster).collect();
            let accepted: BTreeSet<BTreeSet<TrustDomain>> = clusters
                .iter()
                .map(|c| match plane(&clusters, false, &choices(), &c.name).unwrap().role {
                    Role::Primary { trust_domain, aliases, .. } => {
                        assert!(!aliases.contains(&trust_domain));
                        aliases.into_iter().chain([trust_domain]).collect()
                    }
                    Role::Remote { .. } => panic!("a primary"),
                })
                .collect();
            prop_assert_eq!(accepted.len(), 1);
        }
    }
}
