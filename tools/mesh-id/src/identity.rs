//! The names that a control plane is installed with.
//!
//! asmcli (1.15 to main) installs `CLUSTER_ID` as `cn-PROJECT-LOCATION-CLUSTER`, off Google as
//! `cn-FLEET-global-MEMBERSHIP`, the mesh as `proj-PROJECT_NUMBER` and the network of a GKE cluster
//! as `PROJECT-VPC`. Other Istio has whatever was chosen: the cluster's own name here.

use meshcore::cluster::{Cluster, Provider};
use meshcore::shell;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// How clusters without an ID get one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scheme {
    /// As asmcli does on GKE, and elsewhere with a fleet; else the cluster's own name.
    Auto,
    /// The cluster's own name.
    Name,
    /// UID of namespace kube-system, istioctl's default.
    Uid,
}

/// What is known beside the records.
#[derive(Debug, Clone)]
pub struct Knowledge {
    /// How IDs are made.
    pub scheme: Scheme,
    /// The fleet's host project.
    pub fleet: Option<String>,
    /// A network for all clusters that have none.
    pub network: Option<String>,
    /// Number of the fleet's project, where it is given.
    pub project_number: Option<u64>,
    /// Numbers of projects by ID, as `gcloud projects describe` tells them.
    pub projects: BTreeMap<String, u64>,
}

impl Knowledge {
    /// The cluster's ID: its record's, or one made by the scheme.
    ///
    /// # Errors
    /// When the scheme needs something that the record lacks; the text completes "cluster X ".
    pub fn cluster_id(&self, cluster: &Cluster) -> Result<String, String> {
        if let Some(id) = &cluster.id {
            return Ok(id.clone());
        }
        match (self.scheme, &self.fleet) {
            (Scheme::Uid, _) => cluster.uid.clone().ok_or_else(|| {
                "has no uid: feed in kubectl get namespace kube-system -o json".to_owned()
            }),
            (Scheme::Name, _) => Ok(dns_label(&cluster.name)),
            (Scheme::Auto, fleet) => {
                match (cluster.provider, &cluster.project, &cluster.location) {
                    (Some(Provider::Gke), Some(project), Some(location)) => {
                        Ok(format!("cn-{project}-{location}-{}", cluster.name))
                    }
                    (Some(Provider::Gke), ..) => {
                        Err("is a GKE cluster without project or location".to_owned())
                    }
                    _ => Ok(match fleet {
                        Some(fleet) => format!("cn-{fleet}-global-{}", dns_label(&cluster.name)),
                        None => dns_label(&cluster.name),
                    }),
                }
            }
        }
    }

    /// The mesh's ID: the record's, or `proj-NUMBER` of the fleet's project, else of its own.
    #[must_use]
    pub fn mesh_id(&self, cluster: &Cluster) -> Option<String> {
        let project = self.fleet.as_ref().or(cluster.project.as_ref());
        let number = || self.project_number.or_else(|| self.projects.get(project?).copied());
        cluster.mesh_id.clone().or_else(|| Some(format!("proj-{}", number()?)))
    }

    /// The cluster's network: the record's, the given one, or on GKE `PROJECT-VPC`.
    #[must_use]
    pub fn network(&self, cluster: &Cluster) -> Option<String> {
        let gke = || {
            let vpc = cluster.vpc.as_ref()?.rsplit('/').next()?;
            let project = cluster.project.as_ref()?;
            (cluster.provider == Some(Provider::Gke)).then(|| format!("{project}-{vpc}"))
        };
        cluster.network.clone().or_else(|| self.network.clone()).or_else(gke)
    }
}

/// Whether the VPC belongs to another project: asmcli then gives clusters of different service
/// projects different networks, although their pods reach each other.
#[must_use]
pub fn is_on_shared_vpc(cluster: &Cluster) -> bool {
    let host =
        cluster.vpc.as_ref().and_then(|vpc| vpc.strip_prefix("projects/")?.split('/').next());
    host.zip(cluster.project.as_deref()).is_some_and(|(host, own)| host != own)
}

/// A DNS-1123 label made of any text. A text that is too long becomes its beginning and 20 digits
/// of its SHA-256, as asmcli shortens names (but for the line feed that it hashes, too).
#[must_use]
pub fn dns_label(text: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let label: String = text.chars().map(safe).collect();
    let label = label.trim_matches('-');
    if label.len() <= 63 && !label.is_empty() {
        return label.to_owned();
    }
    let digest = Sha256::digest(text.as_bytes());
    let hex = digest.iter().take(10).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let beginning = if label.is_empty() { "cluster" } else { &label[..42] };
    format!("{}-{hex}", beginning.trim_end_matches('-'))
}

/// The command that labels a GKE cluster with its mesh's ID, unless it has that label.
#[must_use]
pub fn label_command(cluster: &Cluster, mesh_id: &str) -> Option<String> {
    let (project, location) = (cluster.project.as_ref()?, cluster.location.as_ref()?);
    let is_gke = cluster.provider == Some(Provider::Gke);
    let labelled = cluster.labels.get("mesh_id").is_some_and(|label| label == mesh_id);
    (is_gke && !labelled).then(|| {
        shell::command_line([
            "gcloud",
            "container",
            "clusters",
            "update",
            &cluster.name,
            &format!("--project={project}"),
            &format!("--location={location}"),
            &format!("--update-labels=mesh_id={mesh_id}"),
        ])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshcore::DnsLabel;
    use proptest::prelude::*;

    fn knowledge() -> Knowledge {
        Knowledge {
            scheme: Scheme::Auto,
            fleet: None,
            network: None,
            project_number: None,
            projects: BTreeMap::from([("my-proj".to_owned(), 123)]),
        }
    }

    fn gke() -> Cluster {
        Cluster {
            name: "asm-a".to_owned(),
            provider: Some(Provider::Gke),
            project: Some("my-proj".to_owned()),
            location: Some("us-west2-a".to_owned()),
            vpc: Some("projects/host-proj/global/networks/prod".to_owned()),
            ..Cluster::default()
        }
    }

    fn named(name: &str) -> Cluster {
        Cluster { name: name.to_owned(), ..Cluster::default() }
    }

    #[test]
    fn gke_clusters_are_called_as_asmcli_installs_them() {
        // And not gke-my-proj-us-west2-a-asm-a, the name that asmcli create-mesh gives.
        assert_eq!(knowledge().cluster_id(&gke()).unwrap(), "cn-my-proj-us-west2-a-asm-a");
        assert_eq!(knowledge().mesh_id(&gke()).as_deref(), Some("proj-123"));
        assert_eq!(knowledge().network(&gke()).as_deref(), Some("my-proj-prod"));
        assert!(is_on_shared_vpc(&gke()));
    }

    #[test]
    fn clusters_off_google_are_called_after_their_fleet_or_themselves() {
        let arn = named("arn:aws:eks:eu-central-1:111122223333:cluster/Prod");
        assert_eq!(
            knowledge().cluster_id(&arn).unwrap(),
            "arn-aws-eks-eu-central-1-111122223333-cluster-prod"
        );
        let fleet = Knowledge { fleet: Some("fleet-1".to_owned()), ..knowledge() };
        assert_eq!(fleet.cluster_id(&named("lab")).unwrap(), "cn-fleet-1-global-lab");
        let known = Cluster { id: Some("as-installed".to_owned()), ..gke() };
        assert_eq!(fleet.cluster_id(&known).unwrap(), "as-installed");
        let uid = Knowledge { scheme: Scheme::Uid, ..knowledge() };
        assert!(uid.cluster_id(&named("lab")).unwrap_err().contains("kube-system"));
    }

    #[test]
    fn long_names_keep_their_beginning() {
        let long = format!("{}{}", "a".repeat(50), "b".repeat(50));
        let label = dns_label(&long);
        assert_eq!((label.len(), &label[..43]), (63, format!("{}-", "a".repeat(42)).as_str()));
        assert_ne!(label, dns_label(&format!("{long}c")));
        assert!(dns_label("").starts_with("cluster-"));
        assert!(dns_label("///").starts_with("cluster-"));
    }

    #[test]
    fn only_clusters_without_the_label_are_labelled() {
        let command = label_command(&gke(), "proj-123").unwrap();
        assert_eq!(
            command,
            "gcloud container clusters update asm-a --project=my-proj --location=us-west2-a \
             --update-labels=mesh_id=proj-123"
        );
        let mut labelled = gke();
        labelled.labels.insert("mesh_id".to_owned(), "proj-123".to_owned());
        assert_eq!(label_command(&labelled, "proj-123"), None);
        assert!(label_command(&labelled, "proj-9").is_some());
        assert_eq!(label_command(&named("lab"), "proj-123"), None);
    }

    proptest! {
        #[test]
        fn any_text_gives_a_label(text in "\\PC{0,100}|[a-zA-Z0-9:/_.-]{0,100}") {
            let label = dns_label(&text);
            prop_assert!(DnsLabel::parse(&label).is_ok(), "{label:?}");
            prop_assert!(meshcore::is_secret_key(&label));
            // A label stays as it is.
            prop_assert_eq!(dns_label(&label), label);
        }
    }
}
