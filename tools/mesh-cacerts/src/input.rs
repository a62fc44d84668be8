//! Reading clusters' CA Secrets and root config maps, and their proxies: kubectl's output,
//! captures, our own Secrets.

use crate::found::{Cluster, FileSet, Style};
use crate::object::{
    CACERTS, Content, Item, ROOT_KEY, ROOT_MAP, Reading, SELF_SIGNED, Texts, items,
};
use meshcore::input::Source;
use meshcore::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Clusters by what messages call them.
pub type Clusters = BTreeMap<String, Cluster>;

/// Reads the clusters; `names` are theirs in the order of the documents, if the user gives them.
pub fn read(sources: &[Source], names: &[String], reading: Reading) -> Result<Clusters> {
    let mut clusters = Clusters::new();
    let mut names_left = names.iter();
    for source in sources {
        let mut items = items(source, reading)?;
        join_documents(&mut items);
        let documents = unnamed_documents(&items);
        let label = if names.is_empty() {
            labels_of(source, &items, &documents)
        } else {
            let mut given = BTreeMap::new();
            for document in &documents {
                let name = names_left.next().ok_or_else(|| too_few(names))?;
                given.insert((*document).to_owned(), (name.clone(), true));
            }
            given
        };
        for item in items {
            let (name, is_known) = match &item.cluster {
                Some(_) if !names.is_empty() => return Err(named_twice(&item)),
                Some(name) => (name.clone(), true),
                None => label[&item.document].clone(),
            };
            let cluster = clusters.entry(name.clone()).or_default();
            cluster.name = is_known.then_some(name);
            add(cluster, item)?;
        }
    }
    if names_left.next().is_some() {
        return Err(too_few(names));
    }
    drop_unused_self_signed(&mut clusters);
    if clusters.is_empty() {
        let nor_pods = if reading == Reading::Proxies { ", and no pod" } else { "" };
        return Err(Error::data(format!(
            "the input has no Secret {CACERTS} and no config map {ROOT_MAP}{nor_pods}"
        ))
        .hint("kubectl get secret,cm -n istio-system -o json has both"));
    }
    Ok(clusters)
}

fn too_few(names: &[String]) -> Error {
    Error::usage(format!(
        "--cluster names {} clusters, and the input has not that many",
        names.len()
    ))
    .hint("give one for each document of the input that has a CA, in their order")
}

fn named_twice(item: &Item) -> Error {
    Error::usage("--cluster is given, and the input names its clusters itself").at(&item.place)
}

/// What kubectl printed of a cluster's pods and machines belongs to the document before it, which
/// has the cluster's CA.
fn join_documents(items: &mut [Item]) {
    let mut first: Option<String> = None;
    let mut has_proxies = false;
    let unnamed = |a: &Item, b: &Item| a.cluster.is_none() && b.cluster.is_none();
    for run in items.chunk_by_mut(|a, b| unnamed(a, b) && a.document == b.document) {
        if run[0].cluster.is_some() {
            continue;
        }
        let is_proxy = |item: &Item| !matches!(item.content, Content::Texts(_));
        let of_proxies = run.iter().all(is_proxy);
        match &first {
            Some(first) if of_proxies && !has_proxies => {
                for item in run.iter_mut() {
                    item.document.clone_from(first);
                }
            }
            _ => first = Some(run[0].document.clone()),
        }
        has_proxies = run.iter().any(is_proxy);
    }
}

/// The documents whose objects do not say which cluster they are of, in order.
fn unnamed_documents(items: &[Item]) -> Vec<&str> {
    let mut documents: Vec<&str> = items
        .iter()
        .filter(|item| item.cluster.is_none())
        .map(|item| item.document.as_str())
        .collect();
    documents.dedup();
    documents
}

/// What to call the clusters of documents that do not say it, and whether that is a name. A file
/// is one cluster and gives its name, unless it has the same object twice: then each document is
/// one.
fn labels_of(
    source: &Source,
    items: &[Item],
    documents: &[&str],
) -> BTreeMap<String, (String, bool)> {
    let (mut known, mut with_pods) = (BTreeSet::new(), BTreeSet::new());
    let mut unnamed = items.iter().filter(|item| item.cluster.is_none());
    let is_one = unnamed.all(|item| match &item.content {
        Content::Texts(texts) => known.insert((&texts.namespace, &texts.name)),
        // kubectl prints all pods of a cluster at once.
        Content::Pod(_) => {
            with_pods.insert(&item.document);
            with_pods.len() < 2
        }
        Content::Entry(_) => true,
    });
    let stem = Path::new(&source.name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let label = |document: &str| match stem.clone() {
        _ if !is_one => (document.to_owned(), false),
        Some(stem) if source.name != "stdin" => (stem, true),
        _ => (source.name.clone(), false),
    };
    documents.iter().map(|document| ((*document).to_owned(), label(document))).collect()
}

fn add(cluster: &mut Cluster, item: Item) -> Result<()> {
    let Item { content, place, .. } = item;
    let Texts { namespace, name, mut data, updated } = match content {
        Content::Texts(texts) => texts,
        Content::Pod(pod) => {
            cluster.proxies.add_pod(*pod);
            return Ok(());
        }
        Content::Entry(entry) => {
            cluster.proxies.add_machine(&entry);
            return Ok(());
        }
    };
    let of = namespace.as_deref().map_or(String::new(), |namespace| format!("{namespace}/"));
    let object = format!("{of}{name}");
    let twice = || {
        Error::data(format!("{object} is there twice, and not the same"))
            .at(&place)
            .hint("name the clusters: --cluster NAME for each document, or a file NAME.json each")
    };
    if name == ROOT_MAP {
        let Some(text) = data.remove(ROOT_KEY) else { return Ok(()) };
        let namespace = namespace.unwrap_or_default();
        // Those of younger namespaces were written later.
        cluster.published_at = cluster.published_at.into_iter().chain(updated).min();
        let old = cluster.published.insert(namespace, text.to_string());
        return if old.is_some_and(|old| old != *text) { Err(twice()) } else { Ok(()) };
    }
    let set = match name.as_str() {
        SELF_SIGNED => FileSet::self_signed(object.clone(), namespace, data),
        _ => FileSet::of_files(object.clone(), namespace, data),
    };
    let Some(set) = set else { return Ok(()) };
    cluster.given_at = cluster.given_at.max(updated);
    match cluster.sets.iter().find(|known| known.object == set.object) {
        Some(known) if *known == set => Ok(()),
        Some(_) => Err(twice()),
        None => {
            cluster.sets.push(set);
            cluster.sets.sort_by(|a, b| a.object.cmp(&b.object));
            Ok(())
        }
    }
}

/// istiod does not look at the CA that it made once it is given one.
fn drop_unused_self_signed(clusters: &mut Clusters) {
    for cluster in clusters.values_mut() {
        let given: BTreeSet<Option<String>> = cluster
            .sets
            .iter()
            .filter(|set| set.style != Style::SelfSigned)
            .map(|set| set.namespace.clone())
            .collect();
        cluster
            .sets
            .retain(|set| set.style != Style::SelfSigned || !given.contains(&set.namespace));
    }
    clusters.retain(|_, cluster| {
        !cluster.sets.is_empty() || !cluster.published.is_empty() || cluster.proxies.are_seen
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::found::Key;
    use crate::manifest::FOR_CLUSTER;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn secret(name: &str, ca: &str) -> Value {
        json!({"kind": "Secret", "metadata": {"name": name, "namespace": "istio-system"},
            "data": {"ca-cert.pem": STANDARD.encode(ca)}})
    }

    fn root_map(namespace: &str, root: &str) -> Value {
        json!({"kind": "ConfigMap", "metadata": {"name": ROOT_MAP, "namespace": namespace},
            "data": {"root-cert.pem": root}})
    }

    fn list(items: &[Value]) -> Value {
        json!({"kind": "List", "items": items})
    }

    fn read_named(name: &str, documents: &[Value], names: &[&str]) -> Result<Clusters> {
        let text = documents.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let source = Source::new(name.into(), text.into_bytes()).unwrap();
        read(&[source], &names, Reading::Proxies)
    }

    /// Each cluster's label, whether that is its name, and its CA certificates.
    fn told(clusters: &Clusters) -> Vec<(&str, bool, Vec<&str>)> {
        clusters
            .iter()
            .map(|(label, cluster)| {
                let cas = cluster.sets.iter().filter_map(|set| set.ca_cert.as_deref()).collect();
                (label.as_str(), cluster.name.is_some(), cas)
            })
            .collect()
    }

    fn error(documents: &[Value], names: &[&str]) -> String {
        let error = read_named("stdin", documents, names).err().expect("it is refused");
        error.message().text().to_owned()
    }

    #[test]
    fn an_object_says_its_cluster_or_the_file_does() {
        let mut annotated = secret(CACERTS, "x");
        annotated["metadata"]["annotations"] = json!({FOR_CLUSTER: "west"});
        let documents = [annotated, secret(CACERTS, "y"), root_map("a", "r")];
        let clusters = read_named("dir/east.json", &documents, &[]).unwrap();
        assert_eq!(told(&clusters), [("east", true, vec!["y"]), ("west", true, vec!["x"])]);
        assert_eq!(clusters["east"].published.keys().collect::<Vec<_>>(), ["a"]);
        let clusters = read_named("stdin", &documents[1..], &[]).unwrap();
        assert_eq!(told(&clusters), [("stdin", false, vec!["y"])]);
    }

    #[test]
    fn two_dumps_in_one_stream_are_two_clusters() {
        let documents = [
            list(&[secret(CACERTS, "x"), root_map("a", "r")]),
            list(&[secret(CACERTS, "y"), root_map("a", "r")]),
        ];
        let clusters = read_named("stdin", &documents, &[]).unwrap();
        let expected =
            [("stdin: document 1", false, vec!["x"]), ("stdin: document 2", false, vec!["y"])];
        assert_eq!(told(&clusters), expected);
        let clusters = read_named("stdin", &documents, &["b", "a"]).unwrap();
        assert_eq!(told(&clusters), [("a", true, vec!["y"]), ("b", true, vec!["x"])]);
        for names in [&["a"][..], &["a", "b", "c"]] {
            assert!(error(&documents, names).contains("the input has not that many"));
        }
        assert!(
            error(&[list(&[secret(CACERTS, "x"), secret(CACERTS, "y")])], &[])
                .contains("istio-system/cacerts is there twice, and not the same")
        );
    }

    #[test]
    fn pods_are_of_the_cluster_whose_ca_comes_before_them() {
        let pod = |name: &str| {
            list(&[json!({"kind": "Pod", "metadata": {"name": name, "namespace": "a"},
                "spec": {"containers": [{"name": "istio-proxy"}]}})])
        };
        let pods = |clusters: &Clusters| -> Vec<(String, bool)> {
            clusters.iter().map(|(name, one)| (name.clone(), one.proxies.are_seen)).collect()
        };
        let ca = |text: &str| list(&[secret(CACERTS, text)]);
        let documents = [ca("x"), pod("p"), ca("y"), ca("z"), pod("q")];
        let clusters = read_named("stdin", &documents, &["a", "b", "c"]).unwrap();
        let expected = [("a", true), ("b", false), ("c", true)];
        assert_eq!(pods(&clusters), expected.map(|(name, seen)| (name.to_owned(), seen)));
        let clusters = read_named("stdin", &[pod("p"), pod("q")], &["a", "b"]).unwrap();
        assert_eq!(clusters.len(), 2);
        // Without names two are not taken for one.
        assert_eq!(read_named("stdin", &[pod("p"), pod("q")], &[]).unwrap().len(), 2);
        assert_eq!(read_named("stdin", &[ca("x"), pod("q")], &[]).unwrap().len(), 1);
    }

    #[test]
    fn a_capture_names_the_objects_of_its_own_list() {
        let capture = |cluster: &str, item: Value| {
            list(&[json!({"kind": "Capture", "metadata": {"name": cluster}}), item])
        };
        let mut redacted = secret(CACERTS, "x");
        redacted["data"]["ca-key.pem"] = json!("redacted:public-key-sha256:ab");
        let documents = [capture("west", redacted), secret(CACERTS, "y")];
        let clusters = read_named("stdin", &documents, &[]).unwrap();
        assert_eq!(told(&clusters), [("stdin", false, vec!["y"]), ("west", true, vec!["x"])]);
        let Some(Key::Redacted { public_key: Some(key) }) = &clusters["west"].sets[0].ca_key else {
            panic!("it is redacted")
        };
        assert_eq!(key, "ab");
        assert!(error(&documents, &["a", "b"]).contains("the input names its clusters itself"));
    }

    #[test]
    fn istiods_own_ca_counts_only_where_there_is_no_other() {
        let clusters = read_named("a.json", &[secret(SELF_SIGNED, "own")], &[]).unwrap();
        assert!(clusters["a"].sets[0].style == Style::SelfSigned);
        let both = [secret(SELF_SIGNED, "own"), secret(CACERTS, "given")];
        let clusters = read_named("a.json", &both, &[]).unwrap();
        assert_eq!(told(&clusters), [("a", true, vec!["given"])]);
    }

    #[test]
    fn other_objects_are_passed_over_and_none_is_an_error() {
        let strange = json!({"kind": "ControllerRevision", "metadata": {"name": "a"}, "data": 1});
        assert!(error(std::slice::from_ref(&strange), &[]).contains("has no Secret cacerts"));
        assert!(read_named("stdin", &[strange, secret(CACERTS, "x")], &[]).is_ok());
        assert!(error(&[json!({"kind": "ConfigMap"})], &[]).starts_with("stdin: document 1"));
        let mut wrong = secret(CACERTS, "x");
        wrong["data"]["ca-key.pem"] = json!("!secret!");
        let text = error(&[wrong], &[]);
        assert!(text.contains(".data.ca-key.pem") && !text.contains("!secret!"), "{text}");
    }

    proptest! {
        /// Whatever order objects of N files come in, each is its own cluster's.
        #[test]
        fn every_object_finds_its_cluster(names in prop::collection::btree_set("[a-z]{1,4}", 1..6)) {
            let mut sources = Vec::new();
            for name in &names {
                let text = list(&[root_map("x", name), secret(CACERTS, name)]).to_string();
                let file = format!("dir/{name}.json");
                sources.push(Source::new(file, text.into_bytes()).unwrap());
            }
            let clusters = read(&sources, &[], Reading::Authority).unwrap();
            prop_assert!(clusters.keys().eq(names.iter()));
            for (name, cluster) in &clusters {
                prop_assert_eq!(cluster.sets[0].ca_cert.as_ref(), Some(name));
                prop_assert_eq!(cluster.published.get("x"), Some(name));
            }
        }
    }
}
