//! What the file's fields may be.

use super::{Exposure, FileCluster, FileNetwork, Firewall, MeshFile};
use meshcore::input::Document;
use meshcore::{DnsLabel, Error, Network, Result, is_qualified_name, is_secret_key};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::PathBuf;

/// Where istiod is, unless somebody moved it.
const SYSTEM_NAMESPACE: &str = "istio-system";

/// The file as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Raw {
    #[serde(rename = "apiVersion")]
    _api_version: IgnoredAny,
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    mesh_id: Option<String>,
    trust_domain: Option<String>,
    namespace: Option<String>,
    revision: Option<String>,
    istio_version: Option<String>,
    root_dir: Option<String>,
    clusters: Vec<RawCluster>,
    #[serde(default)]
    namespaces: Vec<String>,
    expose: Option<Vec<Exposure>>,
    #[serde(default)]
    networks: BTreeMap<String, FileNetwork>,
    firewall: Option<RawFirewall>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawCluster {
    name: String,
    context: Option<String>,
    kubeconfig: Option<String>,
    id: Option<String>,
    network: Option<String>,
    revision: Option<String>,
    server: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawFirewall {
    network: String,
    tags: Vec<String>,
}

/// The document, for places in errors.
#[derive(Clone, Copy)]
struct Places<'a>(&'a Document<'a>);

impl Places<'_> {
    fn wrong<T>(self, path: &str, reason: impl Display) -> Result<T> {
        Err(Error::data(reason.to_string()).at(self.0.field(path)))
    }

    /// Reads a text; the error of `read` completes a sentence or stands by itself.
    fn read<T, E: Display>(
        self,
        path: &str,
        text: &str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T> {
        read(text).or_else(|error| self.wrong(path, format!("{text:?}: {error}")))
    }

    fn read_if<T, E: Display>(
        self,
        path: &str,
        text: Option<String>,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>> {
        text.map(|text| self.read(path, &text, read)).transpose()
    }
}

/// Reads the fields' texts, and the fields against each other.
pub(super) fn check(raw: Raw, document: &Document<'_>) -> Result<MeshFile> {
    let at = Places(document);
    let clusters = clusters(at, raw.clusters)?;
    let namespace = at.read_if(".namespace", raw.namespace, DnsLabel::parse)?;
    let istiods = namespace.as_ref().map_or(SYSTEM_NAMESPACE, DnsLabel::as_str).to_owned();
    let trust_domain = |text: &str| meshpki::check_trust_domain(text).map(|()| text.to_owned());
    Ok(MeshFile {
        mesh_id: at.read_if(".meshId", raw.mesh_id, mesh_id)?,
        trust_domain: at.read_if(".trustDomain", raw.trust_domain, trust_domain)?,
        namespace,
        revision: at.read_if(".revision", raw.revision, DnsLabel::parse)?,
        istio_version: at.read_if(".istioVersion", raw.istio_version, str::parse)?,
        root_dir: at.read_if(".rootDir", raw.root_dir, given)?.map(PathBuf::from),
        namespaces: namespaces(at, &raw.namespaces, &istiods)?,
        expose: raw.expose,
        networks: networks(at, raw.networks, &clusters)?,
        firewall: raw.firewall.map(|firewall| self::firewall(at, &firewall)).transpose()?,
        clusters,
    })
}

fn given(text: &str) -> Result<String, &'static str> {
    if text.is_empty() { Err("is empty") } else { Ok(text.to_owned()) }
}

fn mesh_id(text: &str) -> Result<String, &'static str> {
    if is_qualified_name(text) {
        Ok(text.to_owned())
    } else {
        Err("a mesh's ID is a label value: at most 63 letters, digits, '-', '_' and '.'")
    }
}

fn cluster_id(text: &str) -> Result<String, &'static str> {
    if is_secret_key(text) {
        Ok(text.to_owned())
    } else {
        Err("a cluster's ID is the key of a Secret: letters, digits, '-', '_' and '.'")
    }
}

fn server(text: &str) -> Result<String, &'static str> {
    let host = text.strip_prefix("https://").unwrap_or_default();
    if host.is_empty() || text.contains(char::is_whitespace) {
        Err("an API server's address is https://HOST[:PORT]")
    } else {
        Ok(text.to_owned())
    }
}

fn clusters(at: Places<'_>, raw: Vec<RawCluster>) -> Result<Vec<FileCluster>> {
    if raw.is_empty() {
        return at.wrong(".clusters", "there is no cluster");
    }
    let (mut names, mut contexts, mut ids) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    // A name stands for the ID where there is none; only clusters with an ID can take it away.
    ids.extend(raw.iter().filter_map(|cluster| cluster.id.clone()));
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for (i, cluster) in raw.into_iter().enumerate() {
        let path = |field: &str| format!(".clusters[{i}].{field}");
        let name = at.read(&path("name"), &cluster.name, given)?;
        let context = at.read_if(&path("context"), cluster.context, given)?;
        let id = at.read_if(&path("id"), cluster.id, cluster_id)?;
        let second = |field: &str, text: &str| {
            at.wrong(&path(field), format!("{text:?} is the second cluster of that {field}"))
        };
        if !names.insert(name.clone()) || id.is_none() && ids.contains(&name) {
            return second("name", &name);
        }
        if !contexts.insert(context.clone().unwrap_or_else(|| name.clone())) {
            return second("context", context.as_deref().unwrap_or(&name));
        }
        if let Some(id) = &id
            && !seen.insert(id.clone())
        {
            return second("id", id);
        }
        all.push(FileCluster {
            kubeconfig: at.read_if(&path("kubeconfig"), cluster.kubeconfig, given)?,
            network: at.read_if(&path("network"), cluster.network, str::parse)?,
            revision: at.read_if(&path("revision"), cluster.revision, DnsLabel::parse)?,
            server: at.read_if(&path("server"), cluster.server, server)?,
            name,
            context,
            id,
        });
    }
    Ok(all)
}

fn namespaces(at: Places<'_>, raw: &[String], istiods: &str) -> Result<Vec<DnsLabel>> {
    let one = |(i, text): (usize, &String)| {
        let path = format!(".namespaces[{i}]");
        if text == istiods {
            return at.wrong(&path, format!("{text:?} is istiod's own, where nothing is injected"));
        }
        if raw[..i].contains(text) {
            return at.wrong(&path, format!("{text:?} is there a second time"));
        }
        at.read(&path, text, DnsLabel::parse)
    };
    raw.iter().enumerate().map(one).collect()
}

fn networks(
    at: Places<'_>,
    raw: BTreeMap<String, FileNetwork>,
    clusters: &[FileCluster],
) -> Result<BTreeMap<Network, FileNetwork>> {
    let mut all = BTreeMap::new();
    for (name, network) in raw {
        let path = format!(".networks.{name}");
        let key: Network = at.read(&path, &name, str::parse)?;
        // A cluster without one may still turn out to be in it.
        let may_be = |cluster: &&FileCluster| cluster.network.as_ref().is_none_or(|n| *n == key);
        if clusters.iter().find(may_be).is_none() {
            return at.wrong(&path, "no cluster is in this network");
        }
        for (i, gateway) in network.gateways.iter().enumerate() {
            if !clusters.iter().filter(may_be).any(|cluster| cluster.name == *gateway) {
                let reason = format!("{gateway:?} is no cluster of this network");
                return at.wrong(&format!("{path}.gateways[{i}]"), reason);
            }
        }
        all.insert(key, network);
    }
    Ok(all)
}

fn firewall(at: Places<'_>, raw: &RawFirewall) -> Result<Firewall> {
    let network = at.read(".firewall.network", &raw.network, str::parse)?;
    if raw.tags.is_empty() {
        return at
            .wrong(".firewall.tags", "there is no tag; mesh-nettags finds those of the nodes");
    }
    let tag =
        |(i, tag): (usize, &String)| at.read(&format!(".firewall.tags[{i}]"), tag, str::parse);
    Ok(Firewall { network, tags: raw.tags.iter().enumerate().map(tag).collect::<Result<_>>()? })
}
