//! Which istiod a machine joins, and what it and its objects are called (istioctl
//! pkg/workload, Istio 1.30).

/// Port of istiod for proxies, with TLS.
pub const PORT: u16 = 15012;

/// The host that the agent of a machine looks for when nobody tells it another.
const USUAL_HOST: &str = "istiod.istio-system.svc";

/// An istiod by namespace and revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Istiod {
    namespace: String,
    revision: Option<String>,
}

impl Istiod {
    /// Revision `default` is none, as for istioctl.
    #[must_use]
    pub fn new(namespace: &str, revision: Option<&str>) -> Self {
        let revision = revision.filter(|&revision| revision != "default");
        Self { namespace: namespace.to_owned(), revision: revision.map(str::to_owned) }
    }

    /// Its namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Its name in the cluster: `istiod-canary.istio-system.svc`.
    #[must_use]
    pub fn host(&self) -> String {
        format!("{}.{}.svc", self.named("istiod"), self.namespace)
    }

    /// Where proxies reach it: host and port.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}:{PORT}", self.host())
    }

    /// The name of an object that each revision has of its own: `istio-canary`.
    #[must_use]
    pub fn named(&self, stem: &str) -> String {
        match &self.revision {
            Some(revision) => format!("{stem}-{revision}"),
            None => stem.to_owned(),
        }
    }

    /// Whether the agent finds it without being told.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        self.host() == USUAL_HOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_revision() {
        let canary = Istiod::new("istio-system", Some("canary"));
        assert_eq!(canary.address(), "istiod-canary.istio-system.svc:15012");
        assert_eq!(canary.named("istio-sidecar-injector"), "istio-sidecar-injector-canary");
        assert!(!canary.is_usual() && !Istiod::new("mesh", None).is_usual());
        for usual in [None, Some("default")] {
            let istiod = Istiod::new("istio-system", usual);
            assert_eq!((istiod.host().as_str(), istiod.is_usual()), (USUAL_HOST, true));
            assert_eq!(istiod.named("istio"), "istio");
        }
    }
}
