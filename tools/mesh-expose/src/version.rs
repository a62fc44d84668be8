//! What depends on the Istio that a cluster runs; without a version it is the newest.

use meshcore::IstioVersion;

/// The `apiVersion` of its samples/multicluster/expose-*.yaml.
#[must_use]
pub fn api_version(version: Option<IstioVersion>) -> &'static str {
    match version {
        Some(version) if version.minor() < 24 => "networking.istio.io/v1alpha3",
        _ => "networking.istio.io/v1",
    }
}

/// Whether proxies check servers against the system's CAs where a `DestinationRule` names no CA
/// (`VERIFY_CERTIFICATE_AT_CLIENT`, the default from Istio 1.21 on).
#[must_use]
pub fn checks_servers(version: Option<IstioVersion>) -> bool {
    version.is_none_or(|version| version.minor() >= 21)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn istio_1_24_brought_v1() {
        for (text, expected) in [
            ("1.6", "networking.istio.io/v1alpha3"),
            ("1.19.10-asm.9", "networking.istio.io/v1alpha3"),
            ("v1.23.6", "networking.istio.io/v1alpha3"),
            ("1.24", "networking.istio.io/v1"),
            ("1.30.0-rc.1", "networking.istio.io/v1"),
        ] {
            assert_eq!(api_version(Some(text.parse().unwrap())), expected, "{text}");
        }
        assert_eq!(api_version(None), "networking.istio.io/v1");
    }

    #[test]
    fn istio_1_21_began_to_check_servers() {
        for (text, expected) in [("1.20.8", false), ("1.21.0", true), ("1.30", true)] {
            assert_eq!(checks_servers(Some(text.parse().unwrap())), expected, "{text}");
        }
        assert!(checks_servers(None));
    }
}
