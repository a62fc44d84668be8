//! A Service of a running cluster: as it is, or as soon as it has an address.

use crate::address::{self, Address};
use crate::nodes::Selector;
use crate::reason::Reason;
use crate::resolve::resolve;
use crate::{Question, Target, told};
use meshcore::{Error, Message, Result};
use meshkube::k8s_openapi::api::core::v1::{Node, Service};
use meshkube::kube::api::{Api, ListParams};
use meshkube::{Connection, Patience, cleaned, segment};
use std::cell::RefCell;
use std::time::Duration;

/// How often a waiting tool looks again. To look needs fewer rights than to watch, and passes
/// proxies that cut long requests.
const PAUSE: Duration = Duration::from_secs(1);

/// The addresses now.
pub async fn ask(cluster: &Connection, question: &Question) -> Result<Vec<Address>> {
    let answer = look(cluster, question, &Patience::new(Duration::ZERO)).await?;
    answer.map_err(|reason| {
        let mut message = message(cluster, &question.target, &reason);
        if reason.may_pass() {
            message = message.hint("--wait waits for it");
        }
        told(Error::cluster, message)
    })
}

/// The addresses as soon as there are any; `tell` hears what is waited for. A server that cannot
/// be reached at first is an error, and one that is lost later is waited for, too.
pub async fn wait(
    cluster: &Connection,
    question: &Question,
    limit: Duration,
    tell: impl Fn(&Message),
) -> Result<Vec<Address>> {
    let reason = RefCell::new(None);
    let look_again = async {
        let mut patience = Patience::new(Duration::ZERO);
        loop {
            match look(cluster, question, &patience).await? {
                Ok(addresses) => return Ok(addresses),
                Err(why) if !why.may_pass() => {
                    return Err(told(Error::cluster, message(cluster, &question.target, &why)));
                }
                Err(why) => {
                    if reason.borrow().as_ref() != Some(&why) {
                        tell(&message(cluster, &question.target, &why));
                        reason.replace(Some(why));
                    }
                }
            }
            patience = Patience::new(limit);
            tokio::time::sleep(PAUSE).await;
        }
    };
    match tokio::time::timeout(limit, look_again).await {
        Ok(result) => result,
        Err(_) => Err(match reason.take() {
            Some(reason) => {
                let message = message(cluster, &question.target, &reason);
                let waited = |text: String| Error::timeout(format!("{text} (after {limit:?})"));
                told(waited, message)
            }
            None => Error::timeout(format!("{} does not answer within {limit:?}", cluster.server))
                .at(place(cluster)),
        }),
    }
}

fn place(cluster: &Connection) -> String {
    format!("context {}", cluster.context)
}

fn message(cluster: &Connection, target: &Target, reason: &Reason) -> Message {
    reason.message(target).at(place(cluster))
}

/// One look at the Service, and at the nodes where they matter.
async fn look(
    cluster: &Connection,
    question: &Question,
    patience: &Patience,
) -> Result<Result<Vec<Address>, Reason>> {
    let Target { namespace, name } = &question.target;
    let services: Api<Service> = cluster.objects_in(namespace);
    let (what, segment) = (format!("read service {}", question.target), &segment(name));
    let Some(service) = cluster.persist(&what, patience, || services.get_opt(segment)).await?
    else {
        return Ok(Err(Reason::Missing));
    };
    let service = cleaned(&service)?;
    let mut nodes = Vec::new();
    if Selector::of(&service).is_some() {
        let all: Api<Node> = Api::all(cluster.client.clone());
        let every = ListParams::default();
        nodes = cluster.persist("list nodes", patience, || all.list(&every)).await?.items;
    }
    let found = address::addresses(&service, &nodes, question.port.as_ref());
    if !question.resolve {
        return Ok(found);
    }
    // A resolver may think for seconds, and the other clusters go on.
    let resolved = tokio::task::spawn_blocking(|| found.and_then(resolve)).await;
    Ok(resolved.expect("a resolver does not panic"))
}
