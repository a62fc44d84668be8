//! A token with an end, made by the API server on request and stored nowhere.

use crate::choice::Credential;
use crate::expiry::{Claims, Expiry, spell};
use meshcore::{Error, Message, Result};
use meshkube::k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use meshkube::k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use meshkube::k8s_openapi::jiff::Timestamp;
use meshkube::kube::ResourceExt as _;
use meshkube::kube::api::{Api, PostParams};
use meshkube::{Connection, segment};
use std::time::Duration;

/// The API server gives no token for less.
const SHORTEST: Duration = Duration::from_secs(600);

/// Reads `--ttl`.
pub fn parse_ttl(text: &str) -> Result<Duration, String> {
    let ttl = meshkube::parse_duration(text)?;
    if ttl < SHORTEST {
        return Err(format!("API servers give tokens for {} or longer", spell(SHORTEST)));
    }
    Ok(ttl)
}

/// Requests a token of the account. It is for the API server itself, as no audience is named.
/// `warn` hears when it ends sooner than asked.
pub async fn request(
    cluster: &Connection,
    account: &ServiceAccount,
    ttl: Duration,
    warn: impl Fn(Message),
) -> Result<Credential> {
    let (namespace, name) = (account.namespace().unwrap_or_default(), account.name_any());
    let accounts: Api<ServiceAccount> = cluster.objects_in(&namespace);
    let wanted = TokenRequest {
        spec: TokenRequestSpec {
            expiration_seconds: i64::try_from(ttl.as_secs()).ok(),
            ..TokenRequestSpec::default()
        },
        ..TokenRequest::default()
    };
    let what = format!("request a token of service account {namespace}/{name}");
    let (options, segment) = (PostParams::default(), &segment(&name));
    let answer = cluster
        .call(&what, || accounts.create_token_request(segment, &options, &wanted))
        .await
        .map_err(|error| error.hint("without --ttl a token secret is used instead"))?;
    let at = format!("context {}", cluster.context);
    let Some(status) = answer.status.filter(|status| !status.token.is_empty()) else {
        return Err(Error::cluster(format!("cannot {what}: the answer has none")).at(at));
    };
    let issued = Claims::of(&status.token).and_then(|claims| claims.issued());
    let issued = issued.unwrap_or_else(|| Timestamp::now().as_second());
    let expires = status.expiration_timestamp.0.as_second();
    if let Some(warning) = shortened(ttl, expires - issued) {
        warn(warning.at(at));
    }
    Ok(Credential { token: status.token.into(), ca: None, expiry: Expiry::new(issued, expires) })
}

/// What to say of a token that is given for `seconds` and was asked for `ttl`.
fn shortened(ttl: Duration, seconds: i64) -> Option<Message> {
    let given = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    // Issue and end are whole seconds, each rounded by itself.
    (given + Duration::from_secs(2) < ttl).then(|| {
        let text = format!("the API server gives the token for {} only", spell(given));
        Message::new(text).hint("its flag --service-account-max-token-expiration sets the limit")
    })
}

/// The cluster's CA from the config map that every namespace has since Kubernetes 1.20. `None`
/// where there is none, or where it may not be read.
pub async fn root_ca(cluster: &Connection, namespace: &str) -> Option<Vec<u8>> {
    let maps: Api<ConfigMap> = cluster.objects_in(namespace);
    let what = "read config map kube-root-ca.crt";
    let map = cluster.call(what, || maps.get_opt("kube-root-ca.crt")).await.ok()??;
    map.data?.remove("ca.crt").map(String::into_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_server_would_give_is_refused() {
        assert_eq!(parse_ttl("720h"), Ok(Duration::from_secs(720 * 3600)));
        assert_eq!(parse_ttl("10m"), Ok(SHORTEST));
        for (text, reason) in [("9m59s", "for 10m or longer"), ("0", "10m"), ("soon", "duration")] {
            assert!(parse_ttl(text).unwrap_err().contains(reason), "{text}");
        }
    }

    #[test]
    fn a_token_that_ends_too_soon_is_told() {
        let asked = Duration::from_secs(720 * 3600);
        let text = |seconds| shortened(asked, seconds).map(|message| message.text().to_owned());
        assert_eq!(text(720 * 3600), None);
        assert_eq!(text(720 * 3600 - 1), None);
        let day = "the API server gives the token for 24h only";
        assert_eq!(text(24 * 3600).as_deref(), Some(day));
        assert!(text(-1).unwrap().contains("0s"));
    }
}
