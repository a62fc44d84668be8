//! What the stand-in knows: Google's Kubernetes Engine, Compute and fleets, as far as the tools and
//! runbooks use them. A write changes what is read after it.

use mesh_tests::root;
use serde_json::{Value, json};

/// All projects together; each object tells its own in `selfLink`.
pub struct Cloud {
    pub clusters: Vec<Value>,
    /// What becomes of a cluster of that name when one is created.
    pub plans: Vec<Value>,
    pub instances: Vec<Value>,
    pub firewalls: Vec<Value>,
    pub subnets: Vec<Value>,
    /// Memberships whose control plane Google runs; none where the mesh is not enabled.
    pub managed: Option<Vec<String>>,
}

/// A list of the fixtures.
pub fn fixture(name: &str) -> Vec<Value> {
    let text = std::fs::read(root().join("tests/fixtures").join(name)).expect("it is there");
    serde_json::from_slice(&text).expect("it is a list in JSON")
}

impl Default for Cloud {
    fn default() -> Self {
        Self {
            clusters: fixture("gke-clusters.json"),
            plans: Vec::new(),
            instances: fixture("gce-instances.json"),
            firewalls: fixture("gce-firewalls.json"),
            subnets: Vec::new(),
            managed: None,
        }
    }
}

/// The parts of a path, without the version of the API.
fn parts(path: &str) -> Vec<&str> {
    let path = path.trim_start_matches('/').trim_start_matches("compute/");
    path.split('/').skip(1).collect()
}

fn of_project<'a>(objects: &'a [Value], project: &str) -> Vec<&'a Value> {
    let mark = format!("/projects/{project}/");
    let link =
        |object: &Value| object["selfLink"].as_str().is_some_and(|link| link.contains(&mark));
    objects.iter().filter(|object| link(object)).collect()
}

/// Puts the fields of `change` into `target`, those within objects one by one.
fn merge(target: &mut Value, change: &Value) {
    match (target, change) {
        (Value::Object(target), Value::Object(change)) => {
            for (key, value) in change {
                merge(target.entry(key).or_insert(Value::Null), value);
            }
        }
        (target, change) => *target = change.clone(),
    }
}

impl Cloud {
    /// What a GET of this path is answered with.
    pub fn read(&self, path: &str) -> Option<Value> {
        if path.contains("/operations/") {
            return Some(operation(path));
        }
        match parts(path)[..] {
            ["projects", project] => {
                Some(json!({"projectId": project, "projectNumber": "123456789",
                "lifecycleState": "ACTIVE"}))
            }
            ["projects", _, "services", service] => {
                Some(json!({"name": service, "state": "ENABLED"}))
            }
            ["projects", project, "locations", "-", "clusters"] => {
                Some(json!({"clusters": of_project(&self.clusters, project)}))
            }
            ["projects", project, "locations", location, "clusters", name] => {
                let clusters = of_project(&self.clusters, project);
                clusters
                    .into_iter()
                    .find(|c| c["name"] == name && c["location"] == location)
                    .cloned()
            }
            ["projects", _, "locations", _, "memberships", name] => {
                let member = |c: &&Value| c["name"] == name && c["fleet"].is_object();
                self.clusters.iter().find(member).map(|_| json!({"name": path}))
            }
            ["projects", _, "locations", "global", "features", _] => {
                self.managed.as_ref().map(|_| json!({"name": path}))
            }
            ["projects", _, "locations", _, "memberships", name, "features", _] => {
                let managed = self.managed.as_ref()?.iter().any(|member| member == name);
                managed.then(|| json!({"name": path}))
            }
            ["projects", project, "aggregated", "instances"] => {
                let instances = of_project(&self.instances, project);
                Some(json!({"items": {"zones/all": {"instances": instances}}}))
            }
            ["projects", project, "aggregated", "subnetworks"] => {
                let subnets = of_project(&self.subnets, project);
                Some(json!({"items": {"regions/all": {"subnetworks": subnets}}}))
            }
            ["projects", project, "global", "firewalls"] => {
                Some(json!({"items": of_project(&self.firewalls, project)}))
            }
            ["projects", project, "global", "firewalls", name] => {
                let rules = of_project(&self.firewalls, project);
                rules.into_iter().find(|rule| rule["name"] == name).cloned()
            }
            _ => None,
        }
    }

    /// Does what is asked for; none where that cannot be.
    pub fn write(&mut self, method: &str, path: &str, body: &Value) -> Option<Value> {
        match (method, &parts(path)[..]) {
            ("POST", ["projects", project, "locations", location, "clusters"]) => {
                self.create(project, location, &body["cluster"])?;
            }
            (_, ["projects", project, "locations", location, "clusters", name]) => {
                let (name, verb) = name.split_once(':').unwrap_or((name, ""));
                let mut clusters = self.clusters.iter_mut();
                let cluster = clusters.find(|c| {
                    let link = c["selfLink"].as_str().unwrap_or_default();
                    c["name"] == name
                        && c["location"] == *location
                        && link.contains(&format!("/projects/{project}/"))
                })?;
                match verb {
                    "setResourceLabels" => {
                        cluster["resourceLabels"] = body["resourceLabels"].clone();
                    }
                    _ => update(cluster, &body["update"]),
                }
            }
            ("POST", ["projects", _, "locations", "global", "features"]) => {
                if self.managed.is_some() {
                    return None;
                }
                self.managed = Some(Vec::new());
            }
            ("PATCH", ["projects", _, "locations", _, "memberships", name, ..]) => {
                self.managed.as_mut()?.push((*name).to_owned());
            }
            ("POST", ["projects", project, "global", "firewalls"]) => {
                let mut rule = body.clone();
                let name = body["name"].as_str()?;
                rule["selfLink"] = json!(format!(
                    "https://www.googleapis.com/compute/v1/projects/{project}/global/firewalls/{name}"
                ));
                self.firewalls.push(rule);
                return Some(operation(&format!("{path}/{name}")));
            }
            (_, ["projects", project, "global", "firewalls", name]) => {
                let link = format!("/projects/{project}/global/firewalls/{name}");
                let mut rules = self.firewalls.iter_mut();
                let is_it =
                    |rule: &Value| rule["selfLink"].as_str().is_some_and(|of| of.ends_with(&link));
                merge(rules.find(|rule| is_it(rule))?, body);
            }
            _ => return None,
        }
        Some(operation(path))
    }

    /// A cluster as it was planned, with what was asked for.
    fn create(&mut self, project: &str, location: &str, asked: &Value) -> Option<()> {
        let is_it = |cluster: &Value| {
            let link = cluster["selfLink"].as_str().unwrap_or_default();
            cluster["name"] == asked["name"]
                && cluster["location"] == location
                && link.contains(&format!("/projects/{project}/"))
        };
        if self.clusters.iter().any(is_it) {
            return None;
        }
        let plan = self.plans.iter().find(|plan| is_it(plan))?;
        let mut cluster = asked.clone();
        merge(&mut cluster, plan);
        self.clusters.push(cluster);
        Some(())
    }
}

/// A cluster after an update of this kind; what has two places in the API has them here, too.
fn update(cluster: &mut Value, update: &Value) {
    if let Some(project) = update["desiredFleet"]["project"].as_str() {
        let name = cluster["name"].as_str().unwrap_or_default();
        let membership = format!(
            "//gkehub.googleapis.com/projects/{project}/locations/us-west2/memberships/{name}"
        );
        cluster["fleet"] = json!({"project": project, "membership": membership});
    }
    if update["desiredLoggingConfig"].is_object() {
        cluster["loggingService"] = json!("logging.googleapis.com/kubernetes");
    }
    let endpoints = &update["desiredControlPlaneEndpointsConfig"];
    if endpoints.is_object() {
        let blank = json!({});
        merge(&mut cluster["controlPlaneEndpointsConfig"], &blank);
        merge(&mut cluster["controlPlaneEndpointsConfig"], endpoints);
        let config = &endpoints["ipEndpointsConfig"];
        if config["authorizedNetworksConfig"].is_object() {
            cluster["masterAuthorizedNetworksConfig"] = config["authorizedNetworksConfig"].clone();
        }
        if config["globalAccess"].is_boolean() {
            cluster["privateClusterConfig"]["masterGlobalAccessConfig"] =
                json!({"enabled": config["globalAccess"]});
        }
    }
}

/// An operation that is done at once, as the API of this path names it.
fn operation(path: &str) -> Value {
    let hub = ["/features", "/memberships/"].iter().any(|part| path.contains(part));
    if hub || path.contains("/locations/global/operations/") {
        let name = "projects/my-proj/locations/global/operations/operation-1";
        let feature = "projects/my-proj/locations/global/features/servicemesh";
        return json!({"name": name, "done": true, "metadata": {}, "response": {"name": feature}});
    }
    let kind = if path.starts_with("/compute/") { "insert" } else { "UPDATE_CLUSTER" };
    json!({"name": "operation-1", "status": "DONE", "operationType": kind, "selfLink": path,
        "targetLink": format!("https://googleapis.com{path}")})
}
