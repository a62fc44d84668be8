//! What the injector's config map says of the cluster: the values of its installation.

use meshcore::{Error, Result};
use serde::Deserialize;

/// For whom istiod's CA takes tokens where the installation names nobody.
pub const AUDIENCE: &str = "istio-ca";

/// The values that count for machines.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Injector {
    /// `global.multiCluster.clusterName`.
    pub cluster_id: Option<String>,
    /// `global.sds.token.aud`.
    pub audience: Option<String>,
}

#[derive(Default, Deserialize)]
struct Values {
    #[serde(default)]
    global: Option<Global>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Global {
    #[serde(default)]
    multi_cluster: Option<MultiCluster>,
    #[serde(default)]
    sds: Option<Sds>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MultiCluster {
    #[serde(default)]
    cluster_name: Option<String>,
}

#[derive(Deserialize)]
struct Sds {
    #[serde(default)]
    token: Option<Token>,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    aud: Option<String>,
}

impl Injector {
    /// Reads the key `values`; `place` is where it stands.
    pub fn read(values: &str, place: &str) -> Result<Self> {
        let values: Values = meshcore::input::decode(values)
            .map_err(|_| Error::data("is not the JSON that Istio writes there").at(place))?;
        let global = values.global.unwrap_or_default();
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(Self {
            cluster_id: filled(global.multi_cluster.and_then(|multi| multi.cluster_name)),
            audience: filled(global.sds.and_then(|sds| sds.token).and_then(|token| token.aud)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_where_they_are_set() {
        let all = r#"{"global": {"multiCluster": {"clusterName": "c"}, "sds": {"token": {"aud": "p.svc.id.goog"}}}}"#;
        let found = Injector::read(all, "map").unwrap();
        assert_eq!(found.cluster_id.as_deref(), Some("c"));
        assert_eq!(found.audience.as_deref(), Some("p.svc.id.goog"));
        for none in [
            "{}",
            r#"{"global": null}"#,
            r#"{"global": {"multiCluster": {"clusterName": ""}, "sds": {"token": null}}}"#,
        ] {
            assert_eq!(Injector::read(none, "map").unwrap(), Injector::default(), "{none}");
        }
        for wrong in ["", "global: {}", r#"{"global": {"multiCluster": "x"}}"#] {
            let error = Injector::read(wrong, "map").unwrap_err();
            assert_eq!(error.message().text(), "map: is not the JSON that Istio writes there");
        }
    }
}
