//! Why one cluster does not reach a service in another: the chain from the one to the other, up to
//! the first link that is broken.

mod asked;
mod link;
mod policy;
mod request;
mod routes;
mod way;

pub use asked::Asked;
pub use link::{Answer, Link};

use crate::member::{Member, Mesh};
use crate::report::Form;
use link::Pair;
use meshcore::finding::Finding;
use meshcore::{Error, Outcome, Result, Verdict, json_lines, shell, table, visible};
use serde_json::{Value, json};

/// A service by its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Its namespace.
    pub namespace: String,
    /// Its own name.
    pub name: String,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The cluster that calls, by name, ID or context.
    pub from: String,
    /// The cluster that is to answer.
    pub to: String,
    /// What is called.
    pub service: Name,
    /// The callers' namespace.
    pub client: Option<String>,
}

impl Question {
    /// The callers' namespace.
    #[must_use]
    pub fn client(&self) -> &str {
        self.client.as_deref().unwrap_or(&self.service.namespace)
    }
}

impl Name {
    /// Reads `NAMESPACE/NAME`, `NAME.NAMESPACE` or `NAME.NAMESPACE.svc.cluster.local`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let parts = text.split_once('/').or_else(|| {
            let (name, rest) = text.split_once('.')?;
            Some((rest.split('.').next()?, name))
        });
        let is_name = |part: &str| !part.is_empty() && !part.contains('/');
        match parts {
            Some((namespace, name)) if is_name(namespace) && is_name(name) => {
                Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            _ => Err("a service has the form NAMESPACE/NAME or NAME.NAMESPACE"),
        }
    }

    /// `NAMESPACE/NAME`.
    #[must_use]
    pub fn object(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// Walks the chain; `findings` are those of the two clusters.
pub fn answer(
    mesh: Mesh,
    question: &Question,
    findings: impl Fn(&Mesh) -> Result<Vec<Finding>>,
    form: Form,
) -> Result<Outcome> {
    let known: Vec<String> = mesh.members.iter().map(|m| m.name().to_owned()).collect();
    let find = |name: &str| {
        mesh.find(name).map(|member| member.name().to_owned()).ok_or_else(|| {
            Error::usage(format!("--why: the input has no cluster {name}"))
                .hint(format!("it has: {}", shell::names(&known)))
        })
    };
    let (from, to) = (find(&question.from)?, find(&question.to)?);
    if from == to {
        return Err(Error::usage("--why: both are one cluster").hint("name two clusters"));
    }
    let (mesh, others) = pair(mesh, &from, &to);
    let findings = findings(&mesh)?;
    let links = Pair::new(&mesh, question, &findings, &others).links();
    let broken = links.iter().position(|link| link.answer == Answer::No);
    let shown = &links[..broken.map_or(links.len(), |index| index + 1)];
    let output = match form {
        Form::Lines => shown.iter().map(line).collect(),
        Form::Json => json_lines(shown.iter().map(as_json)),
        Form::Table => {
            let row = |link: &Link| {
                let code = link.finding.as_ref().map_or("", |finding| finding.code);
                vec![link.answer.to_string(), link.name.into(), link.text.clone(), code.into()]
            };
            table::text(&["HOLDS", "LINK", "TEXT", "CODE"], shown.iter().map(row))
        }
        Form::Sarif | Form::Junit => {
            return Err(Error::usage("--why is answered as lines, json or table"));
        }
    };
    let verdict = if broken.is_some() { Verdict::No } else { Verdict::Yes };
    Ok(Outcome { output, verdict })
}

/// The two clusters first, and those whose istiods serve them; and the others. Of the Secrets of the
/// caller's istiod those that may be for the other cluster.
fn pair(mesh: Mesh, from: &str, to: &str) -> (Mesh, Vec<Member>) {
    let primary = |name: &str| {
        let member = mesh.named(name).and_then(|member| mesh.primary(member));
        member.map_or_else(|| name.to_owned(), |member| member.name().to_owned())
    };
    let (reader, other) = (primary(from), primary(to));
    let strangers = crate::whose::strangers(&mesh, &reader, to);
    let kept = [from, to, &reader, &other];
    let is_one = |member: &Member| kept.contains(&member.name());
    let (mut members, others): (Vec<Member>, Vec<Member>) =
        mesh.members.into_iter().partition(is_one);
    for member in &mut members {
        if member.name() == reader {
            for secret in &mut member.bulk.secrets {
                secret.entries.retain(|(key, _)| !strangers.contains(key));
            }
            // One that is for others alone is of no interest.
            member.bulk.secrets.retain(|secret| !secret.entries.is_empty());
        }
    }
    members.sort_by_key(|member| (member.name() != from, member.name() != to));
    (Mesh::new(members), others)
}

fn line(link: &Link) -> String {
    let mut text =
        format!("{:7} {}: {}\n", link.answer.to_string(), link.name, visible(&link.text));
    if let Some(Finding { code, message, fix, .. }) = &link.finding {
        text += &format!("        {} ({code})\n  fix: {}\n", visible(message), visible(fix));
    }
    text
}

fn as_json(link: &Link) -> Value {
    json!({
        "link": link.name,
        "holds": link.answer.to_string(),
        "message": link.text,
        "finding": link.finding,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_named_in_both_ways() {
        let of = |text| Name::parse(text).map(|name| name.object());
        assert_eq!(of("sample/helloworld").as_deref(), Ok("sample/helloworld"));
        assert_eq!(of("helloworld.sample").as_deref(), Ok("sample/helloworld"));
        assert_eq!(of("helloworld.sample.svc.cluster.local").as_deref(), Ok("sample/helloworld"));
        for wrong in ["helloworld", "", "a/", "/a", ".a", "a.", "a/b/c"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
