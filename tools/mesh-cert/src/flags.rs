//! The flags, and which of them belong to what.

use crate::check;
use crate::name;
use clap::{Args as Flags, Parser, ValueEnum};
use jiff::Timestamp;
use meshcore::check::Check;
use meshcore::finding::{FindingFormat, Severity};
use meshcore::folder::Existing;
use meshcore::input::Input;
use meshcore::{DnsLabel, Error, Result};
use meshpki::issue::{Role, WorkloadSpec};
use meshpki::{KeyKind, Lifetime, SpiffeId};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

const EXAMPLES: &str = "\
Examples:
  mesh-cacerts init -q --cluster cluster1 | mesh-cert --spiffe spiffe://cluster.local/ns/vm/sa/vm --out certs
  mesh-cacerts init -q --cluster cluster1 | mesh-cert -n default --service-account vm --secret-name vm-cert | mesh-apply --dry-run=server --context cluster1";

/// Make or verify a workload's certificate with a SPIFFE identity
///
/// `issue` makes a key and a certificate for a workload outside of Kubernetes, signed by the CA of
/// its mesh: that in the Secret which is read (`kubectl get secret cacerts -n istio-system -o
/// yaml`), in --ca-dir, or in the files of --ca-cert and so on. It writes key.pem, cert-chain.pem
/// and root-cert.pem, which a machine has in /etc/certs, to --out, or a Secret named --secret-name
/// to standard output. `verify` reads such files or such a Secret and writes what peers in the
/// mesh, or its proxy, would not take; exit status 1 if any of it is an error.
#[derive(Debug, Parser)]
#[command(name = "mesh-cert", version, before_help = EXAMPLES)]
pub struct Args {
    /// What to do
    #[arg(value_enum, default_value = "issue")]
    pub(crate) what: What,
    #[command(flatten)]
    pub(crate) input: Input,
    #[command(flatten)]
    identity: Identity,
    /// PEM file with the roots: above --ca-cert (issue), or in place of the workload's (verify)
    #[arg(long, value_name = "FILE")]
    pub(crate) root_cert: Option<PathBuf>,
    /// PEM file with the certificates above --ca-cert (issue), or the workload's and those above
    /// it (verify)
    #[arg(long, value_name = "FILE", requires = "root_cert", conflicts_with = "files")]
    pub(crate) cert_chain: Option<PathBuf>,
    /// For servers of TLS alone
    #[arg(long)]
    server: bool,
    /// For clients of TLS alone [default: for both]
    #[arg(long)]
    client: bool,
    /// Judge, and begin lives, as of this time (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,
    /// Form: yaml or json of the Secret, lines or json of findings [default: the first]
    #[arg(short, long, value_enum)]
    output: Option<Form>,
    #[command(flatten)]
    pub(crate) making: Making,
    #[command(flatten)]
    pub(crate) judging: Judging,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    /// Make a key and a certificate
    Issue,
    /// Check those that are there
    Verify,
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
struct Identity {
    /// Who the workload is: `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT`
    #[arg(
        long,
        value_name = "URI",
        conflicts_with_all = ["trust_domain", "namespace", "service_account"],
    )]
    spiffe: Option<SpiffeId>,
    /// Trust domain of the mesh [default: cluster.local]
    #[arg(long, value_name = "NAME", requires_all = ["namespace", "service_account"])]
    trust_domain: Option<String>,
    /// Namespace of the workload
    #[arg(short, long, requires = "service_account", value_parser = DnsLabel::parse)]
    namespace: Option<DnsLabel>,
    /// Service account of the workload
    #[arg(long, value_name = "NAME", requires = "namespace")]
    service_account: Option<String>,
}

#[derive(Debug, Flags)]
#[command(next_help_heading = "New certificates (issue)")]
pub(crate) struct Making {
    /// Folder with the CA: ca-cert.pem, ca-key.pem, root-cert.pem, cert-chain.pem
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = ["files", "ca_cert", "ca_key", "root_cert", "cert_chain"],
    )]
    pub(crate) ca_dir: Option<PathBuf>,
    /// Certificate of the CA
    #[arg(
        long,
        value_name = "FILE",
        requires_all = ["ca_key", "root_cert"],
        conflicts_with = "files",
    )]
    pub(crate) ca_cert: Option<PathBuf>,
    /// Key of the CA, which only its owner may be able to read
    #[arg(long, value_name = "FILE", requires = "ca_cert")]
    pub(crate) ca_key: Option<PathBuf>,
    /// Sign with Istio's sample CA, too, whose key is public: anybody can be anybody
    #[arg(long)]
    pub(crate) allow_sample_ca: bool,
    /// Folder to write key.pem, cert-chain.pem and root-cert.pem to
    #[arg(long, value_name = "DIR", conflicts_with = "secret_name")]
    pub(crate) out: Option<PathBuf>,
    /// Replace these files where they are there, one after the other: after SIGKILL the key may be
    /// another than the certificate's, which verify tells
    #[arg(long)]
    pub(crate) force: bool,
    /// Write a Secret of this name, in the workload's namespace, with tls.crt, tls.key and ca.crt
    #[arg(long, value_name = "NAME", value_parser = name::subdomain)]
    pub(crate) secret_name: Option<String>,
    /// Kind of the key: ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, rsa-4096
    /// [default: ecdsa-p256]
    #[arg(long, value_name = "KIND")]
    key: Option<KeyKind>,
    /// How long the certificate lives, as 24h or 30d; never longer than its CA [default: 24h]
    #[arg(long, value_name = "TIME")]
    lifetime: Option<Lifetime>,
    /// DNS name by which clients outside of the mesh know the workload; may be repeated
    #[arg(long, value_name = "NAME", value_parser = name::host)]
    dns: Vec<String>,
    /// What the guide for Istio 1.6 did, to be told why it does not work
    #[arg(long, hide = true)]
    self_signed: bool,
}

#[derive(Debug, Flags)]
#[command(next_help_heading = "Checks (verify)")]
pub(crate) struct Judging {
    /// Folder with cert-chain.pem, root-cert.pem and perhaps key.pem
    #[arg(long, value_name = "DIR", conflicts_with_all = ["files", "cert_chain"])]
    pub(crate) dir: Option<PathBuf>,
    /// The workload's key [default: key.pem in --dir, or the Secret's]
    #[arg(long, value_name = "FILE")]
    pub(crate) private_key: Option<PathBuf>,
    /// Warn of a certificate that ends within this time [default: a tenth of its life]
    #[arg(long, value_name = "TIME")]
    pub(crate) within: Option<Lifetime>,
    /// Checks to leave out, by code
    #[arg(long, value_name = "CODE", value_delimiter = ',', value_parser = check::by_code)]
    pub(crate) ignore: Vec<Check>,
    /// Exit with status 1 at errors only, or at warnings too [default: error]
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<Severity>,
    /// Write the checks instead: code, severity, title
    #[arg(long, conflicts_with_all = ["files", "dir"])]
    pub(crate) list_checks: bool,
}

/// As long before now istiod lets lives begin, for clocks that are slow (Istio 1.30
/// `security/pkg/pki/util/generate_cert.go`).
const BACKDATE: Duration = Duration::from_secs(120);

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "is no time, such as 2026-01-31T12:00:00Z".to_owned())
}

impl Making {
    /// What becomes of files that are there.
    pub(crate) fn existing(&self) -> Existing {
        if self.force { Existing::Replace } else { Existing::Keep }
    }
}

impl Args {
    /// Refuses flags that what is to be done knows nothing of.
    pub(crate) fn check(&self) -> Result<()> {
        let (making, judging) = (&self.making, &self.judging);
        if making.self_signed {
            return Err(Error::usage(
                "a certificate that signs itself leads to no root of the mesh",
            )
            .hint("its peers refuse it; sign with the mesh's CA: --ca-dir, or its Secret"));
        }
        let issue = [
            ("--ca-dir", making.ca_dir.is_some()),
            ("--ca-cert", making.ca_cert.is_some()),
            ("--allow-sample-ca", making.allow_sample_ca),
            ("--out", making.out.is_some()),
            ("--force", making.force),
            ("--secret-name", making.secret_name.is_some()),
            ("--key", making.key.is_some()),
            ("--lifetime", making.lifetime.is_some()),
            ("--dns", !making.dns.is_empty()),
        ];
        let verify = [
            ("--dir", judging.dir.is_some()),
            ("--private-key", judging.private_key.is_some()),
            ("--within", judging.within.is_some()),
            ("--ignore", !judging.ignore.is_empty()),
            ("--fail-on", judging.fail_on.is_some()),
            ("--list-checks", judging.list_checks),
        ];
        let (others, name) = match self.what {
            What::Issue => (&verify[..], "verify"),
            What::Verify => (&issue[..], "issue"),
        };
        if let Some((flag, _)) = others.iter().find(|(_, is_given)| *is_given) {
            return Err(Error::usage(format!("{flag} is for {name}")));
        }
        if making.force && making.out.is_none() {
            return Err(Error::usage("--force is for --out"));
        }
        if self.what == What::Issue && self.root_cert.is_some() && making.ca_cert.is_none() {
            return Err(Error::usage("--root-cert goes with --ca-cert and --ca-key")
                .hint("a Secret and --ca-dir have roots of their own"));
        }
        Ok(())
    }

    /// Who the workload is, if the flags say it.
    pub(crate) fn identity(&self) -> Result<Option<SpiffeId>> {
        let Identity { spiffe, trust_domain, namespace, service_account } = &self.identity;
        if spiffe.is_some() {
            return Ok(spiffe.clone());
        }
        let (Some(namespace), Some(service_account)) = (namespace, service_account) else {
            return Ok(None);
        };
        let trust_domain = trust_domain.as_deref().unwrap_or("cluster.local");
        SpiffeId::new(trust_domain, namespace.as_str(), service_account)
            .map(Some)
            .map_err(Error::usage)
    }

    /// What is to be made.
    pub(crate) fn spec(&self) -> Result<WorkloadSpec> {
        let identity = self.identity()?.ok_or_else(|| {
            Error::usage("whose certificate? give --spiffe, or --namespace and --service-account")
                .hint("as --spiffe spiffe://cluster.local/ns/vm/sa/vm")
        })?;
        let making = &self.making;
        Ok(WorkloadSpec {
            dns: making.dns.clone(),
            key: making.key.unwrap_or(KeyKind::EcdsaP256),
            lifetime: making.lifetime.unwrap_or(Lifetime::DAY).into(),
            backdate: BACKDATE,
            role: self.role(),
            ..WorkloadSpec::new(identity)
        })
    }

    /// On which ends of TLS the workload stands.
    pub(crate) fn role(&self) -> Role {
        match (self.server, self.client) {
            (true, false) => Role::Server,
            (false, true) => Role::Client,
            _ => Role::Both,
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

    /// The form that is wanted; the first one unless told otherwise.
    pub(crate) fn form(&self) -> Result<Form> {
        match (self.what, self.output) {
            (What::Issue, None) => Ok(Form::Yaml),
            (What::Verify, None) => Ok(Form::Lines),
            (What::Issue, Some(Form::Lines)) => {
                Err(Error::usage("a Secret is written as yaml or json"))
            }
            (What::Verify, Some(Form::Yaml)) => {
                Err(Error::usage("findings are written as lines or json"))
            }
            (What::Issue, Some(_)) if self.making.out.is_some() => {
                Err(Error::usage("--output is for --secret-name; files are PEM"))
            }
            (_, Some(form)) => Ok(form),
        }
    }
}
