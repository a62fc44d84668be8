//! From ranges and targets to firewall rules within the clouds' limits, or to the difference from
//! the rules that are there.
//!
//! What bounds it: its start. Of the 610,000 instructions of a call for two ranges 210,000 load the
//! program and 225,000 describe and read its flags. What bounds many ranges is said at mesh-cidrs.

mod allow;
mod aws;
mod azure;
mod difference;
mod effect;
mod existing;
mod google;
mod names;
mod request;
mod rule;

pub use allow::{Allow, Ports, Protocol};
pub use aws::SecurityGroup;
pub use azure::NetworkSecurityGroup;
pub use difference::{Change, Difference, Step, difference};
pub use effect::kept_in;
pub use existing::{Action, Existing};
pub use google::Vpc;
pub use names::{Network, Project, ResourceName, ServiceAccount};
pub use rule::{Limits, Opening, Part, Rule, Targets, rules};

use clap::{Parser, ValueEnum};
use ipnet::IpNet;
use meshcore::input::{self, Input, Source};
use meshcore::{Console, Message, Outcome, Result, cidr, json_lines, json_pretty, yaml};
use request::{Cloud, GoogleForm};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  gcloud container clusters list --format=json | mesh-cidrs | mesh-firewall --network default --target-tags gke-asm-a-node,gke-asm-b-node
  printf '10.0.0.0/14 10.4.0.0/14' | mesh-firewall --network default --target-tags mesh-node -o terraform";

/// Write the firewall rules that let clusters' pods reach each other
///
/// Reads ranges as mesh-cidrs writes them (lines, csv or JSON) and writes ingress rules: gcloud
/// commands, Compute API bodies, Config Connector or Terraform resources, or commands for security
/// groups of AWS and Azure. What does not fit one rule is put into several (NAME, NAME-2, …); IPv4
/// and IPv6 always are. Nothing is executed: pipe commands into sh.
///
/// With --existing, only the commands that are still needed are written: none when the rules are
/// as wanted, or when others of the network let the same in. AWS refuses a command with a range
/// that the group has already, and counts each protocol of each range as a rule, of which a group
/// holds 60. Azure takes one protocol in each rule, unique priorities of 100 to 4096, 4,000
/// ranges in a rule, and knows neither SCTP nor ICMP of IPv6.
#[derive(Debug, Parser)]
#[command(name = "mesh-firewall", version, before_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Form of the rules
    #[arg(short, long, value_enum, default_value = "gcloud")]
    output: Format,
    /// Name of the rule
    #[arg(long, default_value = "istio-multicluster-pods")]
    name: ResourceName,
    /// VPC network: NAME or projects/PROJECT/global/networks/NAME
    #[arg(long, value_name = "NETWORK")]
    network: Option<Network>,
    /// Project of the network and so of the rule [default: the network's, else gcloud's]
    #[arg(long)]
    project: Option<Project>,
    /// Let in to instances with any of these network tags
    #[arg(long, value_name = "TAG,...", value_delimiter = ',', group = "targets")]
    target_tags: Option<Vec<ResourceName>>,
    /// Let in to instances that run as any of these service accounts
    #[arg(long, value_name = "EMAIL,...", value_delimiter = ',', group = "targets")]
    target_service_accounts: Option<Vec<ServiceAccount>>,
    /// Let in to every instance of the network
    #[arg(long, group = "targets")]
    all_instances: bool,
    /// Protocols, with ports or without, as tcp:15443 [default: tcp,udp,icmp,esp,ah,sctp]
    #[arg(long, value_name = "PROTOCOL[:PORT],...", value_delimiter = ',')]
    allow: Option<Vec<Allow>>,
    /// Place among the network's rules: 0 comes first, 65535 last [default: 900]
    #[arg(long)]
    priority: Option<u16>,
    /// Add a rule NAME-webhook that lets these ranges, of private control planes, reach istiod's
    /// injection webhook (tcp:15017)
    #[arg(long, value_name = "CIDR,...", value_delimiter = ',', value_parser = cidr::parse)]
    webhook_from: Vec<IpNet>,
    /// Rules that are there (gcloud compute firewall-rules list --format=json): write only what
    /// must change
    #[arg(long, value_name = "FILE")]
    existing: Option<PathBuf>,
    /// Let in every address, where the ranges say so
    #[arg(long)]
    allow_any_source: bool,
    #[command(flatten)]
    public: cidr::AllowPublic,
    /// Most source ranges in one rule
    #[arg(long, value_name = "N", default_value = "5000", value_parser = positive)]
    max_ranges: usize,
    /// Most target tags in one rule [default: 70]
    #[arg(long, value_name = "N", value_parser = positive)]
    max_tags: Option<usize>,
    /// Security group to open (-o aws)
    #[arg(long, value_name = "ID")]
    security_group_id: Option<SecurityGroup>,
    /// Resource group of the network security group (-o az)
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    resource_group: Option<String>,
    /// Network security group to open (-o az)
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    nsg_name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// gcloud commands
    Gcloud,
    /// Bodies for the Compute API, one per line
    Json,
    /// Objects of Config Connector, as YAML
    Kcc,
    /// Resources of Terraform, in its JSON syntax
    Terraform,
    /// aws commands for a security group
    Aws,
    /// az commands for a network security group
    Az,
}

fn positive(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|&n| n > 0).ok_or("a number of 1 or more")
}

/// Reads ranges and writes the rules that let them in.
pub fn run(args: Args, console: &Console) -> Result<Outcome> {
    // What is wrong with the flags is said before anything is read.
    let cloud = args.cloud()?;
    let openings = args.openings(&cidr::read(&args.input.read()?)?)?;
    let limits = Limits { ranges: args.max_ranges, tags: args.max_tags.unwrap_or(70) };
    let priority = args.priority.unwrap_or(900);
    let output = match cloud {
        Cloud::Google { vpc, targets, form } => {
            let rules = rules(&openings, &targets, priority, limits)?;
            match form {
                GoogleForm::Gcloud { existing: None } => {
                    rules.into_iter().map(|rule| vpc.gcloud(&Step::Create(rule))).collect()
                }
                GoogleForm::Gcloud { existing: Some(file) } => {
                    let existing = read_existing(file)?;
                    let found = difference(rules, &openings, existing, &vpc.network)?;
                    found.warnings.iter().for_each(|warning| console.warn(warning));
                    found.notes.iter().for_each(|note| console.note(note));
                    found.steps.iter().map(|step| vpc.gcloud(step)).collect()
                }
                GoogleForm::Json => json_lines(rules.iter().map(|rule| vpc.body(rule))),
                GoogleForm::ConfigConnector => {
                    let objects: Vec<_> = rules.iter().map(|r| vpc.config_connector(r)).collect();
                    yaml::stream(&objects)
                }
                GoogleForm::Terraform => json_pretty(&vpc.terraform(&rules)),
            }
        }
        Cloud::Aws(group) => {
            let commands = group.commands(&openings, args.max_ranges)?;
            let rules = aws::rules(&openings);
            if rules > aws::RULES_PER_GROUP {
                console.warn(&too_many_for_aws(rules));
            }
            commands.concat()
        }
        Cloud::Azure(group) => {
            let commands = group.commands(&openings, priority, args.max_ranges)?;
            if let Some(message) = args.unknown_to_azure(&commands)? {
                console.warn(&message);
            }
            commands.lines.concat()
        }
    };
    Ok(Outcome::done(output))
}

fn read_existing(file: PathBuf) -> Result<Vec<Existing>> {
    let sources = Input { files: vec![file] }.read()?;
    // A network without any rule is one that needs them all.
    if sources.iter().all(|source: &Source| source.text.trim() == "[]") {
        return Ok(Vec::new());
    }
    input::decode_all(&sources)
}

fn too_many_for_aws(rules: usize) -> Message {
    Message::new(format!(
        "this makes {rules} inbound rules of one family, and a security group holds {} by default",
        aws::RULES_PER_GROUP
    ))
    .hint("allow fewer protocols (all counts once), aggregate the ranges, or raise the quota")
}
