//! Reads remote Secrets from clusters, and asks API servers with what is in them.

use futures::{StreamExt as _, TryStreamExt as _};
use meshcore::input::from_value;
use meshcore::{Error, Result};
use meshkube::k8s_openapi::api::apps::v1::Deployment as K8sDeployment;
use meshkube::k8s_openapi::api::authorization::v1::{
    ResourceAttributes, ResourceRule, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
    SelfSubjectRulesReview, SelfSubjectRulesReviewSpec,
};
use meshkube::k8s_openapi::api::core::v1::Secret;
use meshkube::kube::api::{Api, ListParams, PostParams};
use meshkube::kube::config::Kubeconfig;
use meshkube::kube::{self, ResourceExt as _};
use meshkube::{Access, Connection, innermost, segment};
use meshsecrets::Remote;
use meshsecrets::answer::{Answer, namespace_to_ask_about, reason_not_to_ask};
use meshsecrets::kubeconfig::of_one;
use meshsecrets::primary::{Deployment, Istiod, Primary};
use meshsecrets::rights::{self, Right, Rule};
use meshsecrets::secret::{Manifest, RemoteSecret, is_remote};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Requests under way at a time: of one cluster, and clusters.
const REQUESTS: usize = 4;
const CLUSTERS: usize = 16;

/// The remote Secrets and control planes of a context's cluster. Of other Secrets only names and
/// labels are fetched.
pub async fn read(access: &Access, kubeconfig: &Kubeconfig, context: &str) -> Result<Primary> {
    let cluster = access.connect(kubeconfig, context).await?;
    let names = remote_names(&cluster).await?;
    let get = |(namespace, name): (String, String)| {
        let api: Api<Secret> = cluster.objects_in(&namespace);
        let cluster = &cluster;
        async move {
            let (what, segment) = (format!("read secret {namespace}/{name}"), &segment(&name));
            // One that was deleted meanwhile is none.
            cluster.call(&what, || api.get_opt(segment)).await
        }
    };
    let secrets: Vec<Option<Secret>> =
        futures::stream::iter(names).map(get).buffered(REQUESTS).try_collect().await?;
    let istiods: Api<K8sDeployment> = Api::all(cluster.client.clone());
    let of_istiod = ListParams::default().labels("app=istiod");
    let istiods = cluster.call("list deployments", || istiods.list(&of_istiod)).await?;
    let mut primary = Primary { context: Some(context.to_owned()), ..Primary::default() };
    for secret in secrets.into_iter().flatten() {
        primary.secrets.extend(RemoteSecret::read(convert::<_, Manifest>(&secret)?));
    }
    for deployment in &istiods.items {
        primary.istiods.extend(Istiod::read(convert::<_, Deployment>(deployment)?));
    }
    Ok(primary.in_order())
}

async fn remote_names(cluster: &Connection) -> Result<Vec<(String, String)>> {
    let api: Api<Secret> = Api::all(cluster.client.clone());
    let mut page = ListParams::default().limit(500);
    let (mut names, mut pages) = (Vec::new(), cluster.pages());
    loop {
        let list = pages.ask(cluster.call("list secrets", || api.list_metadata(&page))).await?;
        let remote = list.items.iter().filter(|item| is_remote(&item.name_any(), item.labels()));
        names.extend(remote.map(|item| (item.namespace().unwrap_or_default(), item.name_any())));
        match pages.next(list.metadata.continue_)? {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(names),
        }
    }
}

/// An object of the API as one of the input.
fn convert<T: Serialize, U: DeserializeOwned>(object: &T) -> Result<U> {
    // The values may be secrets: no text of serde's is passed on.
    let value = serde_json::to_value(object).and_then(from_value);
    value.map_err(|_| Error::cluster("the API server sent an object without a name"))
}

/// The API servers' answers, in order.
pub async fn ask_all<'a>(access: &Access, remotes: Vec<Remote<'a>>) -> Vec<(Remote<'a>, Answer)> {
    let ask = |remote: Remote<'a>| async move { (remote, ask(access, &remote).await) };
    futures::stream::iter(remotes).map(ask).buffered(CLUSTERS).collect().await
}

async fn ask(access: &Access, remote: &Remote<'_>) -> Answer {
    if let Some(reason) = reason_not_to_ask(remote) {
        return Answer::NotAsked(reason.to_owned());
    }
    let cluster = match connect(access, remote).await {
        Ok(cluster) => cluster,
        Err(error) => return Answer::NotAsked(error.message().text().to_owned()),
    };
    let namespace = namespace_to_ask_about(remote);
    let answers = async {
        // This one tells whether there is any point in asking on.
        let rules = rules(&cluster, &namespace).await?;
        let denied = futures::stream::iter(rights::needed())
            .map(|right| denied(&cluster, right))
            .buffered(REQUESTS)
            .try_filter_map(async |denied| Ok(denied))
            .try_collect()
            .await?;
        Ok(Answer::Works { denied, rules, namespace: namespace.clone() })
    };
    answers.await.unwrap_or_else(|answer| answer)
}

/// As istiod would connect: `--as` is for the clusters of the user's own contexts.
async fn connect(access: &Access, remote: &Remote<'_>) -> Result<Connection> {
    let name = remote.subject.id.unwrap_or_default();
    let kubeconfig = of_one(name, remote.cluster, remote.user);
    let kubeconfig: Kubeconfig = serde_json::from_value(kubeconfig)
        .map_err(|_| Error::data("the kubeconfig cannot be used here"))?;
    access.connect_as_is(&kubeconfig, name).await
}

async fn rules(cluster: &Connection, namespace: &str) -> Result<Vec<Rule>, Answer> {
    let spec = SelfSubjectRulesReviewSpec { namespace: Some(namespace.to_owned()) };
    let review = SelfSubjectRulesReview { spec, ..SelfSubjectRulesReview::default() };
    let review = create(cluster, &review).await?;
    let rule = |rule: ResourceRule| Rule {
        verbs: rule.verbs,
        groups: rule.api_groups.unwrap_or_default(),
        resources: rule.resources.unwrap_or_default(),
        names: rule.resource_names.unwrap_or_default(),
    };
    let status = review.status.unwrap_or_default();
    Ok(status.resource_rules.into_iter().map(rule).collect())
}

async fn denied(cluster: &Connection, right: Right) -> Result<Option<Right>, Answer> {
    let attributes = ResourceAttributes {
        group: Some(right.group.to_owned()),
        resource: Some(right.resource.to_owned()),
        verb: Some(right.verb.to_owned()),
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec {
        resource_attributes: Some(attributes),
        ..SelfSubjectAccessReviewSpec::default()
    };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let review = create(cluster, &review).await?;
    Ok((!review.status.is_some_and(|status| status.allowed)).then_some(right))
}

/// Asks by creating an object that is only answered and never kept.
async fn create<T>(cluster: &Connection, question: &T) -> Result<T, Answer>
where
    T: kube::Resource<DynamicType = ()> + Serialize + DeserializeOwned + Clone + std::fmt::Debug,
{
    let api: Api<T> = Api::all(cluster.client.clone());
    let params = PostParams::default();
    let request = async { Ok(api.create(&params, question).await) };
    match cluster.call_once("ask", request).await {
        Ok(answer) => answer.map_err(|error| classify(&error)),
        Err(_) => Err(Answer::Unreachable("no answer in time".to_owned())),
    }
}

/// What a failed request says of the credentials.
fn classify(error: &kube::Error) -> Answer {
    match error {
        kube::Error::Api(status) if status.code == 401 => Answer::Rejected,
        kube::Error::Api(status) => Answer::NotAsked(status.message.trim().to_owned()),
        kube::Error::Auth(_) => Answer::NotAsked("the credentials cannot be used".to_owned()),
        kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => {
            Answer::Unreachable("what answers is not an API server".to_owned())
        }
        error => {
            let reason = innermost(error);
            if reason.contains("certificate") {
                Answer::Certificate(reason)
            } else {
                Answer::Unreachable(reason)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshkube::kube::core::Status;

    #[test]
    fn failures_are_told_apart() {
        let status =
            |code| kube::Error::Api(Status::failure("says no", "Reason").with_code(code).boxed());
        let io = |text: &str| kube::Error::ReadEvents(std::io::Error::other(text.to_owned()));
        assert_eq!(classify(&status(401)), Answer::Rejected);
        assert_eq!(classify(&status(403)), Answer::NotAsked("says no".to_owned()));
        let text = "invalid peer certificate: UnknownIssuer";
        assert_eq!(classify(&io(text)), Answer::Certificate(text.to_owned()));
        assert_eq!(classify(&io("refused")), Answer::Unreachable("refused".to_owned()));
    }
}
