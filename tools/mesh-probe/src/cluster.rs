//! A cluster that is probed: its client, and requests from there.

use crate::curl::Curl;
use crate::exec::{self, Broken, exec};
use crate::pod::{ClientPod, choose, fitness};
use crate::record::{Answer, Fault};
use meshcore::{Error, Result, shell};
use meshkube::k8s_openapi::api::core::v1::Pod;
use meshkube::kube;
use meshkube::kube::api::{Api, ListParams};
use meshkube::{Connection, segment};
use std::cell::RefCell;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// What an exec takes at most beside curl's own time.
pub const GRACE: Duration = Duration::from_secs(5);

/// From this exit code on the container's runtime or a signal ended curl, and not curl itself.
const NOT_CURLS_OWN: u8 = 126;

/// Which pod makes the requests.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Its namespace.
    pub namespace: String,
    /// Labels, as kubectl's `--selector` has them.
    pub selector: String,
    /// Its container; kubectl's choice where none is named.
    pub container: Option<String>,
}

/// A cluster, and its client as long as that is there.
pub struct Cluster<'a> {
    connection: Connection,
    pods: Api<Pod>,
    wish: &'a Wish,
    curl: &'a Curl,
    limit: Duration,
    client: RefCell<Option<ClientPod>>,
}

/// Why there was no request.
struct Failure {
    fault: Fault,
    error: Error,
}

impl<'a> Cluster<'a> {
    /// Finds the client; each request may take `limit`.
    pub async fn open(
        connection: Connection,
        wish: &'a Wish,
        curl: &'a Curl,
        limit: Duration,
    ) -> Result<Self> {
        let pods = connection.objects_in(&wish.namespace);
        let limit = limit + GRACE;
        let cluster = Self { connection, pods, wish, curl, limit, client: RefCell::default() };
        let client = cluster.find().await.map_err(|failure| failure.error)?;
        cluster.client.replace(Some(client));
        Ok(cluster)
    }

    /// Its context.
    #[must_use]
    pub fn context(&self) -> &str {
        &self.connection.context
    }

    /// One request; a client that is gone is looked for anew each time.
    pub async fn request(&self) -> Answer {
        let began = Instant::now();
        self.attempt().await.unwrap_or_else(|Failure { fault, error }| {
            if fault == Fault::Pod {
                self.client.replace(None);
            }
            Answer::failed(fault, error.message().text().to_owned(), began.elapsed())
        })
    }

    async fn attempt(&self) -> Result<Answer, Failure> {
        let known = self.client.borrow().clone();
        let client = match known {
            Some(client) => client,
            None => match timeout(self.limit, self.find()).await {
                Ok(client) => client?,
                Err(_) => return Err(self.failure(Fault::Api, "it does not answer".to_owned())),
            },
        };
        self.client.replace(Some(client.clone()));
        let what = format!("run curl in pod {}/{}", self.wish.namespace, client.name);
        let began = Instant::now();
        let failure = match timeout(self.limit, exec(&self.pods, &client, &self.curl.words)).await {
            Ok(Ok(ran)) => {
                let exit = ran.exit;
                let [output, errors] = [ran.output, ran.errors]
                    .map(|said| self.connection.without_credentials(said.into_bytes()));
                let answer = self.curl.read(exit, output, &errors, began.elapsed());
                if exit < NOT_CURLS_OWN {
                    return Ok(answer);
                }
                let text = answer.message.unwrap_or_default();
                self.failure(Fault::Exec, format!("cannot {what}: {text}"))
            }
            Ok(Err(Broken::Refused(error))) => {
                let fault = match &error {
                    // Whether it is the API server or the node that failed, the pod will show.
                    kube::Error::Api(status) if status.code != 404 => Fault::Exec,
                    error => exec::fault(error),
                };
                Failure { fault, error: self.connection.refusal(&error, &what) }
            }
            Ok(Err(Broken::NotStarted(text))) => {
                let text = self.connection.without_credentials(text.into_bytes());
                let text = String::from_utf8_lossy(&text);
                self.failure(Fault::Exec, format!("cannot {what}: {text}"))
            }
            Ok(Err(Broken::CutOff)) => {
                self.failure(Fault::Exec, format!("cannot {what}: the connection was cut"))
            }
            Err(_) => {
                let limit = self.limit;
                self.failure(Fault::Exec, format!("cannot {what}: no end within {limit:?}"))
            }
        };
        Err(self.explain(&client, failure).await)
    }

    /// Looks whether the pod or the API server is to blame.
    async fn explain(&self, client: &ClientPod, failure: Failure) -> Failure {
        let what = format!("read pod {}/{}", self.wish.namespace, client.name);
        match timeout(GRACE, self.ask(&what, self.pods.get(&segment(&client.name)))).await {
            Ok(Ok(pod)) => match fitness(&pod, Some(&client.container)) {
                Ok(_) => failure,
                Err(why) => self.failure(Fault::Pod, format!("the client is gone: {why}")),
            },
            // Who may run commands in pods need not be allowed to read them.
            Ok(Err(look)) if look.fault == Fault::Exec => failure,
            Ok(Err(look)) => look,
            Err(_) => Failure { fault: Fault::Api, ..failure },
        }
    }

    async fn find(&self) -> Result<ClientPod, Failure> {
        let Wish { namespace, selector, container } = self.wish;
        let labelled = ListParams::default().labels(selector);
        let what = format!("list pods with {selector} in {namespace}");
        let pods = self.ask(&what, self.pods.list(&labelled)).await?;
        choose(&pods.items, container.as_deref()).map_err(|why| {
            let text = format!("no pod with {selector} in {namespace} can be the client: {why}");
            let Failure { fault, error } = self.failure(Fault::Pod, text);
            let make = shell::command_line(["mesh-sample", "sleep", "-n", namespace]);
            let apply = shell::command_line(["mesh-apply", "--context", self.context()]);
            let hint = format!("to make one: {make} | {apply}");
            Failure { fault, error: error.hint(hint) }
        })
    }

    async fn ask<T>(
        &self,
        what: &str,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, Failure> {
        match self.connection.call_once(what, async { Ok(request.await) }).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Failure {
                fault: exec::fault(&error),
                error: self.connection.refusal(&error, what),
            }),
            Err(error) => Err(Failure { fault: Fault::Api, error }),
        }
    }

    fn failure(&self, fault: Fault, text: String) -> Failure {
        Failure { fault, error: Error::cluster(text).at(format!("context {}", self.context())) }
    }
}
