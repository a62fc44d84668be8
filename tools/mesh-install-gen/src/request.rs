//! From flags to what is asked for, where it makes sense.

use crate::{
    Args, Authority, CaPool, Chart, Choices, Format, GoogleAuthority, Installer, Plane, Said,
    Script, SigningCa, TrustDomain,
};
use clap::ValueEnum as _;
use meshcore::{Error, Result};

/// What to write.
#[derive(Debug)]
pub(crate) enum Form {
    Operator(Choices),
    Helm(Choices, Chart),
    Asm(Installer),
    Namespace,
}

impl Args {
    /// The form, with everything that it needs and nothing that it cannot have.
    pub(crate) fn form(&self) -> Result<Form> {
        match self.output {
            Format::Iop => {
                self.refuse(&[self.of_asm(), self.of_helm()])?;
                Ok(Form::Operator(self.choices()))
            }
            Format::Helm => {
                self.refuse(&[self.of_asm()])?;
                let chart = self.chart.ok_or_else(|| {
                    Error::usage("--chart is missing")
                        .hint("values are of one chart: --chart base, then --chart istiod")
                })?;
                let is_old = self.istio_version.is_some_and(|version| version.minor() < 24);
                if is_old && !self.remote.is_empty() {
                    return Err(Error::usage(
                        "--remote: the charts have a profile for remotes from Istio 1.24 on",
                    )
                    .hint("-o iop installs a remote of an older Istio"));
                }
                Ok(Form::Helm(self.choices(), chart))
            }
            Format::Asmcli => {
                self.refuse(&[self.of_helm(), self.of_istio()])?;
                self.installer().map(Form::Asm)
            }
            Format::Namespace => {
                let others = [self.of_asm(), self.of_helm(), self.of_control_planes()];
                self.refuse(&others)?;
                Ok(Form::Namespace)
            }
        }
    }

    /// What is said of the clusters in every form.
    pub(crate) fn said(&self) -> Said {
        Said {
            mesh_id: self.mesh_id.clone(),
            remotes: self.remote.clone(),
            routed: self.routed.clone(),
        }
    }

    fn choices(&self) -> Choices {
        Choices {
            namespace: self.namespace.clone(),
            revision: self.revision.clone(),
            trust_domain: self.trust_domain.clone().unwrap_or_else(TrustDomain::cluster_local),
            addresses: self.remote_pilot_address.clone(),
        }
    }

    fn installer(&self) -> Result<Installer> {
        let is_old = self.istio_version.is_some_and(|version| version.minor() < 11);
        let script = if is_old { Script::InstallAsm } else { Script::Asmcli };
        let plane = self.plane()?;
        if script == Script::InstallAsm {
            let unknown = [
                ("--fleet-id", self.fleet_id.is_some()),
                ("--channel", self.channel.is_some()),
                ("--ca gcp_cas", self.ca == Some(SigningCa::GcpCas)),
            ];
            if let Some((flag, _)) = unknown.iter().find(|(_, given)| *given) {
                return Err(Error::usage(format!("{flag}: install_asm does not know it"))
                    .hint("asmcli does: leave --istio-version out, or name 1.11 or newer"));
            }
        }
        Ok(Installer { script, fleet: self.fleet_id.clone(), plane, enable_all: self.enable_all })
    }

    /// What asmcli refuses is refused here (`validate_args` of asmcli/lib/validate.sh).
    fn plane(&self) -> Result<Plane> {
        let authority = self.authority()?;
        if !self.managed {
            if self.channel.is_some() {
                return Err(Error::usage("--channel is of the managed control plane")
                    .hint("add --managed, or leave it out"));
            }
            return Ok(Plane::InCluster { authority, revision: self.revision.clone() });
        }
        if self.revision.is_some() {
            return Err(Error::usage("--revision: the managed control plane names its own")
                .hint("--channel chooses among them: asm-managed-rapid, asm-managed, …-stable"));
        }
        match authority {
            Authority::Google(authority) => Ok(Plane::Managed { authority, channel: self.channel }),
            Authority::Citadel { .. } => {
                Err(Error::usage("--managed: the managed control plane does not sign itself")
                    .hint("give --ca mesh_ca or --ca gcp_cas, or leave --managed out"))
            }
        }
    }

    fn authority(&self) -> Result<Authority> {
        let pool = |pool: &CaPool| GoogleAuthority::Cas(pool.clone());
        let ca = self.ca.unwrap_or(SigningCa::MeshCa);
        match (ca, &self.ca_pool, &self.custom_ca_dir) {
            (SigningCa::MeshCa, None, None) => Ok(Authority::Google(GoogleAuthority::MeshCa)),
            (SigningCa::GcpCas, Some(named), None) => Ok(Authority::Google(pool(named))),
            (SigningCa::Citadel, None, certificates) => {
                Ok(Authority::Citadel { certificates: certificates.clone() })
            }
            (SigningCa::GcpCas, None, _) => Err(Error::usage("--ca gcp_cas needs --ca-pool").hint(
                "name the pool of all clusters: projects/PROJECT/locations/LOCATION/caPools/\
                     NAME",
            )),
            (_, Some(_), _) => Err(Error::usage("--ca-pool is of --ca gcp_cas")
                .hint("one mesh has one authority: choose it with --ca")),
            (_, _, Some(_)) => Err(Error::usage("--custom-ca-dir is of --ca citadel")
                .hint("Google's authorities have roots of their own")),
        }
    }

    fn of_helm(&self) -> Vec<(&'static str, bool)> {
        vec![("--chart", self.chart.is_some())]
    }

    fn of_asm(&self) -> Vec<(&'static str, bool)> {
        vec![
            ("--managed", self.managed),
            ("--channel", self.channel.is_some()),
            ("--ca", self.ca.is_some()),
            ("--ca-pool", self.ca_pool.is_some()),
            ("--custom-ca-dir", self.custom_ca_dir.is_some()),
            ("--fleet-id", self.fleet_id.is_some()),
            ("--enable-all", self.enable_all),
        ]
    }

    /// What asmcli decides by itself.
    fn of_istio(&self) -> Vec<(&'static str, bool)> {
        vec![
            ("--remote", !self.remote.is_empty()),
            ("--remote-pilot-address", !self.remote_pilot_address.is_empty()),
            ("--trust-domain", self.trust_domain.is_some()),
            ("--namespace", self.namespace.as_str() != "istio-system"),
        ]
    }

    fn of_control_planes(&self) -> Vec<(&'static str, bool)> {
        vec![
            ("--remote-pilot-address", !self.remote_pilot_address.is_empty()),
            ("--trust-domain", self.trust_domain.is_some()),
            ("--revision", self.revision.is_some()),
        ]
    }

    /// Refuses flags that would be given for nothing: a mesh may not be what the user thinks.
    fn refuse(&self, flags: &[Vec<(&str, bool)>]) -> Result<()> {
        let Some((flag, _)) = flags.iter().flatten().find(|(_, given)| *given) else {
            return Ok(());
        };
        let value = self.output.to_possible_value();
        let output = value.as_ref().map_or("", |value| value.get_name());
        Err(Error::usage(format!("{flag} has no meaning with -o {output}"))
            .hint("leave it out, or choose another -o"))
    }
}
