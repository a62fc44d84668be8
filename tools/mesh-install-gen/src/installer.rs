//! The command lines of Google's guides: `asmcli install` (1.11 and newer) or `install_asm`, with
//! everything said that the mesh depends on, and nothing said that the scripts would ignore.
//!
//! They call the mesh proj-NUMBER, of the fleet's project, and set the trust domain: that of the
//! fleet, or cluster.local with citadel (asm/istio/options/citadel-ca.yaml).

use crate::line::Line;
use crate::{Authority, ClusterId, Member, Mesh, Plane, Site, TrustDomain};
use meshcore::cluster::Provider;
use meshcore::{DnsLabel, Error, Result};
use std::collections::BTreeSet;

/// How all clusters of a mesh are installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installer {
    /// Which script.
    pub script: Script,
    /// Host project of the fleet; without one, the project of all clusters.
    pub fleet: Option<DnsLabel>,
    /// Which control plane.
    pub plane: Plane,
    /// Let the script make whatever it lacks.
    pub enable_all: bool,
}

/// The two scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// Up to 1.10, on GKE alone.
    InstallAsm,
    /// 1.11 and newer.
    Asmcli,
}

impl Installer {
    /// The lines for `chosen`, one command each; all members are checked.
    pub fn commands(&self, mesh: &Mesh<'_>, chosen: &[&Member<'_>]) -> Result<Vec<String>> {
        let fleet = self.fleet(mesh)?;
        if !mesh.id.is_google() {
            return Err(Error::data(format!(
                "the mesh is {}, and asmcli installs proj-NUMBER, of the fleet's project",
                mesh.id
            ))
            .hint("mesh-id --project-number NUMBER names it so; -o iop installs any name"));
        }
        self.refuse_roots_of_their_own(mesh)?;
        let chosen: BTreeSet<&ClusterId> = chosen.iter().map(|member| &member.id).collect();
        let mut lines = Vec::new();
        for member in &mesh.members {
            self.refuse_other_trust_domain(member, &fleet)?;
            let site = Site::of(member, &fleet)?;
            if self.script == Script::InstallAsm && matches!(site, Site::Elsewhere { .. }) {
                return Err(Error::data("install_asm installs on GKE only")
                    .at(member.place())
                    .hint("asmcli, 1.11 or newer, installs elsewhere, too"));
            }
            if chosen.contains(&member.id) {
                lines.extend(site.registration(&fleet));
                lines.push(self.install(member, &site, &fleet));
            }
        }
        lines.into_iter().map(Line::finish).collect()
    }

    /// One fleet for all: its project gives the mesh's ID and the trust domain.
    fn fleet(&self, mesh: &Mesh<'_>) -> Result<String> {
        if let Some(fleet) = &self.fleet {
            return Ok(fleet.to_string());
        }
        let mut projects = BTreeSet::new();
        for member in &mesh.members {
            match (member.cluster.provider, &member.cluster.project) {
                (Some(Provider::Gke), Some(project)) => drop(projects.insert(project)),
                _ => {
                    return Err(Error::usage("the fleet is not known: this is no cluster of GKE")
                        .at(member.place())
                        .hint("name its host project: --fleet-id PROJECT"));
                }
            }
        }
        match projects.iter().collect::<Vec<_>>()[..] {
            [project] => Ok((*project).clone()),
            ref several => {
                let names: Vec<&str> = several.iter().map(|project| project.as_str()).collect();
                let error = Error::usage(format!(
                    "the clusters are of several projects ({}), and each would be a fleet and a \
                     mesh of its own",
                    names.join(", ")
                ));
                Err(match self.script {
                    Script::Asmcli => error.hint("name the fleet of all: --fleet-id PROJECT"),
                    Script::InstallAsm => {
                        error.hint("install_asm knows no other fleet: use asmcli, 1.11 or newer")
                    }
                })
            }
        }
    }

    /// asmcli has no flag for aliases, so that all must have the one it sets.
    fn refuse_other_trust_domain(&self, member: &Member<'_>, fleet: &str) -> Result<()> {
        let (ca, domain) = match &self.plane {
            Plane::InCluster { authority: Authority::Citadel { .. }, .. } => {
                ("citadel", TrustDomain::cluster_local())
            }
            _ => ("Google's CA", TrustDomain::of_fleet(fleet)),
        };
        match &member.facts.trust_domain {
            Some(own) if *own != domain => Err(Error::data(format!(
                "its trust domain is {own}, and with {ca} asmcli sets {domain}: one mesh has one"
            ))
            .at(member.place())
            .hint("install all with the --ca that it has; -o iop makes aliases of several")),
            _ => Ok(()),
        }
    }

    /// Without certificates each istiod makes a root for itself.
    fn refuse_roots_of_their_own(&self, mesh: &Mesh<'_>) -> Result<()> {
        let Plane::InCluster { authority: Authority::Citadel { certificates: None }, .. } =
            &self.plane
        else {
            return Ok(());
        };
        let unknown = mesh.members.iter().find(|member| member.facts.roots.is_empty());
        match unknown.filter(|_| mesh.members.len() > 1) {
            None => Ok(()),
            Some(member) => Err(Error::data(
                "its root certificate is not known, and citadel makes one that no other cluster \
                 trusts",
            )
            .at(member.place())
            .hint("mesh-cacerts makes intermediates of one root: name them with --custom-ca-dir")),
        }
    }

    fn install(&self, member: &Member<'_>, site: &Site<'_>, fleet: &str) -> Line {
        let mut line = Line::new(match self.script {
            Script::Asmcli => &["./asmcli", "install"],
            Script::InstallAsm => &["./install_asm"],
        });
        match site {
            Site::Gke { project, location, name } => {
                line.option("--project_id", project);
                line.option("--cluster_name", name);
                line.option("--cluster_location", location);
            }
            Site::Elsewhere { kubeconfig, context, .. } => {
                line.option("--platform", "multicloud");
                line.option("--kubeconfig", kubeconfig);
                line.option("--context", context);
            }
        }
        match self.script {
            Script::Asmcli => {
                line.option("--fleet_id", fleet);
                line.option("--network_id", member.network.as_str());
            }
            Script::InstallAsm => line.option("--mode", "install"),
        }
        self.plane.add_to(&mut line, member);
        line.option("--output_dir", member.id.as_str());
        if matches!(site, Site::Gke { .. }) {
            line.flag("--enable_registration");
        }
        if self.enable_all {
            line.flag("--enable_all");
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::tests::record;
    use crate::{Channel, GoogleAuthority, Said};
    use meshcore::Exit;
    use meshcore::cluster::Cluster;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn gke(name: &str, fields: Value) -> Cluster {
        let mut all = json!({"provider": "gke", "project": "p", "location": "l", "meshId": "proj-1",
            "vpc": "projects/p/global/networks/v", "network": "p-v", "id": format!("cn-p-l-{name}")});
        for (key, field) in fields.as_object().unwrap() {
            all[key] = field.clone();
        }
        record(name, all)
    }

    fn lab(fields: Value) -> Cluster {
        let mut all = json!({"meshId": "proj-1", "id": "cn-f-global-lab", "network": "lab",
            "context": "lab", "kubeconfig": "/lab.yaml"});
        for (key, field) in fields.as_object().unwrap() {
            all[key] = field.clone();
        }
        record("lab", all)
    }

    fn in_cluster(authority: Authority) -> Installer {
        Installer {
            script: Script::Asmcli,
            fleet: None,
            plane: Plane::InCluster { authority, revision: None },
            enable_all: false,
        }
    }

    fn mesh_ca() -> Installer {
        in_cluster(Authority::Google(GoogleAuthority::MeshCa))
    }

    fn citadel(certificates: Option<&str>) -> Installer {
        in_cluster(Authority::Citadel { certificates: certificates.map(str::to_owned) })
    }

    fn fleet(installer: Installer) -> Installer {
        Installer { fleet: DnsLabel::parse("f").ok(), ..installer }
    }

    fn lines(installer: &Installer, clusters: &[Cluster]) -> Result<Vec<String>> {
        let mesh = Mesh::of(clusters, &Said::default())?;
        installer.commands(&mesh, &mesh.members.iter().collect::<Vec<_>>())
    }

    /// Seed 000, with the fleet and the network said.
    #[test]
    fn a_managed_control_plane() {
        let installer = Installer {
            plane: Plane::Managed { authority: GoogleAuthority::MeshCa, channel: None },
            enable_all: true,
            ..mesh_ca()
        };
        assert_eq!(
            lines(&installer, &[gke("a", json!({}))]).unwrap(),
            ["./asmcli install --project_id p --cluster_name a --cluster_location l --fleet_id p \
              --network_id p-v --managed --ca mesh_ca --output_dir cn-p-l-a --enable_registration \
              --enable_all"]
        );
        let old = Installer { script: Script::InstallAsm, ..installer };
        assert_eq!(
            lines(&old, &[gke("a", json!({}))]).unwrap(),
            ["./install_asm --project_id p --cluster_name a --cluster_location l --mode install \
              --managed --ca mesh_ca --output_dir cn-p-l-a --enable_registration --enable_all"]
        );
    }

    #[test]
    fn a_channel_and_a_pool_are_said() {
        let pool = "projects/p/locations/l/caPools/pool";
        let authority = GoogleAuthority::Cas(pool.parse().unwrap());
        let plane = Plane::Managed { authority, channel: Some(Channel::Rapid) };
        let line = &lines(&Installer { plane, ..mesh_ca() }, &[gke("a", json!({}))]).unwrap()[0];
        let said = format!("--managed --channel rapid --ca gcp_cas --ca_pool {pool} --output_dir");
        assert!(line.contains(&said), "{line}");
    }

    #[test]
    fn own_certificates_are_of_each_cluster() {
        let mut installer = citadel(Some("my certs"));
        let revision = DnsLabel::parse("asm-1").ok();
        if let Plane::InCluster { revision: into, .. } = &mut installer.plane {
            *into = revision;
        }
        let lines = lines(&installer, &[gke("a", json!({})), gke("b", json!({}))]).unwrap();
        assert!(lines[1].contains(
            "--ca citadel --ca_cert 'my certs/cn-p-l-b/ca-cert.pem' --ca_key \
             'my certs/cn-p-l-b/ca-key.pem' --root_cert 'my certs/cn-p-l-b/root-cert.pem' \
             --cert_chain 'my certs/cn-p-l-b/cert-chain.pem' --revision_name asm-1 --output_dir"
        ));
    }

    #[test]
    fn off_google_the_membership_is_registered_first() {
        let clusters = [gke("a", json!({})), lab(json!({}))];
        let lines = lines(&fleet(mesh_ca()), &clusters).unwrap();
        assert!(lines[0].contains("--project_id p --cluster_name a"), "{lines:?}");
        assert!(lines[0].contains("--fleet_id f "), "{lines:?}");
        assert_eq!(
            lines[1..],
            [
                "gcloud container fleet memberships register lab --project=f \
                 --kubeconfig=/lab.yaml --context=lab --enable-workload-identity \
                 --has-private-issuer",
                "./asmcli install --platform multicloud --kubeconfig /lab.yaml --context lab \
                 --fleet_id f --network_id lab --ca mesh_ca --output_dir cn-f-global-lab"
            ]
        );
    }

    #[test]
    fn what_asmcli_would_install_otherwise_is_refused() {
        for (clusters, installer, text) in [
            (
                vec![gke("a", json!({"id": "a"}))],
                mesh_ca(),
                "cluster p/l/a: its ID is a, and asmcli installs cn-p-l-a",
            ),
            (
                vec![gke("a", json!({"network": "n"}))],
                mesh_ca(),
                "cluster p/l/a: its network is n, and asmcli installs p-v",
            ),
            (
                vec![gke("a", json!({"location": null}))],
                mesh_ca(),
                "cluster a: has no location, by which",
            ),
            (
                vec![lab(json!({"id": "lab"}))],
                fleet(mesh_ca()),
                "cluster lab: its ID is lab, and asmcli installs cn-f-global-MEMBERSHIP",
            ),
            (
                vec![lab(json!({"kubeconfig": null}))],
                fleet(mesh_ca()),
                "cluster lab: has no kubeconfig, by which",
            ),
            (
                vec![lab(json!({"kubeconfig": "lab.yaml"}))],
                fleet(mesh_ca()),
                "cluster lab: its kubeconfig lab.yaml is no absolute path",
            ),
            (
                vec![lab(json!({"context": "-x"}))],
                fleet(mesh_ca()),
                "--context -x: the script takes",
            ),
            (vec![lab(json!({}))], mesh_ca(), "cluster lab: the fleet is not known"),
            (
                vec![
                    gke("a", json!({})),
                    gke(
                        "b",
                        json!({"project": "q", "id": "cn-q-l-b",
                    "network": "q-v", "vpc": "projects/q/global/networks/v"}),
                    ),
                ],
                mesh_ca(),
                "the clusters are of several projects (p, q), and each would be a fleet",
            ),
            (
                vec![gke("a", json!({"meshId": "mesh1"}))],
                mesh_ca(),
                "the mesh is mesh1, and asmcli installs proj-NUMBER",
            ),
            (
                vec![lab(json!({}))],
                Installer { script: Script::InstallAsm, ..fleet(mesh_ca()) },
                "cluster lab: install_asm installs on GKE only",
            ),
        ] {
            let error = lines(&installer, &clusters).unwrap_err();
            assert!(error.message().text().starts_with(text), "{error:?}");
            assert!(!error.message().hints().is_empty(), "{error:?}");
        }
    }

    /// Some clusters with citadel, some with Mesh CA: two trust domains, no aliases.
    #[test]
    fn two_authorities_are_not_mixed() {
        for (installer, domain, sets) in [
            (mesh_ca(), "cluster.local", "p.svc.id.goog"),
            (citadel(Some("certs")), "p.svc.id.goog", "cluster.local"),
        ] {
            let clusters = [gke("a", json!({})), gke("b", json!({"trustDomain": domain}))];
            let error = lines(&installer, &clusters).unwrap_err();
            let text = error.message().text();
            assert!(text.contains(&format!("its trust domain is {domain}")), "{text}");
            let clusters = [gke("a", json!({"trustDomain": sets}))];
            assert!(lines(&installer, &clusters).is_ok());
        }
    }

    #[test]
    fn citadel_needs_a_common_root() {
        let clusters = [gke("a", json!({"rootFingerprints": ["aa"]})), gke("b", json!({}))];
        let error = lines(&citadel(None), &clusters).unwrap_err();
        assert_eq!(error.exit(), Exit::Data);
        assert!(error.message().text().starts_with("cluster p/l/b: its root"), "{error:?}");
        assert!(lines(&citadel(None), &clusters[..1]).is_ok());
        let roots = json!({"rootFingerprints": ["aa"]});
        assert!(lines(&citadel(None), &[gke("a", roots.clone()), gke("b", roots)]).is_ok());
    }

    proptest! {
        /// Whatever the records hold, a shell reads one command on each line.
        #[test]
        fn lines_are_safe_to_paste(context in "[ -~\n]{1,12}", file in "/[a-z' $`]{1,12}") {
            let cluster = lab(json!({"context": context, "kubeconfig": file}));
            if let Ok(lines) = lines(&fleet(mesh_ca()), &[cluster]) {
                let script = lines[1].replacen("./asmcli", "printf '%s\\0'", 1);
                let out = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
                let words: Vec<&[u8]> = out.stdout.split(|&b| b == 0).collect();
                prop_assert_eq!(words[4], file.as_bytes());
                prop_assert_eq!(words[6], context.as_bytes());
            }
        }
    }
}
