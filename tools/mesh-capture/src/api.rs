//! Reads of one API server, which may refuse some of them.

use meshcore::input::null_as_default;
use meshcore::{Error, Result, without_credentials};
use meshkube::kube;
use meshkube::kube::api::{GetParams, ListParams};
use meshkube::kube::client::Body;
use meshkube::kube::core::{Request, Status};
use meshkube::{Connection, Patience, segment};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

/// Objects asked for at a time.
const PAGE: u32 = 500;
/// How often a long list is begun again when its beginning is out of date.
const ATTEMPTS: u32 = 3;

/// One API server.
pub struct Api {
    cluster: Connection,
    patience: Patience,
}

/// What an API server has to say.
#[derive(Debug, PartialEq)]
pub enum Answer<T> {
    /// What was asked for.
    Found(T),
    /// There is none, and maybe not even the kind of it.
    Absent,
    /// The user may not know; the API server's words.
    Forbidden(String),
}

/// A server's answer to the first question.
pub struct Greeting {
    /// `v1.33.1`, if it tells.
    pub version: Option<String>,
    /// Its clock, as HTTP writes it.
    pub date: Option<String>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Page<T> {
    /// `null` where there is none: so Kubernetes 1.36 writes a `PartialObjectMetadataList`.
    #[serde(deserialize_with = "null_as_default")]
    items: Vec<T>,
    #[serde(default)]
    metadata: PageMeta,
}

#[derive(Default, Deserialize)]
struct PageMeta {
    #[serde(default, rename = "continue")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Groups {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    name: String,
    versions: Vec<Version>,
    #[serde(default)]
    preferred_version: Option<Version>,
}

#[derive(Deserialize)]
struct Version {
    version: String,
}

impl Api {
    /// For a cluster that is given up on when its patience is at an end.
    #[must_use]
    pub fn new(cluster: Connection, patience: Patience) -> Self {
        Self { cluster, patience }
    }

    /// The API server's address.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.cluster.server
    }

    /// Asks for version and time; fails where nobody answers.
    pub async fn greet(&self) -> Result<Greeting> {
        let ask = || async {
            let request = http::Request::get("/version").body(Body::empty());
            let request = request.map_err(kube::Error::HttpError)?;
            let answer = self.cluster.client.send(request).await?;
            let date = answer.headers().get(http::header::DATE);
            let date = date.and_then(|date| date.to_str().ok()).map(str::to_owned);
            let status = answer.status();
            let body = answer.into_body().collect_bytes().await?;
            let is_passing = status == http::StatusCode::TOO_MANY_REQUESTS;
            if status == http::StatusCode::UNAUTHORIZED || is_passing || status.is_server_error() {
                let refusal = serde_json::from_slice(&body).unwrap_or_else(|_| {
                    let text = String::from_utf8_lossy(&body);
                    Status::failure(text.trim(), "").with_code(status.as_u16())
                });
                return Err(kube::Error::Api(refusal.boxed()));
            }
            if status == http::StatusCode::NOT_FOUND {
                return Ok(None);
            }
            // Whoever may not know the version still learns the time.
            let value: Value = serde_json::from_slice(&body).unwrap_or_default();
            let version = value["gitVersion"].as_str();
            let version = version.map(|version| without_credentials(version).into_owned());
            Ok(Some(Greeting { version, date }))
        };
        let greeting = self.cluster.persist("read the version", &self.patience, ask).await?;
        greeting.ok_or_else(|| {
            let text = format!("{} is not an API server: it has no /version", self.server());
            Error::cluster(text).hint("is this the address of a Kubernetes API server?")
        })
    }

    /// The versions of each API group, the best one first. The core's is not among them.
    pub async fn groups(&self) -> Result<Answer<BTreeMap<String, Vec<String>>>> {
        let groups = self.read::<Groups>("read the API groups", || get("/apis")).await?;
        Ok(groups.map(|groups| groups.groups.into_iter().map(Group::by_name).collect()))
    }

    /// One object.
    pub async fn get(&self, path: &str, name: &str) -> Result<Answer<Value>> {
        let what = format!("read {}", place(path, Some(name)));
        let one = Request::new(path);
        let request =
            || one.get(&segment(name), &GetParams::default()).map_err(kube::Error::BuildRequest);
        self.read(&what, request).await
    }

    /// All objects, each put through `keep` at once.
    pub async fn list(
        &self,
        path: &str,
        mut keep: impl FnMut(Value) -> Option<Value>,
    ) -> Result<Answer<Vec<Value>>> {
        self.pages(path, Request::list, &mut keep).await
    }

    /// The metadata of all objects, and nothing else of them.
    pub async fn list_metadata(&self, path: &str) -> Result<Answer<Vec<Value>>> {
        self.pages(path, Request::list_metadata, &mut Some).await
    }

    async fn pages(
        &self,
        path: &str,
        request: impl Fn(
            &Request,
            &ListParams,
        ) -> Result<http::Request<Vec<u8>>, kube::core::request::Error>,
        keep: &mut impl FnMut(Value) -> Option<Value>,
    ) -> Result<Answer<Vec<Value>>> {
        let what = format!("list {}", place(path, None));
        let all = Request::new(path);
        let mut attempt = 1;
        let mut pages = self.cluster.pages_within(self.patience.limit());
        'again: loop {
            pages.begin_again();
            let mut found = Vec::new();
            let mut params = ListParams::default().limit(PAGE);
            loop {
                let ask = || async {
                    let request = request(&all, &params).map_err(kube::Error::BuildRequest)?;
                    match self.cluster.client.request::<Page<Value>>(request).await {
                        // What came first is forgotten by now.
                        Err(kube::Error::Api(status))
                            if status.code == 410 && attempt < ATTEMPTS =>
                        {
                            Ok(None)
                        }
                        answer => Answer::of(answer).map(Some),
                    }
                };
                let page = self.cluster.persist(&what, &self.patience, ask);
                let Page { items, metadata } = match pages.ask(page).await? {
                    None => {
                        attempt += 1;
                        continue 'again;
                    }
                    Some(Answer::Found(page)) => page,
                    Some(Answer::Absent) => return Ok(Answer::Absent),
                    Some(Answer::Forbidden(reason)) => return Ok(Answer::Forbidden(reason)),
                };
                found.extend(items.into_iter().filter_map(&mut *keep));
                match pages.next(metadata.next)? {
                    Some(next) => params = params.continue_token(&next),
                    None => return Ok(Answer::Found(found)),
                }
            }
        }
    }

    async fn read<T: DeserializeOwned>(
        &self,
        what: &str,
        request: impl Fn() -> kube::Result<http::Request<Vec<u8>>>,
    ) -> Result<Answer<T>> {
        let ask = || async { Answer::of(self.cluster.client.request(request()?).await) };
        self.cluster.persist(what, &self.patience, ask).await
    }
}

fn get(path: &str) -> kube::Result<http::Request<Vec<u8>>> {
    http::Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)
}

/// What a path leads to, in words: `/api/v1/namespaces/a/secrets` is "secrets in a".
fn place(path: &str, name: Option<&str>) -> String {
    let (rest, plural) = path.rsplit_once('/').unwrap_or_default();
    let namespace = rest.rsplit_once("/namespaces/").map(|(_, namespace)| namespace);
    match (name, namespace) {
        (Some(name), Some(namespace)) => format!("{plural} {namespace}/{name}"),
        (Some(name), None) => format!("{plural} {name}"),
        (None, Some(namespace)) => format!("{plural} in {namespace}"),
        (None, None) => plural.to_owned(),
    }
}

impl Group {
    fn by_name(self) -> (String, Vec<String>) {
        let preferred = self.preferred_version.map(|version| version.version);
        let others = self.versions.into_iter().map(|version| version.version);
        let others: Vec<String> = others.filter(|one| Some(one) != preferred.as_ref()).collect();
        (self.name, preferred.into_iter().chain(others).collect())
    }
}

impl<T> Answer<T> {
    /// Errors that are answers, too.
    fn of(answer: kube::Result<T>) -> kube::Result<Self> {
        match answer {
            Ok(found) => Ok(Self::Found(found)),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(Self::Absent),
            Err(kube::Error::Api(status)) if status.code == 403 => {
                Ok(Self::Forbidden(without_credentials(status.message.trim()).into_owned()))
            }
            Err(error) => Err(error),
        }
    }

    /// The answer with something made of what was found.
    pub fn map<U>(self, map: impl FnOnce(T) -> U) -> Answer<U> {
        match self {
            Self::Found(found) => Answer::Found(map(found)),
            Self::Absent => Answer::Absent,
            Self::Forbidden(reason) => Answer::Forbidden(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_put_into_words() {
        for (path, name, words) in [
            ("/api/v1/pods", None, "pods"),
            ("/api/v1/namespaces/a/secrets", None, "secrets in a"),
            ("/api/v1/namespaces/a/secrets", Some("b"), "secrets a/b"),
            ("/apis/x.io/v1/gateways", None, "gateways"),
            ("/api/v1/namespaces", None, "namespaces"),
        ] {
            assert_eq!(place(path, name), words);
        }
    }

    #[test]
    fn refusals_are_answers_and_other_errors_are_not() {
        let error = |code| {
            let status = Status::failure("you may not\n", "No").with_code(code).boxed();
            Answer::<()>::of(Err(kube::Error::Api(status)))
        };
        assert_eq!(error(403).unwrap(), Answer::Forbidden("you may not".to_owned()));
        assert_eq!(error(404).unwrap(), Answer::Absent);
        assert!(error(401).is_err() && error(500).is_err());
    }

    #[test]
    fn a_list_may_be_null_and_not_absent() {
        let page = |text: &str| serde_json::from_str::<Page<u8>>(text).map(|page| page.items);
        assert_eq!(page(r#"{"items": null, "metadata": {}}"#).unwrap(), [0; 0]);
        assert_eq!(page(r#"{"items": [1]}"#).unwrap(), [1]);
        assert!(page("{}").is_err());
    }

    #[test]
    fn the_preferred_version_comes_first() {
        let version = |version: &str| Version { version: version.to_owned() };
        let group = Group {
            name: "g".to_owned(),
            versions: vec![version("v1beta1"), version("v1")],
            preferred_version: Some(version("v1")),
        };
        assert_eq!(group.by_name(), ("g".to_owned(), vec!["v1".to_owned(), "v1beta1".to_owned()]));
    }
}
