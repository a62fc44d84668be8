//! Healthy meshes, as mesh-capture writes them. That of three clusters has cluster1 on network1,
//! and cluster2 and cluster3 on network2 and one VPC network; in larger ones each cluster has a
//! network of its own.
#![allow(dead_code, unused_imports)] // each test program uses a part of it

mod authority;
pub mod broken;
mod objects;

pub use authority::{
    Authority, authority, base64, claims, decoded, kubeconfig, remote_secret, server, token,
};
pub use objects::{capture, helloworld, namespace, pod, service};

use jiff::Timestamp;
use serde_json::{Value, json};

/// When the mesh is judged.
pub const AT: &str = "2027-06-01T00:00:00Z";
const DAY: i64 = 24 * 3600;

/// One capture for each cluster.
pub struct Mesh {
    pub captures: Vec<Value>,
}

/// Where a cluster is.
pub struct Place {
    name: String,
    network: String,
    region: String,
    vpc: String,
    /// The ranges of its pods, services, nodes and API servers.
    ranges: [String; 4],
    gateway: String,
}

impl Place {
    /// The places of so many clusters.
    pub fn of(count: usize) -> Vec<Self> {
        (1..=count)
            .map(|number| if count <= 3 { Self::few(number) } else { Self::many(number) })
            .collect()
    }

    fn few(number: usize) -> Self {
        let pods = 4 * number;
        let is_west = number == 1;
        Self {
            name: format!("cluster{number}"),
            network: if is_west { "network1" } else { "network2" }.to_owned(),
            region: if is_west { "us-west2" } else { "us-central1" }.to_owned(),
            vpc: if is_west { "west" } else { "central" }.to_owned(),
            ranges: [
                format!("10.{pods}.0.0/14"),
                format!("10.{}.0.0/20", pods + 100),
                format!("10.200.{pods}.0/24"),
                format!("172.16.{pods}.0/28"),
            ],
            gateway: format!("198.51.100.{pods}"),
        }
    }

    fn many(number: usize) -> Self {
        let (high, low) = (number / 256, number % 256);
        Self {
            name: format!("cluster{number}"),
            network: format!("network{number}"),
            region: format!("region{}", number % 8),
            vpc: format!("vpc{number}"),
            ranges: [
                format!("10.{}.{}.0/20", number / 16, number % 16 * 16),
                format!("172.{}.{low}.0/24", 16 + high),
                format!("172.{}.{low}.0/24", 20 + high),
                format!("172.{}.{low}.0/28", 24 + high),
            ],
            gateway: format!("198.51.{}.{low}", 100 + high),
        }
    }
}

pub fn at() -> Timestamp {
    AT.parse().expect("a time")
}

/// `YYYY-…` of so many days from [`AT`] on.
pub fn days(days: i64) -> String {
    Timestamp::from_second(at().as_second() + days * DAY).expect("a time").to_string()
}

impl Mesh {
    pub fn healthy() -> Self {
        let all = Place::of(3);
        Self { captures: all.iter().map(|place| capture(place, &all)).collect() }
    }

    /// As the tool reads it.
    pub fn text(&self) -> String {
        self.captures.iter().fold(String::new(), |text, capture| text + &capture.to_string() + "\n")
    }

    pub fn items(&mut self, cluster: &str) -> &mut Vec<Value> {
        let index: usize = cluster["cluster".len()..].parse().expect("a number");
        self.captures[index - 1]["items"].as_array_mut().expect("a list")
    }

    /// The object of a kind and name.
    pub fn object(&mut self, cluster: &str, kind: &str, name: &str) -> &mut Value {
        let is_it = |item: &&mut Value| item["kind"] == kind && item["metadata"]["name"] == name;
        self.items(cluster).iter_mut().find(is_it).unwrap_or_else(|| panic!("{kind} {name}"))
    }

    pub fn header(&mut self, cluster: &str) -> &mut Value {
        self.object(cluster, "Capture", cluster)
    }

    pub fn remove(&mut self, cluster: &str, kind: &str, name: &str) {
        self.object(cluster, kind, name);
        let is_it = |item: &Value| item["kind"] == kind && item["metadata"]["name"] == name;
        self.items(cluster).retain(|item| !is_it(item));
    }

    pub fn add(&mut self, cluster: &str, object: Value) {
        self.items(cluster).push(object);
    }

    /// Changes the kubeconfig in cluster1's Secret for cluster2.
    pub fn kubeconfig(&mut self, change: impl FnOnce(&mut Value)) {
        let secret = self.object("cluster1", "Secret", "istio-remote-secret-cluster2");
        let mut kubeconfig: Value =
            serde_json::from_str(&decoded(&secret["data"]["cluster2"])).expect("a kubeconfig");
        change(&mut kubeconfig);
        secret["data"]["cluster2"] = json!(base64(&kubeconfig.to_string()));
    }

    /// Changes the token in cluster1's Secret for cluster2.
    pub fn token(&mut self, change: impl FnOnce(&mut Value)) {
        let mut claims = claims("cluster2", 90);
        change(&mut claims);
        self.kubeconfig(|config| config["users"][0]["user"]["token"] = json!(token(&claims)));
    }

    /// Replaces a text in a key of a config map.
    pub fn config(&mut self, cluster: &str, map: &str, key: &str, from: &str, to: &str) {
        let map = self.object(cluster, "ConfigMap", map);
        let text = map["data"][key].as_str().expect("a text");
        assert!(text.contains(from), "{text} has no {from}");
        map["data"][key] = json!(text.replace(from, to));
    }

    /// Sets a variable of istiod.
    pub fn env(&mut self, cluster: &str, name: &str, value: &str) {
        let istiod = self.object(cluster, "Deployment", "istiod");
        let env = &mut istiod["spec"]["template"]["spec"]["containers"][0]["env"];
        let env = env.as_array_mut().expect("an environment");
        env.retain(|variable| variable["name"] != name);
        env.push(json!({"name": name, "value": value}));
    }
}
