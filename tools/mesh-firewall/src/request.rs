//! From flags to what is asked for, where it makes sense.

use crate::{
    Allow, Args, Format, Network, NetworkSecurityGroup, Opening, SecurityGroup, Targets, Vpc,
    azure, rule,
};
use clap::ValueEnum as _;
use ipnet::IpNet;
use meshcore::cidr::{self, Joined};
use meshcore::{Error, Message, Result};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Whose rules are asked for.
#[derive(Debug)]
pub(crate) enum Cloud {
    Google { vpc: Vpc, targets: Targets, form: GoogleForm },
    Aws(SecurityGroup),
    Azure(NetworkSecurityGroup),
}

/// How rules of Google Cloud are written.
#[derive(Debug)]
pub(crate) enum GoogleForm {
    Gcloud { existing: Option<PathBuf> },
    Json,
    ConfigConnector,
    Terraform,
}

impl Args {
    /// The cloud, with everything that its rules need and nothing that they cannot have.
    pub(crate) fn cloud(&self) -> Result<Cloud> {
        let form = match self.output {
            Format::Gcloud => GoogleForm::Gcloud { existing: self.existing.clone() },
            Format::Json => GoogleForm::Json,
            Format::Kcc => GoogleForm::ConfigConnector,
            Format::Terraform => GoogleForm::Terraform,
            Format::Aws => {
                let others = [self.of_google(), self.of_azure(), self.of_ordered()];
                self.refuse(&others.concat())?;
                let missing = || missing("--security-group-id", "name the group to open: sg-…");
                return self.security_group_id.clone().map(Cloud::Aws).ok_or_else(missing);
            }
            Format::Az => {
                self.refuse(&[self.of_google(), self.of_aws()].concat())?;
                let missing = |flag| missing(flag, "name the network security group to open");
                return Ok(Cloud::Azure(NetworkSecurityGroup {
                    resource_group: self
                        .resource_group
                        .clone()
                        .ok_or_else(|| missing("--resource-group"))?,
                    name: self.nsg_name.clone().ok_or_else(|| missing("--nsg-name"))?,
                }));
            }
        };
        self.refuse(&[self.of_aws(), self.of_azure()].concat())?;
        if !matches!(form, GoogleForm::Gcloud { .. }) && self.existing.is_some() {
            return Err(Error::usage(
                "--existing: a difference is written as gcloud commands only",
            )
            .hint("Terraform and Config Connector find the difference themselves"));
        }
        let stdin = PathBuf::from("-");
        let reads_ranges = self.input.files.is_empty() || self.input.files.contains(&stdin);
        if reads_ranges && self.existing.as_ref() == Some(&stdin) {
            return Err(Error::usage("--existing -: standard input can be read once")
                .hint("it holds the ranges: name a file here, or there with -f"));
        }
        Ok(Cloud::Google { vpc: self.vpc()?, targets: self.targets()?, form })
    }

    fn of_google(&self) -> Vec<(&'static str, bool)> {
        vec![
            ("--network", self.network.is_some()),
            ("--project", self.project.is_some()),
            ("--target-tags", self.target_tags.is_some()),
            ("--target-service-accounts", self.target_service_accounts.is_some()),
            ("--all-instances", self.all_instances),
            ("--existing", self.existing.is_some()),
            ("--max-tags", self.max_tags.is_some()),
        ]
    }

    fn of_aws(&self) -> Vec<(&'static str, bool)> {
        vec![("--security-group-id", self.security_group_id.is_some())]
    }

    fn of_azure(&self) -> Vec<(&'static str, bool)> {
        vec![
            ("--resource-group", self.resource_group.is_some()),
            ("--nsg-name", self.nsg_name.is_some()),
        ]
    }

    fn of_ordered(&self) -> Vec<(&'static str, bool)> {
        vec![("--priority", self.priority.is_some())]
    }

    /// Refuses flags that would be given for nothing: a rule may not do what the user thinks.
    fn refuse(&self, flags: &[(&str, bool)]) -> Result<()> {
        let Some((flag, _)) = flags.iter().find(|(_, given)| *given) else { return Ok(()) };
        let value = self.output.to_possible_value();
        let output = value.as_ref().map_or("", |value| value.get_name());
        Err(Error::usage(format!("{flag} has no meaning with -o {output}"))
            .hint("leave it out, or choose another -o"))
    }

    fn vpc(&self) -> Result<Vpc> {
        let Some(network) = self.network.clone() else {
            return Err(missing("--network", "name the VPC network of the clusters, as default"));
        };
        match (&network.project, &self.project) {
            (Some(of_network), Some(project)) if of_network != project => {
                Err(Error::usage(format!(
                    "--project {project}: the network is of project {of_network}, and its rules \
                     are made there"
                ))
                .hint("leave --project out"))
            }
            _ => {
                let project = network.project.or_else(|| self.project.clone());
                Ok(Vpc { network: Network { project, name: network.name } })
            }
        }
    }

    fn targets(&self) -> Result<Targets> {
        if let Some(tags) = &self.target_tags {
            return Ok(Targets::Tags(tags.iter().cloned().collect()));
        }
        if let Some(accounts) = &self.target_service_accounts {
            return Ok(Targets::ServiceAccounts(accounts.iter().cloned().collect()));
        }
        if self.all_instances {
            return Ok(Targets::All);
        }
        Err(missing(
            "--target-tags",
            "mesh-nettags finds the tags of the clusters' nodes; a rule for every instance of the \
             network needs --all-instances",
        ))
    }

    /// What to let in: the pods, and API servers that call the injection webhook.
    pub(crate) fn openings(&self, ranges: &[IpNet]) -> Result<Vec<Opening>> {
        let sources: BTreeSet<IpNet> = ranges.iter().copied().collect();
        let mut allow: Vec<Allow> = Vec::new();
        for &item in self.allow.as_deref().unwrap_or(&Allow::GUIDES) {
            if !allow.contains(&item) {
                allow.push(item);
            }
        }
        let mut openings = vec![Opening { name: self.name.clone(), allow, sources }];
        if !self.webhook_from.is_empty() {
            let name = self.name.with_suffix("webhook");
            openings.push(Opening {
                name: name.ok_or_else(|| rule::too_long(&self.name, "webhook"))?,
                allow: vec![Allow::WEBHOOK],
                sources: self.webhook_from.iter().copied().collect(),
            });
        }
        for opening in &openings {
            self.check_sources(opening)?;
        }
        Ok(openings)
    }

    fn check_sources(&self, opening: &Opening) -> Result<()> {
        if opening.sources.is_empty() {
            return Err(Error::data("the input holds no range")
                .hint("a rule without sources lets in every address"));
        }
        let joined = Joined::of(&opening.sources);
        match joined.everything() {
            Some(any) if !self.allow_any_source => Err(Error::data(format!(
                "rule {}: its ranges together are {any}, every address there is",
                opening.name
            ))
            .hint("one of them is wrong, or say that you mean it: --allow-any-source")),
            _ if self.allow_any_source => Ok(()),
            _ => cidr::refuse_wide(&joined, &self.public.allow_public)
                .map_err(|error| error.at(format!("rule {}", opening.name))),
        }
    }

    /// An error or a warning where Azure lacks a protocol: the user's own, or one of the default.
    pub(crate) fn unknown_to_azure(&self, commands: &azure::Commands) -> Result<Option<Message>> {
        if commands.unknown.is_empty() {
            return Ok(None);
        }
        let unknown: Vec<String> = commands.unknown.iter().map(ToString::to_string).collect();
        let text = format!("Azure has no rules for {} alone", unknown.join(" and "));
        let hint = "all lets in every protocol";
        if self.allow.is_some() {
            return Err(Error::usage(format!("--allow: {text}")).hint(hint));
        }
        Ok(Some(Message::new(format!("{text}: it is not let in")).hint(hint)))
    }
}

fn missing(flag: &str, hint: &str) -> Error {
    Error::usage(format!("{flag} is missing")).hint(hint)
}
