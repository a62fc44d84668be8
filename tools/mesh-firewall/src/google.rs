//! Rules in the forms that Google Cloud's tools read.

use crate::{Allow, Change, Network, Project, ResourceName, Rule, ServiceAccount, Step, Targets};
use ipnet::IpNet;
use meshcore::shell;
use serde_json::{Map, Value, json};
use std::fmt::Display;

/// Where the rules are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vpc {
    /// The network, with the project of the rules where known: rules lie in its project.
    pub network: Network,
}

impl Vpc {
    fn project(&self) -> Option<&Project> {
        self.network.project.as_ref()
    }

    /// `projects/P/global/networks/N`, or `N` alone.
    fn reference(&self) -> String {
        let name = &self.network.name;
        self.project().map_or_else(
            || name.to_string(),
            |project| format!("projects/{project}/global/networks/{name}"),
        )
    }

    /// The command that takes a step.
    #[must_use]
    pub fn gcloud(&self, step: &Step) -> String {
        let words = |verb: &str, rule: &Rule| {
            ["gcloud", "compute", "firewall-rules", verb, rule.name.as_str()].map(str::to_owned)
        };
        let mut line = Vec::new();
        match step {
            Step::Create(rule) => {
                line.extend(words("create", rule));
                line.push(format!("--network={}", self.network.name));
                line.push(flag(rule, Change::Allow));
                line.push("--direction=INGRESS".to_owned());
                line.push(flag(rule, Change::Priority));
                line.push(flag(rule, Change::SourceRanges));
                match &rule.targets {
                    Targets::All => {}
                    Targets::Tags(_) => line.push(flag(rule, Change::TargetTags)),
                    Targets::ServiceAccounts(_) => {
                        line.push(flag(rule, Change::TargetServiceAccounts));
                    }
                }
            }
            Step::Update(rule, changes) => {
                line.extend(words("update", rule));
                line.extend(changes.iter().map(|&change| flag(rule, change)));
            }
        }
        self.finish(line) + "\n"
    }

    /// The command that lets TCP out of instances with these tags, by a rule of this name.
    #[must_use]
    pub fn let_out<'a>(
        &self,
        name: &str,
        priority: u16,
        destinations: impl IntoIterator<Item = &'a IpNet>,
        tags: impl IntoIterator<Item = &'a ResourceName>,
    ) -> String {
        let mut line =
            ["gcloud", "compute", "firewall-rules", "create", name].map(str::to_owned).to_vec();
        line.extend([
            format!("--network={}", self.network.name),
            "--direction=EGRESS".to_owned(),
            format!("--priority={priority}"),
            "--allow=tcp".to_owned(),
            format!("--destination-ranges={}", commas(destinations)),
            format!("--target-tags={}", commas(tags)),
        ]);
        self.finish(line)
    }

    /// A command line that ends with the project.
    fn finish(&self, mut line: Vec<String>) -> String {
        line.extend(self.project().map(|project| format!("--project={project}")));
        line.push("--quiet".to_owned());
        shell::command_line(line)
    }

    /// The body that gcloud 528 sends to `POST …/global/firewalls` of the Compute API v1 for the
    /// same rule. Without a project the network is a partial URL, which the service completes.
    #[must_use]
    pub fn body(&self, rule: &Rule) -> Value {
        let network = match self.project() {
            Some(_) => format!("https://compute.googleapis.com/compute/v1/{}", self.reference()),
            None => format!("global/networks/{}", self.network.name),
        };
        let mut body = json!({
            "name": rule.name.as_str(),
            "network": network,
            "direction": "INGRESS",
            "priority": rule.priority,
            "allowed": protocols(rule, "IPProtocol"),
            "sourceRanges": texts(&rule.part.sources),
        });
        match &rule.targets {
            Targets::All => {}
            Targets::Tags(tags) => body["targetTags"] = texts(tags),
            Targets::ServiceAccounts(accounts) => {
                body["targetServiceAccounts"] = emails(accounts).collect();
            }
        }
        body
    }

    /// A `ComputeFirewall` of Config Connector, as its CRD v1beta1 describes it.
    #[must_use]
    pub fn config_connector(&self, rule: &Rule) -> Value {
        let mut spec = json!({
            "networkRef": {"external": self.reference()},
            "direction": "INGRESS",
            "priority": rule.priority,
            "allow": protocols(rule, "protocol"),
            "sourceRanges": texts(&rule.part.sources),
        });
        match &rule.targets {
            Targets::All => {}
            Targets::Tags(tags) => spec["targetTags"] = texts(tags),
            Targets::ServiceAccounts(accounts) => {
                let reference = |email: Value| json!({"external": email});
                spec["targetServiceAccounts"] = emails(accounts).map(reference).collect();
            }
        }
        let mut metadata = json!({
            "name": rule.name.as_str(),
            "labels": {"app.kubernetes.io/managed-by": "meshutils"},
        });
        if let Some(project) = self.project() {
            let key = "cnrm.cloud.google.com/project-id";
            metadata["annotations"] = json!({key: project.to_string()});
        }
        json!({
            "apiVersion": "compute.cnrm.cloud.google.com/v1beta1",
            "kind": "ComputeFirewall",
            "metadata": metadata,
            "spec": spec,
        })
    }

    /// Terraform's JSON syntax (`*.tf.json`), with a `google_compute_firewall` for each rule.
    #[must_use]
    pub fn terraform(&self, rules: &[Rule]) -> Value {
        let resources: Map<String, Value> =
            rules.iter().map(|rule| (rule.name.to_string(), self.terraform_rule(rule))).collect();
        json!({"resource": {"google_compute_firewall": resources}})
    }

    fn terraform_rule(&self, rule: &Rule) -> Value {
        let mut resource = json!({
            "name": rule.name.as_str(),
            "network": self.reference(),
            "direction": "INGRESS",
            "priority": rule.priority,
            "allow": protocols(rule, "protocol"),
            "source_ranges": texts(&rule.part.sources),
        });
        if let Some(project) = self.project() {
            resource["project"] = json!(project.to_string());
        }
        match &rule.targets {
            Targets::All => {}
            Targets::Tags(tags) => resource["target_tags"] = texts(tags),
            Targets::ServiceAccounts(accounts) => {
                resource["target_service_accounts"] = emails(accounts).collect();
            }
        }
        resource
    }
}

/// The flag that gives a field its wanted value; an empty one clears it, in updates only.
fn flag(rule: &Rule, change: Change) -> String {
    match change {
        Change::Allow => format!("--allow={}", commas(&rule.part.allow)),
        Change::Priority => format!("--priority={}", rule.priority),
        Change::SourceRanges => format!("--source-ranges={}", commas(&rule.part.sources)),
        Change::TargetTags => match &rule.targets {
            Targets::Tags(tags) => format!("--target-tags={}", commas(tags)),
            _ => "--target-tags=".to_owned(),
        },
        Change::TargetServiceAccounts => match &rule.targets {
            Targets::ServiceAccounts(accounts) => {
                let accounts = accounts.iter().map(ServiceAccount::as_str);
                format!("--target-service-accounts={}", commas(accounts))
            }
            _ => "--target-service-accounts=".to_owned(),
        },
        Change::SourceTags => "--source-tags=".to_owned(),
        Change::SourceServiceAccounts => "--source-service-accounts=".to_owned(),
        Change::DestinationRanges => "--destination-ranges=".to_owned(),
        Change::Disabled => "--no-disabled".to_owned(),
    }
}

fn commas<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(",")
}

fn texts<'a, T: Display + 'a>(items: impl IntoIterator<Item = &'a T>) -> Value {
    items.into_iter().map(T::to_string).collect()
}

fn emails<'a>(
    accounts: impl IntoIterator<Item = &'a ServiceAccount>,
) -> impl Iterator<Item = Value> {
    accounts.into_iter().map(|account| json!(account.as_str()))
}

/// One entry for each protocol and port, as gcloud makes them of `--allow`.
fn protocols(rule: &Rule, key: &str) -> Value {
    let entry = |allow: &Allow| {
        let mut entry = json!({key: allow.protocol.to_string()});
        if let Some(ports) = allow.ports {
            entry["ports"] = json!([ports.to_string()]);
        }
        entry
    };
    rule.part.allow.iter().map(entry).collect()
}
