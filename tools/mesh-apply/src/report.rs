//! What became of each object in each cluster.

use crate::manifest::ObjectId;
use meshcore::{Error, Exit, json_lines, visible};
use serde::{Serialize, Serializer};

/// What became of one object in one cluster.
#[derive(Debug, Serialize)]
pub struct Done {
    /// The target's name.
    pub cluster: String,
    #[serde(flatten, serialize_with = "fields")]
    pub object: ObjectId,
    /// In one word.
    pub action: Action,
    /// Whether it was only tried.
    #[serde(rename = "dryRun", skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "text")]
    pub reason: Option<Error>,
    /// The change as a unified diff, when it was asked for.
    #[serde(skip)]
    pub diff: String,
}

/// What was done, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It was not there.
    Created,
    /// It was there and differed.
    Configured,
    /// It was there and right.
    Unchanged,
    /// It was there, and is gone or going.
    Deleted,
    /// It is to be deleted when its finalizers are gone.
    Deleting,
    /// It was to be deleted, and was not there.
    Absent,
    /// It was not in the input, and is gone or going.
    Pruned,
    /// It was not in the input, and stays, as somebody else has a part of it.
    Kept,
    /// It would be applied; no cluster was asked.
    Planned,
    /// See the reason.
    Failed,
}

impl Done {
    /// An object that would be applied.
    #[must_use]
    pub fn planned(cluster: &str, object: &ObjectId) -> Self {
        let (cluster, object) = (cluster.to_owned(), object.clone());
        let (action, reason, diff) = (Action::Planned, None, String::new());
        Self { cluster, object, action, dry_run: true, reason, diff }
    }

    /// An object of a cluster that could not be asked.
    #[must_use]
    pub fn failed(cluster: &str, object: &ObjectId, reason: &Error) -> Self {
        let (action, reason) = (Action::Failed, Some(reason.clone()));
        Self { action, reason, dry_run: false, ..Self::planned(cluster, object) }
    }
}

fn fields<S: Serializer>(object: &ObjectId, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Fields<'a> {
        api_version: &'a str,
        kind: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<&'a str>,
        name: &'a str,
    }
    let ObjectId { api_version, kind, namespace, name } = object;
    Fields { api_version, kind, namespace: namespace.as_deref(), name }.serialize(serializer)
}

#[allow(clippy::ref_option)] // serde gives it so
fn text<S: Serializer>(error: &Option<Error>, serializer: S) -> Result<S::Ok, S::Error> {
    error.as_ref().map(|error| error.message().text()).serialize(serializer)
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let action = serde_json::to_value(self.action).expect("an action is a word");
        let action = action.as_str().unwrap_or_default();
        let dry_run = if self.dry_run { " (dry run)" } else { "" };
        write!(f, "{}: {} {action}{dry_run}", self.cluster, self.object)?;
        match &self.reason {
            Some(error) => write!(f, ": {}", error.message().text()),
            None => Ok(()),
        }
    }
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object per line
    Json,
    /// One line for people per object and cluster
    Lines,
    /// What would change, as a unified diff; nothing is written
    Diff,
}

/// The results as text.
#[must_use]
pub fn write(done: &[Done], format: Format) -> String {
    match format {
        Format::Json => json_lines(done),
        Format::Lines => {
            done.iter().fold(String::new(), |out, one| out + &visible(&one.to_string()) + "\n")
        }
        Format::Diff => done.iter().map(|one| one.diff.as_str()).collect(),
    }
}

/// The error of work of which parts failed: exit code 5 when all that failed is waiting, else 4, of a
/// wrong user in a kubeconfig, too: 3 is for runs that did nothing at all.
#[must_use]
pub fn failure(done: &[Done]) -> Option<Error> {
    let failed: Vec<(&Done, &Error)> =
        done.iter().filter_map(|one| Some((one, one.reason.as_ref()?))).collect();
    let (_, first) = failed.first()?;
    let text = if let [(one, reason)] = failed.as_slice() {
        format!("{} failed: {}", one.object, reason.message().text())
    } else {
        let mut clusters: Vec<&str> = failed.iter().map(|(one, _)| one.cluster.as_str()).collect();
        clusters.dedup();
        format!(
            "{} of {} failed, in {}; the first: {}",
            failed.len(),
            done.len(),
            clusters.join(", "),
            first.message().text()
        )
    };
    let waited = failed.iter().all(|(_, reason)| reason.exit() == Exit::Timeout);
    let error = if waited { Error::timeout(text) } else { Error::cluster(text) };
    let hints = first.message().hints().iter().cloned();
    Some(
        hints
            .fold(error, Error::hint)
            .hint("run it again when that is mended: what is done stays done"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(cluster: &str, reason: Option<Error>) -> Done {
        let object = ObjectId {
            api_version: "v1".into(),
            kind: "Secret".into(),
            namespace: Some("n".into()),
            name: "s".into(),
        };
        let action = if reason.is_some() { Action::Failed } else { Action::Created };
        Done {
            cluster: cluster.into(),
            object,
            action,
            dry_run: false,
            reason,
            diff: String::new(),
        }
    }

    #[test]
    fn results_are_lines() {
        let all = [done("a", None), done("b\n", Some(Error::cluster("down")))];
        assert_eq!(
            write(&all, Format::Json),
            "{\"cluster\":\"a\",\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"namespace\":\"n\",\
             \"name\":\"s\",\"action\":\"created\"}\n\
             {\"cluster\":\"b\\n\",\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"namespace\":\"n\",\
             \"name\":\"s\",\"action\":\"failed\",\"reason\":\"down\"}\n"
        );
        assert_eq!(
            write(&all, Format::Lines),
            "a: secret n/s created\nb\\u{a}: secret n/s failed: down\n"
        );
    }

    #[test]
    fn the_exit_code_is_that_of_the_worst() {
        let error = |all: &[Done]| failure(all).map(|error| error.exit());
        let down = || done("a", Some(Error::cluster("down")));
        let late = || done("b", Some(Error::timeout("late")));
        assert_eq!(error(&[done("a", None)]), None);
        assert_eq!(error(&[late(), done("a", None)]), Some(Exit::Timeout));
        assert_eq!(error(&[late(), down()]), Some(Exit::Cluster));
        let text = failure(&[down(), down(), late(), done("c", None)]).unwrap();
        assert_eq!(text.message().text(), "3 of 4 failed, in a, b; the first: down");
    }
}
