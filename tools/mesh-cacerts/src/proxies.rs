//! The proxies of a cluster, in pods and on machines, and which of them were started since. A proxy
//! is the container `istio-proxy`: a sidecar, a gateway of whatever kind, a waypoint, ztunnel.
//! Labels tell less: an injected gateway has no `security.istio.io/tlsMode`.

use crate::found::Cluster;
use meshcore::restart::Workload;
use meshcore::shell;
use meshstate::{Pod, WorkloadEntry};
use std::collections::BTreeSet;

/// How long a proxy keeps its certificate, and the roots that came with it, unless its pod says
/// otherwise (`SECRET_TTL` of pilot-agent, Istio 1.31).
const LIFE: i64 = 24 * 3600;
/// From when on istiod signs with an intermediate that it loads by itself: the kubelet has written
/// the new Secret by then.
const LOADED: i64 = 120;

/// The proxies of a cluster.
#[derive(Debug, Default)]
pub struct Proxies {
    /// Whether the input has any pod: otherwise nothing is known of them.
    pub are_seen: bool,
    /// `NAMESPACE/NAME` of the `WorkloadEntry`s of machines with a proxy.
    pub machines: BTreeSet<String>,
    pods: Vec<Proxy>,
    /// When each pod of istiod was started.
    istiods: Vec<i64>,
}

/// A proxy in a pod.
#[derive(Debug)]
struct Proxy {
    namespace: String,
    workload: Workload,
    /// None for one that waits for its node.
    started: Option<i64>,
    /// Whether its certificates live as long as Istio has it.
    has_usual_life: bool,
}

/// Workloads, each with its namespace.
pub type Workloads<'a> = BTreeSet<(&'a str, Workload)>;

/// From when on a proxy that starts has what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    /// Unix time.
    pub at: i64,
    /// Whether all that start later have it; otherwise it is only known that those before have
    /// not.
    pub is_exact: bool,
}

impl Proxies {
    /// Notes a pod.
    pub fn add_pod(&mut self, pod: Pod) {
        self.are_seen = true;
        if !pod.is_live() {
            return;
        }
        let started = pod.started.map(jiff::Timestamp::as_second);
        if pod.meta.label("app") == Some("istiod") {
            self.istiods.extend(started);
        }
        let Some(sidecar) = &pod.sidecar else { return };
        let owner = pod.owner.as_ref().map(|owner| (&*owner.kind, &*owner.name));
        self.pods.push(Proxy {
            namespace: pod.meta.namespace.to_string(),
            workload: Workload::of(&pod.meta.name, owner),
            started,
            has_usual_life: sidecar.certificate_life.is_none(),
        });
    }

    /// Notes a `WorkloadEntry`.
    pub fn add_machine(&mut self, entry: &WorkloadEntry) {
        if entry.has_proxy() {
            self.machines.insert(entry.meta.object());
        }
    }

    /// What makes all of them anew.
    #[must_use]
    pub fn workloads(&self) -> Workloads<'_> {
        self.chosen(|_| true)
    }

    /// What makes those anew that were started before, and have had no new certificate since.
    #[must_use]
    pub fn before(&self, since: Since, now: i64) -> Workloads<'_> {
        let is_renewed = now >= since.at.saturating_add(LIFE);
        self.chosen(|proxy| {
            proxy.started.is_some_and(|at| at <= since.at) && !(proxy.has_usual_life && is_renewed)
        })
    }

    fn chosen(&self, is_one: impl Fn(&Proxy) -> bool) -> Workloads<'_> {
        let chosen = self.pods.iter().filter(|proxy| is_one(proxy));
        chosen.map(|proxy| (proxy.namespace.as_str(), proxy.workload.clone())).collect()
    }
}

impl Cluster {
    /// Whether another cluster's istiod serves it: it has pods and neither a CA nor an istiod.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.sets.is_empty() && self.proxies.are_seen && self.proxies.istiods.is_empty()
    }

    /// From when on a proxy that starts is given the roots in the config maps. `made` is when the
    /// newest of these was made.
    #[must_use]
    pub fn published_since(&self, made: i64) -> Since {
        Since { at: self.published_at.unwrap_or(made), is_exact: self.published_at.is_some() }
    }

    /// The same while the roots are changed. An istiod that was started again gave out the same
    /// before: to restart proxies once more does no harm.
    #[must_use]
    pub fn trusts_since(&self, made: i64) -> Since {
        let started = self.proxies.istiods.iter().max().filter(|_| self.published_at.is_none());
        match started {
            Some(&at) => Since { at, is_exact: true },
            None => self.published_since(made),
        }
    }

    /// From when on a proxy that starts gets a certificate of the CA that is there, which was made
    /// at that time.
    #[must_use]
    pub fn signs_since(&self, made: i64) -> Since {
        let Some(given) = self.given_at else { return Since { at: made, is_exact: false } };
        let loaded = given.saturating_add(LOADED);
        // Times are whole seconds: what starts within the second of a write comes after it.
        let restarted = self.proxies.istiods.iter().min().copied().filter(|at| *at >= given);
        Since { at: restarted.map_or(loaded, |at| at.min(loaded)), is_exact: true }
    }
}

/// What to do at a machine, as the end of a sentence about it.
pub const AT_MACHINE: &str = "make its files anew with mesh-vm-env, and put them there with \
                              vm-install, which restarts its proxy";

/// The line of a script about a machine, which nobody but its owner restarts.
#[must_use]
pub fn by_hand(cluster: &str, machine: &str) -> String {
    shell::comment(&format!("cluster {cluster}: machine {machine}: {AT_MACHINE}"))
}

/// `deployment/a in b`, and how many more.
#[must_use]
pub fn told(workloads: &Workloads<'_>) -> String {
    let Some((namespace, first)) = workloads.first() else { return String::new() };
    let more = match workloads.len() {
        1 => String::new(),
        n => format!(" and {} more", n - 1),
    };
    format!("{first} in namespace {namespace}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cluster(started: &[i64], istiods: &[i64]) -> Cluster {
        let proxy = |(i, at): (usize, &i64)| Proxy {
            namespace: "n".to_owned(),
            workload: Workload::of("p", Some(("Deployment", &format!("d{i}")))),
            started: Some(*at),
            has_usual_life: true,
        };
        let pods = started.iter().enumerate().map(proxy).collect();
        let proxies =
            Proxies { are_seen: true, pods, istiods: istiods.to_vec(), ..Proxies::default() };
        Cluster { proxies, ..Cluster::default() }
    }

    #[test]
    fn istiod_signs_with_what_it_was_given_once_it_starts_or_loads_it() {
        let signs = |given_at, istiods: &[i64]| {
            Cluster { given_at, ..cluster(&[], istiods) }.signs_since(7)
        };
        assert_eq!(signs(None, &[100]), Since { at: 7, is_exact: false });
        assert_eq!(signs(Some(100), &[90]), Since { at: 220, is_exact: true });
        assert_eq!(signs(Some(100), &[110, 130]), Since { at: 110, is_exact: true });
        // Within the second of the write.
        assert_eq!(signs(Some(100), &[100]), Since { at: 100, is_exact: true });
        // Started again long after.
        assert_eq!(signs(Some(100), &[9000]), Since { at: 220, is_exact: true });
    }

    #[test]
    fn a_certificate_is_renewed_within_its_life() {
        let mut cluster = cluster(&[5, 15], &[]);
        let since = Since { at: 10, is_exact: true };
        assert_eq!(told(&cluster.proxies.before(since, 20)), "deployment/d0 in namespace n");
        assert!(cluster.proxies.before(since, 10 + LIFE).is_empty());
        cluster.proxies.pods[0].has_usual_life = false;
        assert_eq!(cluster.proxies.before(since, 10 + LIFE).len(), 1);
    }

    proptest! {
        /// Whoever was started later is never told to be behind, and everybody before is.
        #[test]
        fn those_before_are_behind(started in prop::collection::vec(0..100_i64, 0..9), at in 0..100_i64) {
            let cluster = cluster(&started, &[]);
            let since = Since { at, is_exact: true };
            let behind = cluster.proxies.before(since, at + 1);
            prop_assert_eq!(behind.len(), started.iter().filter(|one| **one <= at).count());
            prop_assert!(behind.is_subset(&cluster.proxies.workloads()));
        }
    }
}
