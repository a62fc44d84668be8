//! Writes `HelloWorld`, sleep and curl, the workloads by which Istio's guides try a mesh.
//!
//! What bounds it: its start. Of the 580,000 instructions of a call 210,000 load the program and
//! 230,000 describe and read its flags; `true` takes 130,000 in all.

mod client;
mod helloworld;
mod krm;
mod setting;
mod version;

pub use client::Client;
pub use setting::Setting;
pub use version::Version;

use clap::{ArgAction, Parser, ValueEnum};
use meshcore::{Console, DnsLabel, Error, Outcome, PullPolicy, Result, json_pretty, yaml};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::str::FromStr;

const EXAMPLES: &str = "\
Examples:
  mesh-sample helloworld --service --version v1 -n sample | mesh-apply --dry-run=server --context cluster1
  mesh-sample sleep | mesh-apply -n sample --dry-run=server --context cluster2";

/// Write helloworld, sleep and curl, the sample workloads of Istio's guides
///
/// Pipe the objects into mesh-apply and, when they have served, the same into
/// `mesh-apply --delete`. helloworld is a Service and a Deployment for each version; with
/// --service, --version or both, just those. sleep and curl are clients: a service account, a
/// Service and a Deployment. Nothing is read, but as a KRM function. mesh-label-ns --create makes
/// the namespace.
#[derive(Debug, Parser)]
#[command(name = "mesh-sample", version, disable_version_flag = true, before_help = EXAMPLES)]
pub struct Args {
    /// What to write
    #[arg(value_enum)]
    what: Option<What>,
    /// Only the Service, and with --version its Deployment
    #[arg(long)]
    service: bool,
    /// Only the Deployment of this version of helloworld, as v1; may be repeated [default: v1, v2]
    ///
    /// Alone and without a value it prints the version of this program.
    #[arg(long, num_args = 0..=1, default_missing_value = "")]
    version: Vec<Subject>,
    /// Image of the containers, instead of Istio's helloworld and of curl
    #[arg(long, value_parser = image)]
    image: Option<String>,
    /// When nodes ask the registry for the image
    #[arg(long, value_enum, value_name = "POLICY", default_value = "IfNotPresent")]
    image_pull_policy: PullPolicy,
    /// Pods of each Deployment
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(..=MAX_REPLICAS))]
    replicas: u32,
    /// Namespace that the objects name [default: none, so that `kubectl -n` decides]
    #[arg(short, long, value_parser = DnsLabel::parse)]
    namespace: Option<DnsLabel>,
    /// Form of the objects: a YAML stream; or JSON, several as a v1 List
    #[arg(short, long, value_enum, default_value = "yaml")]
    output: Format,
    #[command(flatten)]
    krm: meshkrm::Flag,
    /// Print version
    #[arg(short = 'V', action = ArgAction::Version)]
    print_version: Option<bool>,
}

/// `spec.replicas` is an int32.
const MAX_REPLICAS: i64 = i32::MAX as i64;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// Says its version and pod: its Service, and a Deployment for each version
    #[value(name = "helloworld")]
    HelloWorld,
    /// A client, by its old name
    Sleep,
    /// A client, by its new name
    Curl,
}

/// Whose version --version speaks of.
#[derive(Debug, Clone)]
enum Subject {
    Program,
    HelloWorld(Version),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Yaml,
    Json,
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() { Ok(Self::Program) } else { text.parse().map(Self::HelloWorld) }
    }
}

/// Kubernetes takes any text that is not blank; a runtime takes no white space.
fn image(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Err("an image has the form [REGISTRY/]NAME[:TAG]");
    }
    Ok(text.to_owned())
}

/// Writes the objects that the flags describe.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    if let Some(call) = krm::FUNCTION.call(&args.krm, meshkrm::is_bare())? {
        return krm::answer(call, console);
    }
    let Some(what) = args.what else { return args.program_version() };
    let objects = args.objects(what)?;
    Ok(Outcome::done(match args.output {
        Format::Yaml => yaml::stream(&objects),
        Format::Json => json_text(&objects),
    }))
}

impl Args {
    fn objects(&self, what: What) -> Result<Vec<Value>> {
        let setting = Setting {
            namespace: self.namespace.clone(),
            image: self.image.clone(),
            pull_policy: self.image_pull_policy,
            replicas: self.replicas,
        };
        let versions = self.versions()?;
        match what {
            What::HelloWorld => Ok(helloworld(&setting, self.service, versions)),
            What::Sleep | What::Curl if !versions.is_empty() => {
                Err(Error::usage("--version is for helloworld: a client has one version"))
            }
            What::Sleep => Ok(client(&setting, self.service, Client::Sleep)),
            What::Curl => Ok(client(&setting, self.service, Client::Curl)),
        }
    }

    /// What `--version` alone asks for.
    fn program_version(&self) -> Result<Outcome> {
        match self.version[..] {
            [Subject::Program] => {
                Ok(Outcome::done(format!("mesh-sample {}\n", env!("CARGO_PKG_VERSION"))))
            }
            _ => Err(nothing_to_write()),
        }
    }

    fn versions(&self) -> Result<BTreeSet<Version>> {
        let version = |subject: &Subject| match subject {
            Subject::HelloWorld(version) => Ok(version.clone()),
            Subject::Program => Err(Error::usage("--version needs a version of helloworld, as v1")),
        };
        self.version.iter().map(version).collect()
    }
}

fn nothing_to_write() -> Error {
    Error::usage("<WHAT> is missing; say what to write: helloworld, sleep or curl")
        .hint("as: mesh-sample helloworld --version v1")
}

/// Without a choice, all of it.
fn helloworld(setting: &Setting, service: bool, mut versions: BTreeSet<Version>) -> Vec<Value> {
    let is_all = !service && versions.is_empty();
    if is_all {
        versions.extend(Version::of_the_guides());
    }
    let service = (service || is_all).then(|| setting.helloworld_service());
    service.into_iter().chain(versions.iter().map(|version| setting.helloworld(version))).collect()
}

fn client(setting: &Setting, only_service: bool, client: Client) -> Vec<Value> {
    if only_service { vec![setting.client_service(client)] } else { setting.client(client) }
}

fn json_text(objects: &[Value]) -> String {
    match objects {
        [object] => json_pretty(object),
        _ => json_pretty(&json!({"apiVersion": "v1", "kind": "List", "items": objects})),
    }
}
