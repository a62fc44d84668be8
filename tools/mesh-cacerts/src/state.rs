//! How far a cluster is on its way to a root.

use crate::found::{Cluster, FileSet, Style};
use crate::input::Clusters;
use crate::istiod;
use crate::parsed::{Bundle, Parsed};
use crate::subject::Subject;
use crate::verify::When;
use meshcore::{Error, Result};
use meshpki::{Certificate, chain};

/// Where the clusters are to go.
pub struct Goal<'a> {
    /// The root; none when it is not made yet.
    pub root: Option<&'a Certificate>,
    /// Now, and how long an intermediate is to live at least.
    pub when: When,
    /// Whether intermediates are made anew that are good.
    pub renew: bool,
}

/// A cluster's CA, as seen from a goal.
pub struct State<'a> {
    /// What messages call the cluster.
    pub label: &'a str,
    /// Its name, if it is known.
    pub name: Option<&'a str>,
    /// All that was found of it.
    pub cluster: &'a Cluster,
    /// Its CA.
    pub parsed: Parsed<'a>,
    /// From when on the CA certificate is valid, as Unix time: it was made then.
    pub made: i64,
    /// The same of the root to go to.
    pub root_made: i64,
    /// When the CA certificate ends, as Unix time.
    pub expires: i64,
    /// Whether the root is among its roots.
    pub is_trusted: bool,
    /// Whether it signs below the root, and for long enough.
    pub is_signed: bool,
    /// Whether it signs below the root at all.
    pub is_below: bool,
    /// Whether the root is its only one.
    pub is_alone: bool,
    /// Which roots its proxies were given; none where the input does not say.
    pub published: Option<Published>,
}

/// What the config maps of a cluster have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// One of them has not the root.
    Without,
    /// All have it, and one of them another one, too.
    AmongOthers,
    /// All have nothing else.
    Alone,
}

/// The states of all clusters but those that another's istiod serves. Each must have a CA that istiod takes and that is kept as Istio
/// keeps it.
pub fn read<'a>(clusters: &'a Clusters, goal: &Goal<'_>) -> Result<Vec<State<'a>>> {
    let mut states = Vec::new();
    for (label, cluster) in clusters {
        if cluster.is_remote() {
            continue;
        }
        if cluster.sets.is_empty() {
            return Err(Error::data("its CA is not in the input")
                .at(format!("cluster {label}"))
                .hint("pipe its Secrets in: kubectl get secrets,configmaps -n istio-system -o json")
                .hint("mesh-cacerts init makes a CA for a cluster that has none"));
        }
        for set in &cluster.sets {
            states.push(State::read(label, cluster, set, goal)?);
        }
    }
    if states.is_empty() {
        return Err(Error::data("no cluster's CA is in the input")
            .hint("pipe its Secrets in: kubectl get secrets,configmaps -n istio-system -o json"));
    }
    Ok(states)
}

impl<'a> State<'a> {
    fn read(
        label: &'a str,
        cluster: &'a Cluster,
        set: &'a FileSet,
        goal: &Goal<'_>,
    ) -> Result<Self> {
        let parsed = Parsed::read(set);
        let subject = Subject { cluster: label, set };
        if let Some(finding) = istiod::findings(subject, &parsed, goal.when.at).into_iter().next() {
            return Err(Error::data(finding.message)
                .hint("a CA that istiod does not take cannot be rotated; mesh-cacerts verify tells all")
                .hint(finding.fix));
        }
        let place = format!("cluster {label}: secret {}", set.object);
        if set.style == Style::Tls {
            return Err(Error::data(
                "has tls.crt: whoever writes it, as cert-manager, has to rotate it",
            )
            .at(place));
        }
        let Some((made, expires)) = parsed.signing().map(|ca| (ca.not_before(), ca.not_after()))
        else {
            return Err(Error::data("has no CA certificate").at(place));
        };
        let is_trusted = goal.root.is_some_and(|root| parsed.roots.has(root));
        let is_below = goal.root.is_some_and(|root| is_below(&parsed, root, goal.when.at));
        let lasts = expires > goal.when.at.saturating_add(goal.when.within);
        Ok(Self {
            label,
            name: cluster.name.as_deref(),
            cluster,
            made,
            root_made: goal.root.map_or(i64::MIN, Certificate::not_before),
            expires,
            is_trusted,
            is_signed: is_below && lasts && !goal.renew,
            is_below,
            is_alone: is_trusted && parsed.roots.entries.len() == 1,
            published: published(cluster, goal.root),
            parsed,
        })
    }

    /// The namespace of its istiod.
    #[must_use]
    pub fn namespace(&self) -> &'a str {
        self.parsed.set.namespace.as_deref().unwrap_or("istio-system")
    }
}

fn is_below(parsed: &Parsed<'_>, root: &Certificate, at: i64) -> bool {
    let chain = parsed.chain.certificates();
    parsed
        .signing()
        .is_some_and(|ca| chain::verify(ca, &chain, std::slice::from_ref(root), at).is_ok())
}

fn published(cluster: &Cluster, root: Option<&Certificate>) -> Option<Published> {
    let bundles: Vec<Bundle> = cluster.published.values().map(|text| Bundle::read(text)).collect();
    if bundles.is_empty() {
        return None;
    }
    let has = |bundle: &Bundle| root.is_some_and(|root| bundle.has(root));
    Some(if !bundles.iter().all(has) {
        Published::Without
    } else if bundles.iter().any(|bundle| bundle.entries.len() > 1) {
        Published::AmongOthers
    } else {
        Published::Alone
    })
}
