//! What a cluster runs on, and who signs the certificate of its istiod there.

use clap::ValueEnum;
use meshcore::IstioVersion;
use meshcore::cluster::Provider;

/// What a cluster runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Platform {
    /// Google Kubernetes Engine.
    Gke,
    /// Google Distributed Cloud, and any other cluster in a data centre.
    Onprem,
    /// Amazon EKS, or GKE on AWS.
    Eks,
    /// Azure AKS, or GKE on Azure.
    Aks,
    /// Any other cluster that a fleet knows.
    Attached,
}

/// Who signs the workloads' certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Authority {
    /// Google's Mesh CA.
    MeshCa,
    /// Google's CA Service.
    Cas,
    /// istiod.
    IstioCa,
}

/// Who signs istiod's serving certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CertProvider {
    /// istiod's own CA.
    Istiod,
    /// The cluster's CSR API; istiod refuses it from Istio 1.23 on (istio/istio PR 51498).
    Kubernetes,
}

impl Platform {
    /// The platform of a cluster record; none where the record does not know it.
    #[must_use]
    pub fn of(provider: Option<Provider>) -> Option<Self> {
        match provider? {
            Provider::Gke => Some(Self::Gke),
            Provider::Eks => Some(Self::Eks),
            Provider::Aks => Some(Self::Aks),
            Provider::Kubernetes => None,
        }
    }
}

impl CertProvider {
    /// As Helm values and istiod write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Istiod => "istiod",
            Self::Kubernetes => "kubernetes",
        }
    }

    /// Whether the istiod of a version takes it; without a version it is the newest.
    #[must_use]
    pub fn works_with(self, version: Option<IstioVersion>) -> bool {
        self == Self::Istiod || version.is_some_and(|version| version.minor() < 23)
    }

    /// The one that Google's guide for clusters off Google Cloud chooses: kubernetes on its own
    /// clusters with a CA of Google, as long as istiod takes it; istiod everywhere else.
    #[must_use]
    pub fn of_guide(
        platform: Platform,
        authority: Authority,
        version: Option<IstioVersion>,
    ) -> Self {
        let google = matches!(authority, Authority::MeshCa | Authority::Cas);
        if platform == Platform::Onprem && google && Self::Kubernetes.works_with(version) {
            Self::Kubernetes
        } else {
            Self::Istiod
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_guide() {
        let version = |text: &str| Some(text.parse().unwrap());
        for platform in [Platform::Onprem, Platform::Eks, Platform::Aks, Platform::Attached] {
            for authority in [Authority::MeshCa, Authority::Cas, Authority::IstioCa] {
                let is_kubernetes = platform == Platform::Onprem && authority != Authority::IstioCa;
                let expected =
                    if is_kubernetes { CertProvider::Kubernetes } else { CertProvider::Istiod };
                let chosen = |version| CertProvider::of_guide(platform, authority, version);
                assert_eq!(chosen(version("1.19.10-asm.9")), expected);
                assert_eq!(chosen(version("1.22")), expected);
                assert_eq!(chosen(version("1.23")), CertProvider::Istiod);
                assert_eq!(chosen(None), CertProvider::Istiod);
            }
        }
        assert_eq!(
            CertProvider::of_guide(Platform::Gke, Authority::MeshCa, version("1.19")),
            CertProvider::Istiod
        );
    }

    #[test]
    fn a_record_knows_the_clouds_only() {
        assert_eq!(Platform::of(Some(Provider::Eks)), Some(Platform::Eks));
        assert_eq!(Platform::of(Some(Provider::Kubernetes)), None);
        assert_eq!(Platform::of(None), None);
    }
}
