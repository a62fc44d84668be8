//! Whose control plane asmcli installs and who signs its workloads' certificates.

use crate::Member;
use crate::line::Line;
use meshcore::DnsLabel;
use std::str::FromStr;

/// Whose control plane it is. Google's takes Google's authorities only, and names its revisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plane {
    /// An istiod in the cluster.
    InCluster {
        /// Who signs.
        authority: Authority,
        /// Another revision than asm-VERSION.
        revision: Option<DnsLabel>,
    },
    /// Google's.
    Managed {
        /// Who signs.
        authority: GoogleAuthority,
        /// Another channel than GKE's.
        channel: Option<Channel>,
    },
}

/// Who signs the workloads' certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authority {
    /// A service of Google.
    Google(GoogleAuthority),
    /// istiod.
    Citadel {
        /// Directory with `CLUSTER_ID/{ca-cert,ca-key,root-cert,cert-chain}.pem`, as Istio's
        /// tools/certs lays them out; without one the clusters have a common root already.
        certificates: Option<String>,
    },
}

/// A service of Google that signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GoogleAuthority {
    /// Mesh CA.
    MeshCa,
    /// Certificate Authority Service.
    Cas(CaPool),
}

/// `projects/P/locations/L/caPools/N`, with `:projects/P/locations/L/certificateTemplates/T` or
/// without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaPool(String);

/// A channel of the managed control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Channel {
    /// asm-managed-rapid
    Rapid,
    /// asm-managed
    Regular,
    /// asm-managed-stable
    Stable,
}

impl Plane {
    /// Adds the options that say so.
    pub(crate) fn add_to(&self, line: &mut Line, member: &Member<'_>) {
        let google = |line: &mut Line, authority: &GoogleAuthority| match authority {
            GoogleAuthority::MeshCa => line.option("--ca", "mesh_ca"),
            GoogleAuthority::Cas(CaPool(pool)) => {
                line.option("--ca", "gcp_cas");
                line.option("--ca_pool", pool);
            }
        };
        match self {
            Self::Managed { authority, channel } => {
                line.flag("--managed");
                match channel {
                    None => {}
                    Some(Channel::Rapid) => line.option("--channel", "rapid"),
                    Some(Channel::Regular) => line.option("--channel", "regular"),
                    Some(Channel::Stable) => line.option("--channel", "stable"),
                }
                google(line, authority);
            }
            Self::InCluster { authority, revision } => {
                match authority {
                    Authority::Google(authority) => google(line, authority),
                    Authority::Citadel { certificates } => {
                        line.option("--ca", "citadel");
                        if let Some(directory) = certificates {
                            let file = |name| format!("{directory}/{}/{name}.pem", member.id);
                            line.option("--ca_cert", &file("ca-cert"));
                            line.option("--ca_key", &file("ca-key"));
                            line.option("--root_cert", &file("root-cert"));
                            line.option("--cert_chain", &file("cert-chain"));
                        }
                    }
                }
                if let Some(revision) = revision {
                    line.option("--revision_name", revision.as_str());
                }
            }
        }
    }
}

impl FromStr for CaPool {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is = |path: &str, kind: &str| {
            let parts: Vec<&str> = path.split('/').collect();
            let named = |part: &str| {
                let inner = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
                !part.is_empty() && part.bytes().all(inner)
            };
            matches!(parts[..], ["projects", project, "locations", location, found, name]
                if found == kind && [project, location, name].into_iter().all(named))
        };
        let (pool, template) = text.split_once(':').map_or((text, None), |(p, t)| (p, Some(t)));
        if is(pool, "caPools") && template.is_none_or(|path| is(path, "certificateTemplates")) {
            Ok(Self(text.to_owned()))
        } else {
            Err("a pool is projects/PROJECT/locations/LOCATION/caPools/NAME, and a template may \
                 follow: :projects/PROJECT/locations/LOCATION/certificateTemplates/NAME")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_have_their_form() {
        let pool = "projects/p/locations/l/caPools/n";
        let template = format!("{pool}:projects/p/locations/l/certificateTemplates/t");
        for good in [pool, &template] {
            assert!(good.parse::<CaPool>().is_ok(), "{good}");
        }
        let other = pool.replace("caPools", "certificateAuthorities");
        for bad in [
            "",
            "n",
            &other,
            &format!("{pool}/x"),
            &format!("{pool}:t"),
            "projects//locations/l/caPools/n",
        ] {
            assert!(bad.parse::<CaPool>().is_err(), "{bad}");
        }
    }
}
