//! The clusters that Secrets are made for.

use crate::name::ClusterId;
use crate::offline::{self, TokenSecret};
use meshcore::cluster::{self, Cluster, Endpoint};
use meshcore::input::Source;
use meshcore::{Console, Error, Result};

/// A cluster to make a Secret for.
pub struct Target {
    /// What to call it in messages.
    pub label: String,
    /// Its ID, where the user says it.
    pub id: Option<ClusterId>,
    /// What it is called where nobody says its ID.
    pub name: Option<String>,
    /// Its addresses, as its record has them.
    pub endpoints: Vec<Endpoint>,
    /// Where its credentials come from.
    pub origin: Origin,
}

/// Where credentials come from.
pub enum Origin {
    /// From the cluster.
    Cluster {
        /// The context that reaches it.
        context: String,
        /// The file that holds the context, if the record names one.
        kubeconfig: Option<String>,
    },
    /// From the input; nothing is asked.
    Input(TokenSecret),
}

impl Target {
    /// The cluster of a context.
    #[must_use]
    pub fn of_context(context: &str) -> Self {
        Self {
            label: format!("context {context}"),
            id: None,
            name: None,
            endpoints: Vec::new(),
            origin: Origin::Cluster { context: context.to_owned(), kubeconfig: None },
        }
    }

    fn of_record(record: Cluster) -> Result<Self> {
        let label = format!("cluster {}", record.label());
        let Some(context) = record.context.clone() else {
            return Err(Error::data(
                "the record has no context, so there is no way to reach the cluster",
            )
            .at(label)
            .hint("mesh-clusters adds it with --contexts or --kubeconfig"));
        };
        let kubeconfig = record.kubeconfig.clone();
        Self::described(Some(record), Origin::Cluster { context, kubeconfig })
    }

    fn described(record: Option<Cluster>, origin: Origin) -> Result<Self> {
        let record = record.unwrap_or_default();
        let label = match &origin {
            Origin::Input(secret) if record.name.is_empty() => secret.place.clone(),
            _ => format!("cluster {}", record.label()),
        };
        let id = record.id.as_deref().map(ClusterId::parse).transpose().map_err(|text| {
            Error::data(format!("its ID {text}"))
                .at(&label)
                .hint("no Secret can be named after it: install istiod with another clusterName")
        })?;
        let name = Some(record.name).filter(|name| !name.is_empty());
        Ok(Self { label, id, name, endpoints: record.endpoints, origin })
    }
}

/// Reads cluster records, or one token Secret and at most one record.
pub fn read(sources: &[Source], console: &Console) -> Result<Vec<Target>> {
    let mut secrets = Vec::new();
    let descriptions = cluster::read_with(sources, |document| {
        let secret = offline::read(document)?;
        let is_secret = secret.is_some();
        secrets.extend(secret);
        Ok(is_secret)
    })?;
    let merged = cluster::merge(descriptions.clusters);
    for contradiction in &merged.contradictions {
        console.warn(contradiction);
    }
    let mut records = merged.clusters;
    if secrets.len() > 1 || (secrets.len() == 1 && records.len() > 1) {
        let text = format!("{} token secrets and {} records", secrets.len(), records.len());
        return Err(Error::data(format!("the input has {text}: which is for which?"))
            .hint("give one token secret, alone or with the record of its cluster"));
    }
    match secrets.pop() {
        Some(secret) => Ok(vec![Target::described(records.pop(), Origin::Input(secret))?]),
        None => records.into_iter().map(Target::of_record).collect(),
    }
}
