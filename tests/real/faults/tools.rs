//! The live tools: how each is called here, and what it leaves when all is well.

use crate::clusters::{kubectl, tool};
use crate::{probe, vm_env};
use mesh_tests::{Ran, run};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A live tool.
pub struct Tool {
    pub name: &'static str,
    /// Flags beside those about the cluster.
    args: fn(&Scene<'_>) -> Vec<String>,
    input: fn(&Scene<'_>) -> String,
    /// What it leaves when all is well.
    pub product: Product,
    /// Whether it sends anything but reads.
    pub writes: bool,
    /// Whether it asks again while a server fails.
    pub persists: bool,
}

/// What a run leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// Standard output alone.
    Output,
    /// A file or folder, `out` of the scene.
    Files,
    /// Objects in the cluster; the output has a line for each.
    Objects,
}

/// What the tools find in cluster1.
pub struct Site {
    vm: String,
    client: String,
}

impl Site {
    pub fn make() -> Self {
        let site = Self { vm: vm_env::site(), client: probe::namespace_with_client() };
        let args = ["--context", "cluster2", "--ttl", "1h", "-q", "-o", "json"];
        let secret = run(&mut tool("mesh-remote-secret", &args), "").ok();
        let mut secret: Value = serde_json::from_str(&secret).expect("it is JSON");
        secret["items"][0]["metadata"]["namespace"] = json!(site.vm);
        let args = ["--context", "cluster1", "apply", "--server-side", "-f", "-"];
        let _ = run(&mut kubectl(&args), &secret.to_string()).ok();
        site
    }
}

/// Where one tool is run, several times maybe.
pub struct Scene<'a> {
    pub site: &'a Site,
    /// Nobody else's names begin so.
    pub id: String,
    /// Where files are written.
    pub dir: PathBuf,
}

impl Scene<'_> {
    fn out(&self) -> String {
        self.dir.join("out").display().to_string()
    }
}

pub const TOOLS: [Tool; 8] = [
    Tool {
        name: "mesh-remote-secret",
        args: |scene| {
            // The way of this test is in plain HTTP, which is none for others.
            words(&["--name cluster1 --ttl 1h --server https://192.0.2.1:6443 --out", &scene.out()])
        },
        input: |_| String::new(),
        product: Product::Files,
        writes: true,
        persists: false,
    },
    Tool {
        name: "mesh-vm-env",
        args: |scene| {
            let (namespace, out) = (&scene.site.vm, scene.out());
            words(&[
                "--name shop -n",
                namespace,
                "--ingress-service",
                &format!("ew.{namespace}"),
                "--out",
                &out,
            ])
        },
        input: |_| String::new(),
        product: Product::Files,
        writes: true,
        persists: false,
    },
    Tool {
        name: "mesh-apply",
        args: |_| Vec::new(),
        input: |scene| {
            let map = |i| {
                json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"on": "012"}, "metadata":
                    {"name": format!("{}-{i}", scene.id), "namespace": scene.site.client}})
            };
            (0..3).map(|i| map(i).to_string()).collect()
        },
        product: Product::Objects,
        writes: true,
        persists: true,
    },
    Tool {
        name: "mesh-label-ns",
        args: |scene| words(&["--rev default --create -o json", &scene.id]),
        input: |_| String::new(),
        product: Product::Objects,
        writes: true,
        persists: false,
    },
    Tool {
        name: "mesh-capture",
        args: |_| Vec::new(),
        input: |_| String::new(),
        product: Product::Output,
        writes: false,
        persists: true,
    },
    Tool {
        name: "mesh-probe",
        args: |scene| {
            words(&[
                "--count 1 --timeout 20s --url http://helloworld.sample:5000/ -n",
                &scene.site.client,
            ])
        },
        input: |_| String::new(),
        product: Product::Output,
        writes: false,
        persists: false,
    },
    Tool {
        name: "mesh-lbaddr",
        args: |scene| words(&["ew -n", &scene.site.vm]),
        input: |_| String::new(),
        product: Product::Output,
        writes: false,
        persists: false,
    },
    Tool {
        name: "mesh-secret-lint",
        args: |_| words(&["-o json"]),
        input: |_| String::new(),
        product: Product::Output,
        writes: false,
        persists: false,
    },
];

fn words(parts: &[&str]) -> Vec<String> {
    parts.iter().flat_map(|part| part.split(' ')).map(str::to_owned).collect()
}

impl Tool {
    /// The arguments of a run; `patience` is how long one request may take, in seconds.
    pub fn args(&self, scene: &Scene<'_>, patience: u32) -> Vec<String> {
        let mut args = words(&["--context faulty --request-timeout", &format!("{patience}s")]);
        if self.persists {
            // The shortest: what fails is tried again for this long.
            args.extend(words(&["--timeout 1s"]));
        }
        args.extend((self.args)(scene));
        args
    }

    pub fn input(&self, scene: &Scene<'_>) -> String {
        (self.input)(scene)
    }

    /// Whether a run without any fault may end with this exit code.
    pub fn ends_well(&self, code: i32) -> bool {
        match self.name {
            // No node runs its client: that is found out after all the rest.
            "mesh-probe" => code == 4,
            // Other tests have Secrets in the cluster.
            "mesh-secret-lint" => code == 0 || code == 1,
            _ => code == 0,
        }
    }

    /// Whether a run was a whole success; `again` when it is not the first.
    pub fn is_whole(&self, ran: &Ran, scene: &Scene<'_>, again: bool) -> Result<(), String> {
        if !ran.code.is_some_and(|code| self.ends_well(code)) {
            return Err(format!("it is not well: {ran:?}"));
        }
        let lines = json_lines(&ran.stdout);
        let actions = |objects: usize| {
            let lines = lines.clone().ok_or("no JSON")?;
            let known = |line: &Value| match line["action"].as_str() {
                Some("unchanged") => true,
                Some("created" | "labeled") => !again,
                _ => false,
            };
            ensure(lines.len() == objects && lines.iter().all(known), &ran.stdout)
        };
        match self.name {
            "mesh-apply" => actions(3),
            "mesh-label-ns" => actions(1),
            "mesh-remote-secret" => {
                let text = std::fs::read_to_string(scene.out()).map_err(|e| e.to_string())?;
                let secret: Value = serde_yaml::from_str(&text).map_err(|e| e.to_string())?;
                ensure(secret["kind"] == "Secret" && ran.stdout.is_empty(), "it is no Secret")?;
                ensure(mode(Path::new(&scene.out())) == 0o600, "its mode")?;
                ensure(names(&scene.dir) == ["out"], "other files")
            }
            "mesh-vm-env" => {
                let expected =
                    ["cluster.env", "hosts", "istio-token", "mesh.yaml", "root-cert.pem"];
                ensure(names(&scene.dir.join("out")) == expected, "other files in it")?;
                ensure(mode(&scene.dir.join("out/istio-token")) == 0o600, "the token's mode")?;
                ensure(names(&scene.dir) == ["out"], "other files")
            }
            "mesh-lbaddr" => ensure(ran.stdout == "203.0.113.1\n", &ran.stdout),
            "mesh-probe" => {
                let lines = lines.ok_or("no JSON")?;
                ensure(lines.len() == 1 && lines[0]["error"] == "exec", &ran.stdout)
            }
            "mesh-capture" => {
                let lines = lines.ok_or("no JSON")?;
                ensure(lines.len() == 1 && lines[0]["kind"] == "List", "no list")
            }
            _ => ensure(lines.is_some(), "no JSON"),
        }
    }

    /// Whether nothing is left of a run that failed, but lines of what became of each object.
    pub fn left_nothing(&self, ran: &Ran, scene: &Scene<'_>) -> Result<(), String> {
        ensure(names(&scene.dir).is_empty(), &format!("files are left: {:?}", names(&scene.dir)))?;
        let is_heard = !ran.stderr.contains("standard output is closed");
        if self.name == "mesh-apply" && ran.code.is_some() && is_heard {
            let lines = json_lines(&ran.stdout).unwrap_or_default();
            let is_whole = |line: &Value| line["name"].is_string() && line["action"].is_string();
            return ensure(lines.len() == 3 && lines.iter().all(is_whole), &ran.stdout);
        }
        ensure(ran.stdout.is_empty(), &format!("it has output: {}", ran.stdout))
    }
}

pub fn ensure(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

/// None where a line is no JSON, or is not ended.
fn json_lines(text: &str) -> Option<Vec<Value>> {
    let is_ended = text.is_empty() || text.ends_with('\n');
    let lines = text.lines().map(|line| serde_json::from_str(line).ok()).collect();
    if is_ended { lines } else { None }
}

/// Hidden ones, too.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn mode(file: &Path) -> u32 {
    file.metadata().map_or(0, |found| found.permissions().mode() & 0o7777)
}
