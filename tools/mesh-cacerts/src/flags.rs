//! The flags, and which of them belong to what.

use crate::check;
use crate::recipe::{self, LIFETIME, Recipe};
use crate::verify::WITHIN;
use clap::{Args as Flags, Parser, ValueEnum};
use jiff::Timestamp;
use meshcore::check::Check;
use meshcore::finding::{FindingFormat, Severity};
use meshcore::input::Input;
use meshcore::{DnsLabel, Error, Result};
use meshpki::{KeyKind, Lifetime, San};
use std::path::PathBuf;
use std::time::SystemTime;

const EXAMPLES: &str = "\
Examples:
  mesh-cacerts init --root-dir root --cluster cluster1 --cluster cluster2 | mesh-apply --context cluster1 --context cluster2 --dry-run=server -o lines
  mesh-cacerts init -q --key ecdsa-p256 --cluster cluster1 --cluster cluster2 | mesh-cacerts rotate --root-dir next";

/// Make, verify and rotate the CA certificates of a mesh's clusters
///
/// Clusters trust each other when one root signed their CAs. `init` makes a root, or takes the
/// one in --root-dir, and writes for each cluster an intermediate as the Secret cacerts, for
/// mesh-apply to put into its cluster before Istio is installed. `verify` reads such Secrets and
/// config maps istio-ca-root-cert (`kubectl get secrets,configmaps -n istio-system -o json`,
/// captures) or files, and writes what istiod would not take and what only peers would find out;
/// exit status 1 if any of it is an error. `rotate` reads the same of running clusters, with
/// whatever roots, and writes the steps that are missing until all have the root in --root-dir
/// alone; --step writes the Secrets after one. No proxy distrusts another on the way: with pods and
/// workload entries in the input, too (`kubectl get pods,workloadentries -A -o json` after each
/// cluster's CA), no step goes on before every proxy that they show has what it needs. `restarts`
/// writes the commands that restart every proxy and wait for it: of sidecars, gateways and whatever
/// else has the container istio-proxy; machines are named. The root's key is never on standard
/// output; those of the clusters are in their Secrets.
#[derive(Debug, Parser)]
#[command(name = "mesh-cacerts", version, before_help = EXAMPLES)]
pub struct Args {
    /// What to do
    #[arg(value_enum)]
    pub(crate) what: What,
    #[command(flatten)]
    pub(crate) input: Input,
    /// Cluster by name, which is its context; may be repeated. Not for init: that of the first,
    /// second and so on document of the input; one of pods alone is of the cluster before it
    #[arg(long, value_name = "NAME")]
    pub(crate) cluster: Vec<String>,
    /// Folder of the root: root-cert.pem and root-key.pem, made when neither is there
    #[arg(long, value_name = "DIR")]
    pub(crate) root_dir: Option<PathBuf>,
    /// Folder to write DIR/CLUSTER/{ca-cert,ca-key,root-cert,cert-chain}.pem to, too; what is
    /// there is kept (init)
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Folder with the files of a cluster, or with such folders, to verify instead of input
    #[arg(long, value_name = "DIR", conflicts_with_all = ["files", "cluster"])]
    pub(crate) dir: Option<PathBuf>,
    /// Namespace of istiod, for the Secrets (init) [default: istio-system]
    #[arg(short, long, value_parser = DnsLabel::parse)]
    pub(crate) namespace: Option<DnsLabel>,
    /// Judge and make certificates as of this time (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,
    /// Form: yaml or json for Secrets, lines or json for all else [default: the first]
    #[arg(short, long, value_enum)]
    pub(crate) output: Option<Form>,
    #[command(flatten)]
    making: Making,
    #[command(flatten)]
    pub(crate) judging: Judging,
    #[command(flatten)]
    pub(crate) rotating: Rotating,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    /// Make an intermediate for each cluster
    Init,
    /// Check the CAs of clusters, each and against each other
    Verify,
    /// Tell, or make, what is missing on the way to another root or new intermediates
    Rotate,
    /// Tell the commands that restart every proxy
    Restarts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    Yaml,
    Json,
    Lines,
}

impl Form {
    /// The form of findings and of the table of checks.
    pub(crate) fn of_findings(self) -> FindingFormat {
        if self == Self::Json { FindingFormat::Json } else { FindingFormat::Lines }
    }
}

#[derive(Debug, Flags)]
#[command(next_help_heading = "New certificates (init, rotate)")]
struct Making {
    /// Kind of the keys: rsa-2048, rsa-3072, rsa-4096, ecdsa-p256, ecdsa-p384 [default: rsa-4096]
    #[arg(long, value_name = "KIND")]
    key: Option<KeyKind>,
    /// Life of a root: 3650d, 10y, 8w or 720h [default: 3650d]
    #[arg(long, value_name = "TIME")]
    root_lifetime: Option<Lifetime>,
    /// Life of an intermediate [default: 3650d, but no longer than its root's]
    #[arg(long, value_name = "TIME")]
    lifetime: Option<Lifetime>,
    /// How many CAs may stand below an intermediate [default: 0]
    #[arg(long, value_name = "N")]
    path_length: Option<u8>,
    /// Name in an intermediate: a host, or a URI; may be repeated
    /// [default: istiod.NAMESPACE.svc]
    #[arg(long, value_name = "NAME", value_parser = recipe::san)]
    san: Vec<San>,
    /// Organization (O) of roots and intermediates [default: Istio]
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,
    /// Let roots and intermediates sign revocation lists (ca-crl.pem), too
    #[arg(long)]
    crl_sign: bool,
}

#[derive(Debug, Flags)]
#[command(next_help_heading = "Checks (verify)")]
pub(crate) struct Judging {
    /// Warn of certificates that end within this time; rotate makes new ones [default: 30d]
    #[arg(long, value_name = "TIME")]
    within: Option<Lifetime>,
    /// Checks to leave out, by code
    #[arg(long, value_name = "CODE", value_delimiter = ',', value_parser = check::by_code)]
    pub(crate) ignore: Vec<Check>,
    /// Checks to make alone, by code
    #[arg(long, value_name = "CODE", value_delimiter = ',', value_parser = check::by_code)]
    pub(crate) only: Vec<Check>,
    /// Exit with status 1 at errors only, or at warnings too [default: error]
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<Severity>,
    /// Write the checks instead: code, severity, title
    #[arg(long, conflicts_with_all = ["files", "dir"])]
    pub(crate) list_checks: bool,
}

#[derive(Debug, Flags)]
#[command(next_help_heading = "Steps (rotate)")]
pub(crate) struct Rotating {
    /// Write the Secrets of all clusters as they are after this step
    #[arg(long, value_name = "N")]
    pub(crate) step: Option<u8>,
    /// Make new intermediates where those that are there are good, too
    #[arg(long)]
    pub(crate) renew: bool,
    /// When the proxy of the last machine was restarted (RFC 3339), which no object tells: without
    /// it no step goes on where there are machines
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) machines_restarted: Option<Timestamp>,
}

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "is no time, such as 2026-01-31T12:00:00Z".to_owned())
}

impl Args {
    /// Refuses flags that what is to be done knows nothing of.
    pub(crate) fn check(&self) -> Result<()> {
        use What::{Init, Rotate, Verify};
        let Making { key, root_lifetime, lifetime, path_length, san, organization, crl_sign } =
            &self.making;
        let Judging { within, ignore, only, fail_on, list_checks } = &self.judging;
        let Rotating { step, renew, machines_restarted } = &self.rotating;
        let given: [(&str, bool, &[What]); 19] = [
            ("--root-dir", self.root_dir.is_some(), &[Init, Rotate]),
            ("--out", self.out.is_some(), &[Init]),
            ("--dir", self.dir.is_some(), &[Verify]),
            ("--namespace", self.namespace.is_some(), &[Init]),
            ("--key", key.is_some(), &[Init, Rotate]),
            ("--root-lifetime", root_lifetime.is_some(), &[Init, Rotate]),
            ("--lifetime", lifetime.is_some(), &[Init, Rotate]),
            ("--path-length", path_length.is_some(), &[Init, Rotate]),
            ("--san", !san.is_empty(), &[Init, Rotate]),
            ("--organization", organization.is_some(), &[Init, Rotate]),
            ("--crl-sign", *crl_sign, &[Init, Rotate]),
            ("--within", within.is_some(), &[Verify, Rotate]),
            ("--ignore", !ignore.is_empty(), &[Verify]),
            ("--only", !only.is_empty(), &[Verify]),
            ("--fail-on", fail_on.is_some(), &[Verify]),
            ("--list-checks", *list_checks, &[Verify]),
            ("--step", step.is_some(), &[Rotate]),
            ("--renew", *renew, &[Rotate]),
            ("--machines-restarted", machines_restarted.is_some(), &[Rotate]),
        ];
        match given.iter().find(|(_, is_given, of)| *is_given && !of.contains(&self.what)) {
            Some((flag, _, of)) => {
                let of: Vec<&str> = of.iter().map(|what| what.name()).collect();
                Err(Error::usage(format!("{flag} is for {}", of.join(" and "))))
            }
            None => Ok(()),
        }
    }

    /// The namespace of istiod.
    pub(crate) fn namespace(&self) -> String {
        self.namespace.as_ref().map_or("istio-system", DnsLabel::as_str).to_owned()
    }

    /// How long before its end a certificate is told of.
    pub(crate) fn within(&self) -> Lifetime {
        self.judging.within.unwrap_or(WITHIN)
    }

    /// How certificates are made.
    pub(crate) fn recipe(&self) -> Recipe {
        let making = &self.making;
        Recipe {
            key: making.key.unwrap_or(KeyKind::Rsa4096),
            root_lifetime: making.root_lifetime.unwrap_or(LIFETIME),
            lifetime: making.lifetime,
            path_length: making.path_length.unwrap_or(0),
            san: making.san.clone(),
            organization: making.organization.clone().unwrap_or_else(|| "Istio".to_owned()),
            crl_sign: making.crl_sign,
        }
    }

    /// The time to judge by, as Unix time.
    pub(crate) fn now(&self) -> Result<i64> {
        if let Some(at) = self.at {
            return Ok(at.as_second());
        }
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        since_1970.ok().and_then(|time| i64::try_from(time.as_secs()).ok()).ok_or_else(|| {
            Error::data("the clock of this machine shows no usable time").hint("give one with --at")
        })
    }

    /// The form that is wanted, out of those that there are; the first one unless told otherwise.
    pub(crate) fn form(&self, forms: [Form; 2]) -> Result<Form> {
        match self.output {
            None => Ok(forms[0]),
            Some(form) if forms.contains(&form) => Ok(form),
            Some(_) if forms[0] == Form::Yaml => {
                Err(Error::usage("Secrets are written as yaml or json"))
            }
            Some(_) => Err(Error::usage("findings and steps are written as lines or json")),
        }
    }
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Verify => "verify",
            Self::Rotate => "rotate",
            Self::Restarts => "restarts",
        }
    }
}
