//! Taking a cluster out of the mesh: the others lose its credentials, and it loses theirs.

use crate::holds::{Held, Remaining};
use crate::manifest::Access;
use crate::placement::{Target, Targets};
use crate::report::Done;
use crate::work::{Worker, each, secret_id};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meshcore::remote_secret::name_of;
use meshcore::{Console, Error, Message, Result};
use serde_json::Value;

/// A remote Secret as it lies in a cluster. No `Debug`: it is made of one that has credentials.
struct Found {
    name: String,
    held: Vec<Held>,
}

impl Found {
    fn gives_access(&self) -> impl Iterator<Item = &Access> {
        self.held.iter().map(|held| &held.access)
    }
}

fn found(secret: &Value) -> Found {
    let decode = |value: &Value| STANDARD.decode(value.as_str().unwrap_or_default());
    let data = secret["data"].as_object().into_iter().flatten();
    Found {
        name: secret["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
        held: data.map(|(key, value)| Held::read(key, decode(value).unwrap_or_default())).collect(),
    }
}

/// What is to be done with a Secret for one cluster to lose its place in it.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Delete,
    RemoveKey,
}

fn step(secret: &Found, key: &str) -> Option<Step> {
    let has = secret.gives_access().any(|access| access.cluster == key);
    let step = if secret.held.len() == 1 { Step::Delete } else { Step::RemoveKey };
    has.then_some(step)
}

/// The clusters that others' Secrets have under that key, by their servers. Any member could have
/// written that, so it is only told: nobody loses anything for it.
fn suspected(targets: &Targets<'_>, key: &str, secrets: &[Result<Vec<Found>>]) -> Vec<usize> {
    let accesses = secrets.iter().flatten().flatten().flat_map(Found::gives_access);
    let mut all: Vec<usize> =
        accesses.filter(|access| access.cluster == key).flat_map(|a| targets.of(a)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// What to do, from the flags.
pub struct Leave<'a> {
    /// The cluster's ID, name or context.
    pub cluster: &'a str,
    /// Istio's namespace.
    pub namespace: &'a str,
    /// Clusters worked on at once.
    pub at_once: usize,
    /// The kubeconfig that the flag names.
    pub kubeconfig: Option<&'a str>,
}

/// Removes a cluster from the mesh of `targets`. Where it is one of them, it loses its credentials
/// for the others, and its tokens that the others had are revoked; when it cannot be reached, that
/// is a warning: it is out of the mesh all the same. `workers` are the targets', in their order.
pub async fn run(
    leave: &Leave<'_>,
    targets: &[Target],
    workers: &[Result<Worker<'_>>],
    console: &Console,
) -> Result<Vec<Done>> {
    let index = Targets::new(targets)?;
    let key = index.find(leave.cluster).and_then(|i| targets[i].id.as_deref());
    let key = key.unwrap_or(leave.cluster);
    let looks = workers.iter().map(|worker| look(worker, leave.namespace));
    let secrets = each(looks, leave.at_once).await;
    let leaving = index.find(leave.cluster);
    if leaving.is_none() {
        for i in suspected(&index, key, &secrets) {
            console.warn(&stays(key, &targets[i].context));
        }
    }
    let one = |i: usize| {
        let (worker, secrets) = (&workers[i], &secrets[i]);
        async move {
            match (worker, secrets) {
                (Ok(worker), Ok(secrets)) if leaving == Some(i) => {
                    Ok(worker.forget_peers(leave.namespace, secrets).await)
                }
                (Ok(worker), Ok(secrets)) => Ok(worker.forget(leave.namespace, secrets, key).await),
                (_, Err(error)) | (Err(error), _) if leaving == Some(i) => Err(error.clone()),
                (_, Err(error)) | (Err(error), _) => {
                    let id = secret_id(leave.namespace, &name_of(key));
                    Ok(vec![Done::failed(&targets[i].name, &id, error)])
                }
            }
        }
    };
    let mut done = Vec::new();
    for result in each((0..targets.len()).map(one), leave.at_once).await {
        match result {
            Ok(some) => done.extend(some),
            Err(error) => console.warn(&left_behind(key, &error)),
        }
    }
    let of_leaver = leaving.and_then(|i| secrets[i].as_ref().ok());
    for i in (0..targets.len()).filter(|i| leaving != Some(*i)) {
        let others = (0..targets.len()).filter(|other| *other != i && leaving != Some(*other));
        let others = others.map(|other| &targets[other]).collect();
        let remaining = Remaining { leave, leaver: key, peer: &targets[i], others };
        let held: Option<Vec<&Held>> = of_leaver.map(|secrets| {
            let all = secrets.iter().flat_map(|secret| &secret.held);
            all.filter(|held| index.of(&held.access).contains(&i)).collect()
        });
        for note in remaining.notes(held.as_deref(), meshsecrets::now().ok()) {
            console.note(&note);
        }
    }
    if done.is_empty() {
        console.warn(&Message::new(format!("none of the clusters has a Secret for {key}")).hint(
            "the name is istiod's CLUSTER_ID: the key in kubectl get secrets -l istio/multiCluster=true",
        ));
    }
    Ok(done)
}

fn stays(key: &str, context: &str) -> Message {
    Message::new(format!(
        "{key} seems to be context {context}, as another cluster says: it keeps its own Secrets"
    ))
    .hint("if it is, say so with a record that has its id and its context: --to FILE")
}

/// The remote Secrets in one cluster.
async fn look(worker: &Result<Worker<'_>>, namespace: &str) -> Result<Vec<Found>> {
    let worker = worker.as_ref().map_err(Clone::clone)?;
    Ok(worker.remote_secrets(namespace).await?.iter().map(found).collect())
}

fn left_behind(key: &str, error: &Error) -> Message {
    Message::new(format!(
        "{key} itself was not changed, and its token that the others had is still valid: {}",
        error.message().text()
    ))
    .hint("when it answers again, run the same once more")
}

impl Worker<'_> {
    /// Removes what gives access to the cluster of that key.
    async fn forget(&self, namespace: &str, secrets: &[Found], key: &str) -> Vec<Done> {
        let mut done = Vec::new();
        for secret in secrets {
            match step(secret, key) {
                Some(Step::Delete) => done.push(self.delete_secret(namespace, &secret.name).await),
                Some(Step::RemoveKey) => {
                    done.push(self.remove_key(namespace, &secret.name, key).await);
                }
                None => {}
            }
        }
        done
    }

    /// Removes what gives access to others, and the tokens that others have been given.
    async fn forget_peers(&self, namespace: &str, secrets: &[Found]) -> Vec<Done> {
        let mut done = Vec::new();
        for secret in secrets {
            if secret.gives_access().all(|access| !access.server.is_empty()) {
                done.push(self.delete_secret(namespace, &secret.name).await);
            } else {
                // A CA with that label, for one.
                let error = Error::cluster("it holds something that is not a kubeconfig")
                    .hint("delete it by hand if nobody needs it");
                done.push(Done::failed(self.name, &secret_id(namespace, &secret.name), &error));
            }
        }
        match self.own_tokens(namespace).await {
            Ok(tokens) => {
                for token in tokens {
                    let name = token["metadata"]["name"].as_str().unwrap_or_default();
                    done.push(self.delete_secret(namespace, name).await);
                }
            }
            Err(error) => {
                // Which tokens there are is not known: the namespace stands for them.
                done.push(Done::failed(self.name, &secret_id(namespace, ""), &error));
            }
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn secret(data: &[(&str, &str)]) -> Found {
        let coded = data.iter().map(|(key, server)| {
            let config = json!({"clusters": [{"cluster": {"server": server}}]}).to_string();
            ((*key).to_owned(), json!(STANDARD.encode(config)))
        });
        let data: serde_json::Map<String, Value> = coded.collect();
        found(&json!({"metadata": {"name": "s"}, "data": data}))
    }

    fn target(name: &str, server: &str) -> Target {
        Target {
            name: name.into(),
            id: None,
            context: name.into(),
            kubeconfig: None,
            server: server.into(),
        }
    }

    #[test]
    fn of_a_secret_with_other_clusters_only_the_key_goes() {
        assert_eq!(step(&secret(&[("a", "")]), "a"), Some(Step::Delete));
        assert_eq!(step(&secret(&[("a", ""), ("b", "")]), "a"), Some(Step::RemoveKey));
        assert_eq!(step(&secret(&[("b", "")]), "a"), None);
    }

    #[test]
    fn what_others_have_makes_a_suspect_and_no_more() {
        let all = [target("ctx-a", "https://a"), target("b", "https://b")];
        let targets = Targets::new(&all).unwrap();
        let secrets = [Ok(vec![]), Ok(vec![secret(&[("a", "https://a")])])];
        assert_eq!(suspected(&targets, "a", &secrets), [0]);
        assert_eq!(suspected(&targets, "c", &secrets), [] as [usize; 0]);
        // Of an attack: a key of a third cluster with the server of another member.
        let hostile = [Ok(vec![]), Ok(vec![secret(&[("third", "https://a")])])];
        assert_eq!(targets.find("third"), None);
        assert!(stays("third", "ctx-a").text().contains("keeps its own Secrets"));
        assert_eq!(suspected(&targets, "third", &hostile), [0]);
    }
}
