//! A Service, and the nodes if there are any, from `kubectl get -o json`.

use crate::Target;
use meshcore::input::{Document, Source};
use meshcore::{Error, Result};
use meshkube::k8s_openapi::api::core::v1::{Node, Service};
use meshkube::kube::ResourceExt as _;
use serde::Deserialize;

/// What the input holds.
#[derive(Debug, Default)]
pub struct Objects {
    services: Vec<Service>,
    /// Its nodes.
    pub nodes: Vec<Node>,
}

/// Reads Services and Nodes.
pub fn read(sources: &[Source]) -> Result<Objects> {
    #[derive(Deserialize)]
    struct Probe {
        kind: String,
    }
    let mut objects = Objects::default();
    for source in sources {
        for document in source.documents()? {
            let document: &Document<'_> = &document;
            match document.decode::<Probe>()?.kind.as_str() {
                "Service" => objects.services.push(document.decode()?),
                "Node" => objects.nodes.push(document.decode()?),
                kind => {
                    return Err(Error::data(format!("is a {kind}, neither Service nor Node"))
                        .at(document.place())
                        .hint("feed it with: kubectl get service NAME -n NAMESPACE -o json"));
                }
            }
        }
    }
    Ok(objects)
}

impl Objects {
    /// The Service that is meant: the only one where none is named, and `None` where it is not
    /// there.
    pub fn choose(&self, named: Option<&Target>) -> Result<Option<&Service>> {
        let target = match (named, self.services.as_slice()) {
            (None, [only]) => return Ok(Some(only)),
            (None, _) => Target::default(),
            (Some(target), _) => target.clone(),
        };
        let is_meant = |service: &&Service| Target::of(service) == target;
        let mut meant = self.services.iter().filter(is_meant);
        let first = meant.next();
        if meant.next().is_some() {
            return Err(Error::data(format!("the input has service {target} twice"))
                .hint("give one cluster at a time"));
        }
        Ok(first)
    }
}

impl Target {
    /// The name of a Service.
    #[must_use]
    pub fn of(service: &Service) -> Self {
        let namespace = service.namespace().unwrap_or_else(|| "default".to_owned());
        Self { namespace, name: service.name_any() }
    }
}
