//! Which Istio something runs.

use meshcore::IstioVersion;

/// The version in an image's name, `HUB/proxyv2:1.30.2-distroless[@DIGEST]`.
#[must_use]
pub fn of_image(image: &str) -> Option<IstioVersion> {
    let name = image.split('@').next()?.rsplit('/').next()?;
    name.split_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_tell_versions() {
        let minor = |image| of_image(image).map(IstioVersion::minor);
        assert_eq!(minor("docker.io/istio/proxyv2:1.30.2-distroless@sha256:0"), Some(30));
        assert_eq!(minor("localhost:5000/proxyv2"), None);
        assert_eq!(minor("auto"), None);
    }
}
