//! Which cluster an object is of, whatever it comes in.
#![allow(clippy::unwrap_used)] // a test stops where it fails

use meshstate::{Input, Mesh, NamedFile, Resource};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::Path;

fn service(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "n"}})
}

fn list(items: &[Value]) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

fn header(name: &str) -> Value {
    json!({"apiVersion": "meshutils/v1alpha1", "kind": "Capture", "metadata": {"name": name}})
}

fn capture(name: &str, items: &[Value]) -> Value {
    list(&[&[header(name)], items].concat())
}

fn record(fields: &Value) -> Value {
    let mut record = json!({"apiVersion": "meshutils/v1alpha1", "kind": "Cluster"});
    record.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    record
}

fn istiod(id: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "istiod", "namespace": "istio-system", "labels": {"app": "istiod"}},
        "spec": {"template": {"spec": {"containers": [
            {"name": "discovery", "env": [{"name": "CLUSTER_ID", "value": id}]},
        ]}}},
    })
}

fn read(text: &str) -> Mesh {
    Mesh::of_text("stdin", text).unwrap_or_else(|error| panic!("{error:?}"))
}

fn error(text: &str) -> String {
    Mesh::of_text("stdin", text).unwrap_err().message().text().to_owned()
}

/// Each cluster's name and its services'.
fn names(mesh: &Mesh) -> Vec<(&str, Vec<&str>)> {
    mesh.clusters
        .iter()
        .map(|cluster| {
            let services = cluster.services.iter().map(|service| service.meta.name.as_str());
            (cluster.name.as_str(), services.collect())
        })
        .collect()
}

#[test]
fn captures_say_what_they_are_of() {
    let (a, b) = (capture("a", &[service("x"), service("y")]), capture("b", &[service("z")]));
    let expected = vec![("a", vec!["x", "y"]), ("b", vec!["z"])];
    let yaml = |value: &Value| meshcore::yaml::document_text(value);
    for text in [
        format!("{a}\n{b}\n"),
        format!("{a}\n\n{b:#}"),
        format!("{a:#}\n{b:#}\n"),
        json!([a, b]).to_string(),
        format!("{}---\n{}", yaml(&a), yaml(&b)),
        format!("\u{feff}{a}\r\n{b}\r\n"),
    ] {
        assert_eq!(names(&read(&text)), expected, "{text}");
    }
}

#[test]
fn what_stands_outside_of_a_capture_is_not_of_its_cluster() {
    let expected = vec![("a", vec!["x"]), ("stdin", vec!["y"])];
    let (a, y) = (capture("a", &[service("x")]), service("y"));
    for text in [format!("{a}\n{y}\n"), format!("{a:#}\n{y:#}"), format!("{a}\n{y:#}")] {
        assert_eq!(names(&read(&text)), expected, "{text}");
    }
}

#[test]
fn files_of_one_name_are_of_one_cluster() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, value: &Value| {
        std::fs::write(dir.path().join(name), value.to_string()).unwrap();
        dir.path().join(name).to_str().unwrap().to_owned()
    };
    let one = write("one.json", &list(&[service("x"), service("y")]));
    let two = write("two.yaml", &list(&[service("y"), istiod("c")]));
    let three = write("three.ndjson", &capture("b", &[service("z")]));
    let read = |files: &[&str]| {
        let files = files.iter().map(|text| NamedFile::parse(text).unwrap()).collect();
        Input { files }.read()
    };
    let mesh = read(&[&format!("a={one}"), &three, &format!("a={two}")]).unwrap();
    assert_eq!(names(&mesh), [("a", vec!["x", "y"]), ("b", vec!["z"])]);
    assert_eq!(mesh.clusters[0].id(), Some("c"));
    assert!(mesh.cluster("a").is_some() && mesh.with_id("c").count() == 1);
    let mesh = read(&[&one, &two]).unwrap();
    assert_eq!(names(&mesh), [("one", vec!["x", "y"]), ("two", vec!["y"])]);
    let mesh = read(&[&format!("b={one}"), &three]).unwrap();
    assert_eq!(names(&mesh), [("b", vec!["x", "y", "z"])]);

    let failed = |files: &[&str]| read(files).unwrap_err().message().text().to_owned();
    let text = failed(&[&format!("a={three}")]);
    assert!(text.ends_with("document 1: .items[0]: is of cluster b, not of a"), "{text}");
    assert!(failed(&[&three, &three]).ends_with("is the second capture of cluster b"));
    let text = failed(&["/nowhere/x.json"]);
    assert!(text.starts_with("/nowhere/x.json: ") && text.contains("No such file"), "{text}");
    assert!(failed(&["-", "a=-"]).contains("read once"));
}

#[test]
fn clusters_are_reduced_as_soon_as_they_are_complete() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let captures = write(
        "captures",
        format!("{}\n{}\n", capture("a", &[service("x")]), capture("b", &[service("y")])),
    );
    let dump = write("dump", list(&[service("z")]).to_string());
    let read = |files: &[String]| {
        let mut seen = Vec::new();
        let files = files.iter().map(|file| NamedFile::parse(file).unwrap()).collect();
        let read = Input { files }.read_reduced(|state| {
            let services = std::mem::take(&mut state.services);
            seen.push((state.name.clone(), services.len()));
        });
        (read, seen)
    };
    let (mesh, seen) = read(&[format!("c={dump}"), format!("a={dump}"), captures.clone()]);
    let mesh = mesh.unwrap();
    assert!(mesh.clusters.iter().all(|cluster| cluster.services.is_empty()));
    // Those of dumps may go on to the end of the input.
    let told = |name: &str, services| (name.to_owned(), services);
    assert_eq!(seen, [told("a", 2), told("b", 1), told("c", 1)]);
    let (late, _) = read(&[captures, format!("a={dump}")]);
    let error = late.unwrap_err();
    assert!(error.message().text().contains("whose capture was read already"), "{error:?}");
}

#[test]
fn flags_name_clusters() {
    let parse = |text: &str| {
        let NamedFile { cluster, file } = NamedFile::parse(text).unwrap();
        (cluster, file.to_str().unwrap().to_owned())
    };
    let named = |name: &str, file: &str| (Some(name.to_owned()), file.to_owned());
    assert_eq!(parse("a=b.json"), named("a", "b.json"));
    assert_eq!(parse("a=b=c"), named("a", "b=c"));
    assert_eq!(parse("gke_p_l_a=/x"), named("gke_p_l_a", "/x"));
    assert_eq!(parse("./a=b.json"), (None, "./a=b.json".to_owned()));
    assert_eq!(parse("-"), (None, "-".to_owned()));
    assert_eq!(parse("a=-"), named("a", "-"));
    for text in ["=b", "a=", ""] {
        assert!(NamedFile::parse(text).is_err(), "{text}");
    }
    assert!(!Input::default().is_given());
    assert_eq!(NamedFile::parse("b").unwrap().file, Path::new("b"));
}

#[test]
fn records_find_their_clusters() {
    let captured = json!({"apiVersion": "meshutils/v1alpha1", "kind": "Capture",
        "metadata": {"name": "by-context"}, "context": "ctx"});
    let text = format!(
        "{}\n{}\n{}\n{}\n{}\n",
        record(&json!({"name": "r1", "context": "ctx", "vpc": "v1"})),
        record(&json!({"name": "named", "vpc": "v2"})),
        record(&json!({"name": "r3", "id": "cn-3", "vpc": "v3"})),
        record(&json!({"name": "alone", "network": "n4"})),
        list(&[captured, header("named"), header("by-id"), istiod("cn-3")])
    );
    let mesh = read(&text);
    let found: Vec<(&str, Option<&str>)> = mesh
        .clusters
        .iter()
        .map(|one| (one.name.as_str(), one.record.as_ref().and_then(|r| r.vpc.as_deref())))
        .collect();
    assert_eq!(
        found,
        [("by-context", Some("v1")), ("named", Some("v2")), ("by-id", Some("v3")), ("alone", None)]
    );
    let alone = mesh.cluster("alone").unwrap();
    assert!(!alone.is_described() && !alone.knows(Resource::Services));
    assert_eq!(alone.networks().into_iter().collect::<Vec<_>>(), ["n4"]);
    assert_eq!(mesh.cluster("by-id").unwrap().id(), Some("cn-3"));
}

#[test]
fn a_record_in_a_capture_is_joined_with_another() {
    let mut captured = header("a");
    captured["record"] = record(&json!({"name": "a", "vpc": "v", "network": "n1"}));
    let more = record(&json!({"name": "a", "id": "i", "network": "n2"}));
    let mesh = read(&format!("{}\n{more}\n", list(&[captured.clone()])));
    let record_of_a = mesh.clusters[0].record.as_ref().unwrap();
    assert_eq!((record_of_a.vpc.as_deref(), record_of_a.id.as_deref()), (Some("v"), Some("i")));
    assert_eq!(record_of_a.network.as_deref(), Some("n1"));
    assert!(mesh.warnings[0].text().contains("sources differ in network"), "{:?}", mesh.warnings);
    let other = record(&json!({"name": "b", "context": "c"}));
    captured["context"] = json!("c");
    let text = error(&format!("{}\n{other}\n", list(&[captured])));
    assert_eq!(text, "cluster a: has two records: a and b");
}

#[test]
fn a_record_of_two_clusters_is_refused_unless_its_name_decides() {
    let twins = format!(
        "{}\n{}\n",
        capture("a", &[istiod("Kubernetes")]),
        capture("b", &[istiod("Kubernetes")])
    );
    let named = record(&json!({"name": "b", "id": "Kubernetes", "vpc": "v"}));
    let mesh = read(&format!("{twins}{named}\n"));
    assert!(mesh.clusters[0].record.is_none() && mesh.clusters[1].record.is_some());
    let other = record(&json!({"name": "c", "id": "Kubernetes"}));
    let text = error(&format!("{twins}{other}\n"));
    assert_eq!(text, "the record c could be of cluster a or b");
}

#[test]
fn what_may_be_concluded_is_known() {
    let mesh = read(&list(&[service("x")]).to_string());
    let dump = &mesh.clusters[0];
    assert!(dump.knows(Resource::Services) && !dump.knows(Resource::Secrets));
    let mut captured = header("a");
    captured["notRead"] = json!([
        {"resource": "secrets", "readIn": "istio-system", "reason": "forbidden"},
        {"resource": "nodes", "reason": "forbidden"},
    ]);
    let mesh = read(&list(&[captured.clone()]).to_string());
    let known = &mesh.clusters[0];
    assert!(known.knows(Resource::Services) && known.is_described());
    assert!(!known.knows(Resource::Secrets) && known.knows_in(Resource::Secrets, "istio-system"));
    assert!(!known.knows_in(Resource::Secrets, "n"));
    assert!(!known.knows_in(Resource::Nodes, "istio-system"));
    captured["unreachable"] = json!("no route to host");
    let mesh = read(&list(&[captured]).to_string());
    let lost = &mesh.clusters[0];
    assert!(!lost.knows(Resource::Services) && !lost.is_described());
}

#[test]
fn errors_say_where() {
    for (text, message) in [
        ("", "stdin: is empty"),
        ("\n \n", "stdin: is empty"),
        ("[]", "stdin: holds no objects"),
        ("{\"name\": \"a\"}", "stdin: document 1: is neither an object of Kubernetes nor"),
        ("kind: Config\napiVersion: v1\n", "stdin: document 1: is neither an object of Kubernetes"),
        ("{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}", "stdin: document 1: missing field `metadata`"),
        ("{\"apiVersion\":\"x/v1\",\"kind\":\"X\"}", "the input tells of no cluster"),
        ("{\"a\":\n", "stdin: document 1: is not JSON: EOF"),
    ] {
        let told = error(text);
        assert!(told.contains(message), "{text}: {told}");
    }
    let port = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"},
        "spec": {"ports": [{"port": "SECRET"}]}});
    let told = error(&format!("{}\n", capture("a", &[service("y"), port])));
    let place = "stdin: document 1: .items[2].spec.ports[0].port: ";
    assert!(told.starts_with(place) && !told.contains("SECRET"), "{told}");
    let told = error(&format!("{}\nx", capture("a", &[])));
    assert!(told.starts_with("stdin: document 2: "), "{told}");
    let told = error("{\"a\": 1}\n{\"a\"");
    assert!(told.starts_with("stdin: document 1: is neither"), "{told}");
    let told = error(&format!("{}\n{{\"a\"", capture("a", &[])));
    assert!(told.starts_with("stdin: document 2: is not JSON: EOF"), "{told}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,40}|[\\[\\]{}:, \na-c\"-]{0,60}") {
        let _ = Mesh::of_text("stdin", &text);
    }

    /// However the same objects are cut into documents and lines, they tell the same.
    #[test]
    fn form_does_not_matter(cuts in prop::collection::vec(1usize..4, 1..6), is_pretty: bool) {
        let services: Vec<Value> = (0..6).map(|i| service(&format!("s{i}"))).collect();
        let whole = read(&list(&services).to_string());
        let mut rest = &services[..];
        let mut text = String::new();
        for cut in cuts.into_iter().chain([6]) {
            let (now, later) = rest.split_at(cut.min(rest.len()));
            if now.is_empty() {
                break;
            }
            text += &if is_pretty { format!("{:#}\n", list(now)) } else { format!("{}\n", list(now)) };
            rest = later;
        }
        prop_assert_eq!(read(&text), whole);
    }
}

/// A mesh is judged pair by pair: twenty thousand records took gigabytes and minutes.
#[test]
fn nobody_has_so_many_clusters() {
    let record = |i: usize| {
        json!({"apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": format!("c{i}")})
            .to_string()
    };
    let text: String = (0..20_000).map(record).collect();
    assert_eq!(error(&text), "the input tells of 20000 clusters, of 1000 at most");
}
