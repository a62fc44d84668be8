//! Where the objects come from: a cluster that is asked, or the input.

use crate::given::{ConfigMap, Given};
use crate::group::{Group, Manifest};
use crate::token::Claims;
use meshcore::{Error, Message, Result, shell};
use meshkube::k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use meshkube::k8s_openapi::api::core::v1::{self, Service, ServiceAccount};
use meshkube::kube::api::{Api, ApiResource, PostParams};
use meshkube::kube::core::GroupVersionKind;
use meshkube::{Connection, segment};
use std::time::Duration;
use zeroize::Zeroizing;

/// A cluster, and what the user gives besides.
pub struct Site {
    /// None for a cluster of which the input tells all.
    pub cluster: Option<Connection>,
    /// The input.
    pub given: Given,
}

/// A token that was made.
pub struct Issued {
    /// The token.
    pub token: Zeroizing<String>,
    /// When it ends, in seconds since 1970.
    pub expires: i64,
}

/// The versions of `WorkloadGroup`, the newest first: Istio 1.8 to 1.30.
const VERSIONS: [&str; 3] = ["v1", "v1beta1", "v1alpha3"];

impl Site {
    /// Something that has to be there and is not.
    #[must_use]
    pub fn missing(&self, what: &str) -> Error {
        match &self.cluster {
            Some(cluster) => Error::cluster(format!("there is no {what}"))
                .at(format!("context {}", cluster.context)),
            None => Error::data(format!("the input has no {what}")),
        }
    }

    /// A config map; `None` where there is none.
    pub async fn config_map(&self, namespace: &str, name: &str) -> Result<Option<ConfigMap>> {
        let Some(cluster) = &self.cluster else {
            return Ok(self.given.config_map(namespace, name)?.cloned());
        };
        let maps: Api<v1::ConfigMap> = cluster.objects_in(namespace);
        let what = format!("read config map {namespace}/{name}");
        let segment = &segment(name);
        let map = cluster.call(&what, || maps.get_opt(segment)).await?;
        Ok(map.map(|map| ConfigMap {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            data: map.data.unwrap_or_default(),
        }))
    }

    /// A Service; `None` where there is none.
    pub async fn service(&self, namespace: &str, name: &str) -> Result<Option<Service>> {
        let Some(cluster) = &self.cluster else {
            return Ok(self.given.service(namespace, name)?.cloned());
        };
        let services: Api<Service> = cluster.objects_in(namespace);
        let (what, segment) = (format!("read service {namespace}/{name}"), &segment(name));
        let service = cluster.call(&what, || services.get_opt(segment)).await?;
        service.as_ref().map(meshkube::cleaned).transpose()
    }

    /// The `WorkloadGroup` of the input; by name where there are several.
    pub fn group_given(
        &self,
        namespace: Option<&str>,
        name: Option<&str>,
    ) -> Result<Option<&Group>> {
        let is_meant = |group: &&Group| {
            name.is_none_or(|name| group.name == name)
                && namespace
                    .is_none_or(|wanted| group.namespace.as_deref().is_none_or(|own| own == wanted))
        };
        let mut meant: Vec<&Group> = self.given.groups.iter().filter(is_meant).collect();
        meant.dedup();
        match meant[..] {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            _ => {
                let names: Vec<String> = meant
                    .iter()
                    .map(|group| match &group.namespace {
                        Some(namespace) => format!("{namespace}/{}", group.name),
                        None => group.name.clone(),
                    })
                    .collect();
                Err(Error::data(format!(
                    "the input has several workload groups: {}",
                    names.join(", ")
                ))
                .hint("--name and --namespace choose one"))
            }
        }
    }

    /// A `WorkloadGroup` of the cluster.
    pub async fn group(&self, cluster: &Connection, namespace: &str, name: &str) -> Result<Group> {
        let (what, segment) = (format!("read workload group {namespace}/{name}"), &segment(name));
        for version in VERSIONS {
            let kind = GroupVersionKind::gvk("networking.istio.io", version, "WorkloadGroup");
            let kind = ApiResource::from_gvk_with_plural(&kind, "workloadgroups");
            let groups = cluster.objects_of(Some(namespace), &kind);
            // No such version is no such object, too.
            if let Some(found) = cluster.call(&what, || groups.get_opt(segment)).await? {
                let place =
                    format!("context {}: workload group {namespace}/{name}", cluster.context);
                let manifest = serde_json::to_value(found).and_then(serde_json::from_value);
                let manifest: Manifest =
                    manifest.map_err(|error| Error::data(error.to_string()).at(place))?;
                return Ok(manifest.into());
            }
        }
        Err(self
            .missing(&format!("workload group {namespace}/{name}"))
            .hint("apply it first, or give it with -f"))
    }
}

/// Requests a token of a service account; `warn` hears when it ends sooner than asked.
pub async fn request_token(
    cluster: &Connection,
    (namespace, name): (&str, &str),
    audience: &str,
    duration: Duration,
    warn: impl Fn(&Message),
) -> Result<Issued> {
    let accounts: Api<ServiceAccount> = cluster.objects_in(namespace);
    let wanted = TokenRequest {
        spec: TokenRequestSpec {
            audiences: vec![audience.to_owned()],
            expiration_seconds: i64::try_from(duration.as_secs()).ok(),
            ..TokenRequestSpec::default()
        },
        ..TokenRequest::default()
    };
    let what = format!("request a token of service account {namespace}/{name}");
    let (options, segment) = (PostParams::default(), &segment(name));
    let answer = cluster
        .call(&what, || accounts.create_token_request(segment, &options, &wanted))
        .await
        .map_err(|error| {
            if error.message().text().contains("not found") {
                let make = ["kubectl", "create", "serviceaccount", name, "-n", namespace];
                error.hint(format!("make it: {}", shell::command_line(make)))
            } else {
                error
            }
        })?;
    let at = format!("context {}", cluster.context);
    let Some(status) = answer.status.filter(|status| !status.token.is_empty()) else {
        return Err(Error::cluster(format!("cannot {what}: the answer has none")).at(at));
    };
    meshkube::check_token(&status.token).map_err(|error| error.at(&at))?;
    let given = Claims::read(&status.token).and_then(|claims| claims.lifetime());
    let given = given.and_then(|seconds| u64::try_from(seconds).ok());
    // Beginning and end are whole seconds, each rounded by itself.
    if let Some(seconds) = given.filter(|&seconds| seconds + 2 < duration.as_secs()) {
        let text = format!("the API server gives the token for {seconds} seconds only");
        let hint = "its flag --service-account-max-token-expiration sets the limit";
        warn(&Message::new(text).hint(hint).at(at));
    }
    let expires = status.expiration_timestamp.0.as_second();
    Ok(Issued { token: status.token.into(), expires })
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshcore::input::Source;

    fn site(text: &str) -> Site {
        let source = Source::new("stdin".to_owned(), text.as_bytes().to_vec()).unwrap();
        Site { cluster: None, given: Given::read(&[source]).unwrap() }
    }

    fn group(namespace: &str, name: &str) -> String {
        format!("kind: WorkloadGroup\nmetadata: {{name: {name}, namespace: {namespace}}}\n---\n")
    }

    #[test]
    fn one_group_needs_no_name_and_one_of_many_does() {
        let several = [group("a", "x"), group("a", "y"), group("b", "x")].concat();
        let site = site(&several);
        let chosen =
            |namespace, name| site.group_given(namespace, name).map(Option::<&Group>::cloned);
        assert_eq!(chosen(None, Some("y")).unwrap().unwrap().namespace.as_deref(), Some("a"));
        assert_eq!(chosen(Some("b"), None).unwrap().unwrap().name, "x");
        assert_eq!(chosen(Some("c"), None).unwrap(), None);
        let error = chosen(None, None).unwrap_err();
        assert!(error.message().text().ends_with("several workload groups: a/x, a/y, b/x"));
        assert!(chosen(None, Some("x")).is_err());
    }

    #[test]
    fn the_same_group_twice_is_one_and_a_namespace_can_be_left_open() {
        let site_twice = site(&[group("a", "x"), group("a", "x")].concat());
        assert!(site_twice.group_given(None, None).unwrap().is_some());
        let open = site("kind: WorkloadGroup\nmetadata: {name: x}\n");
        assert!(open.group_given(Some("a"), Some("x")).unwrap().is_some());
    }
}
