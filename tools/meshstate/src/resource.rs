//! The resources that tell of a mesh.

/// A resource that a capture reads, and a dump may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Namespaces.
    Namespaces,
    /// Nodes.
    Nodes,
    /// Services.
    Services,
    /// Endpoints of the API server.
    Endpoints,
    /// Pods.
    Pods,
    /// Config maps of Istio.
    ConfigMaps,
    /// Secrets of Istio.
    Secrets,
    /// Service accounts of Istio.
    ServiceAccounts,
    /// Deployments.
    Deployments,
    /// `StatefulSet`s.
    StatefulSets,
    /// `DaemonSet`s.
    DaemonSets,
    /// `MutatingWebhookConfiguration`s.
    MutatingWebhookConfigurations,
    /// `ServiceCIDR`s, of Kubernetes 1.33 and later.
    ServiceCidrs,
    /// Istio's gateways.
    IstioGateways,
    /// `VirtualService`s.
    VirtualServices,
    /// `DestinationRule`s.
    DestinationRules,
    /// `ServiceEntry`s.
    ServiceEntries,
    /// `WorkloadEntry`s.
    WorkloadEntries,
    /// `WorkloadGroup`s.
    WorkloadGroups,
    /// `PeerAuthentication`s.
    PeerAuthentications,
    /// `AuthorizationPolicy`s.
    AuthorizationPolicies,
    /// `Sidecar`s.
    Sidecars,
    /// The Gateway API's gateways.
    Gateways,
    /// `ControlPlaneRevision`s.
    ControlPlaneRevisions,
}

impl Resource {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::Namespaces,
        Self::Nodes,
        Self::Services,
        Self::Endpoints,
        Self::Pods,
        Self::ConfigMaps,
        Self::Secrets,
        Self::ServiceAccounts,
        Self::Deployments,
        Self::StatefulSets,
        Self::DaemonSets,
        Self::MutatingWebhookConfigurations,
        Self::ServiceCidrs,
        Self::IstioGateways,
        Self::VirtualServices,
        Self::DestinationRules,
        Self::ServiceEntries,
        Self::WorkloadEntries,
        Self::WorkloadGroups,
        Self::PeerAuthentications,
        Self::AuthorizationPolicies,
        Self::Sidecars,
        Self::Gateways,
        Self::ControlPlaneRevisions,
    ];

    /// What an object is one of, by its API group (empty for the core) and kind.
    #[must_use]
    pub fn of(group: &str, kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.kind() == kind && one.group() == group)
    }

    /// Its plural name, with its group where it has one, as kubectl and headers write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.names().0
    }

    /// What its objects say that they are.
    #[must_use]
    pub fn kind(self) -> &'static str {
        self.names().1
    }

    /// Its plural name alone, as in the API's paths.
    #[must_use]
    pub fn plural(self) -> &'static str {
        self.name().split_once('.').map_or(self.name(), |(plural, _)| plural)
    }

    /// Its API group; empty for the core.
    #[must_use]
    pub fn group(self) -> &'static str {
        self.name().split_once('.').map_or("", |(_, group)| group)
    }

    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Namespaces => ("namespaces", "Namespace"),
            Self::Nodes => ("nodes", "Node"),
            Self::Services => ("services", "Service"),
            Self::Endpoints => ("endpoints", "Endpoints"),
            Self::Pods => ("pods", "Pod"),
            Self::ConfigMaps => ("configmaps", "ConfigMap"),
            Self::Secrets => ("secrets", "Secret"),
            Self::ServiceAccounts => ("serviceaccounts", "ServiceAccount"),
            Self::Deployments => ("deployments.apps", "Deployment"),
            Self::StatefulSets => ("statefulsets.apps", "StatefulSet"),
            Self::DaemonSets => ("daemonsets.apps", "DaemonSet"),
            Self::MutatingWebhookConfigurations => (
                "mutatingwebhookconfigurations.admissionregistration.k8s.io",
                "MutatingWebhookConfiguration",
            ),
            Self::ServiceCidrs => ("servicecidrs.networking.k8s.io", "ServiceCIDR"),
            Self::IstioGateways => ("gateways.networking.istio.io", "Gateway"),
            Self::VirtualServices => ("virtualservices.networking.istio.io", "VirtualService"),
            Self::DestinationRules => ("destinationrules.networking.istio.io", "DestinationRule"),
            Self::ServiceEntries => ("serviceentries.networking.istio.io", "ServiceEntry"),
            Self::WorkloadEntries => ("workloadentries.networking.istio.io", "WorkloadEntry"),
            Self::WorkloadGroups => ("workloadgroups.networking.istio.io", "WorkloadGroup"),
            Self::PeerAuthentications => {
                ("peerauthentications.security.istio.io", "PeerAuthentication")
            }
            Self::AuthorizationPolicies => {
                ("authorizationpolicies.security.istio.io", "AuthorizationPolicy")
            }
            Self::Sidecars => ("sidecars.networking.istio.io", "Sidecar"),
            Self::Gateways => ("gateways.gateway.networking.k8s.io", "Gateway"),
            Self::ControlPlaneRevisions => {
                ("controlplanerevisions.mesh.cloud.google.com", "ControlPlaneRevision")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_one_name_are_told_apart_by_their_group() {
        for resource in Resource::ALL {
            assert_eq!(Resource::of(resource.group(), resource.kind()), Some(resource));
        }
        assert_eq!(Resource::of("serving.knative.dev", "Service"), None);
        let gateway = Resource::of("gateway.networking.k8s.io", "Gateway");
        assert_eq!(gateway.map(Resource::plural), Some("gateways"));
    }
}
