//! The flags, by what they are about.

use crate::check;
use crate::current::OwnAddress;
use clap::Args;
use ipnet::IpNet;
use jiff::Timestamp;
use meshcore::check::Check;
use meshcore::finding::Severity;
use meshcore::{DnsLabel, Error, Result, cidr};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// The machine.
#[derive(Debug, Args)]
#[command(next_help_heading = "Machine")]
pub struct Machine {
    /// CLUSTER_ID of the istiod that it joins [default: clusterName of the injector's config map]
    #[arg(long, value_name = "ID", value_parser = filled)]
    pub cluster_id: Option<String>,
    /// Its own address, where it has several
    #[arg(long, value_name = "IP", conflicts_with = "external_ip")]
    internal_ip: Option<IpAddr>,
    /// Address at which others reach it and which it does not have itself
    #[arg(long, value_name = "IP")]
    external_ip: Option<IpAddr>,
    /// Let istiod make its workload entry when it connects
    #[arg(long)]
    pub auto_register: bool,
    /// Let the agent answer its questions of DNS
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set,
        num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub capture_dns: bool,
    /// Range of Services, for --format 1.6; may be repeated [default: those of the cluster records
    /// in the input]
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = range)]
    pub service_cidr: Vec<IpNet>,
    /// Port that it serves, for --format 1.6; may be repeated [default: those of the workload group]
    #[arg(long, value_name = "PORT", value_delimiter = ',')]
    pub inbound_port: Vec<NonZeroU16>,
}

/// The way to istiod.
#[derive(Debug, Args)]
#[command(next_help_heading = "Control plane")]
pub struct ControlPlane {
    /// istiod's namespace
    #[arg(long, value_name = "NAMESPACE", default_value = "istio-system", value_parser = DnsLabel::parse)]
    pub istio_namespace: DnsLabel,
    /// istiod's revision
    #[arg(long, value_name = "REVISION", value_parser = DnsLabel::parse)]
    pub revision: Option<DnsLabel>,
    /// Address of the gateway that leads to istiod [default: that of its Service]
    #[arg(long, value_name = "IP")]
    pub ingress_ip: Option<IpAddr>,
    /// Service of that gateway, in istiod's namespace or another [default: istio-eastwestgateway;
    /// istio-ingressgateway with --format 1.6]
    #[arg(long, value_name = "NAME[.NAMESPACE]", value_parser = service, conflicts_with = "ingress_ip")]
    pub ingress_service: Option<(DnsLabel, Option<DnsLabel>)>,
    /// Look up the gateway's host name, where it has no address; with --context that is done
    /// anyway
    #[arg(long)]
    pub resolve: bool,
}

/// The token.
#[derive(Debug, Args)]
#[command(next_help_heading = "Token")]
pub struct Token {
    /// How long it is good for, 10m at least [default: 1h]
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with_all = ["token_file", "no_token"])]
    pub token_duration: Option<Duration>,
    /// For whom it is [default: what the injector's config map says, or else istio-ca]
    #[arg(long, value_name = "AUDIENCE", value_parser = filled)]
    pub token_audience: Option<String>,
    /// Take the token of this file
    #[arg(long, value_name = "FILE", conflicts_with = "no_token")]
    pub token_file: Option<PathBuf>,
    /// Leave it out
    #[arg(long)]
    pub no_token: bool,
}

/// Files of others.
#[derive(Debug, Args)]
#[command(next_help_heading = "Check")]
pub struct Checks {
    /// Write what is wrong with the files in this folder, instead of making any
    #[arg(long, value_name = "DIR", conflicts_with_all = ["files", "context", "name", "namespace", "out",
        "cluster_id", "ingress_ip", "token_file", "no_token", "service_cidr", "inbound_port"])]
    pub check: Option<PathBuf>,
    /// Judge tokens and certificates as of this time (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,
    /// Checks to leave out, by code
    #[arg(long, value_name = "CODE", value_delimiter = ',', value_parser = check::table::by_code, requires = "check")]
    pub ignore: Vec<Check>,
    /// Exit with status 1 at errors only, or at warnings too
    #[arg(long, value_enum, value_name = "SEVERITY", default_value = "error", requires = "check")]
    pub fail_on: Severity,
    /// Write the checks instead: code, severity, title
    #[arg(long, conflicts_with_all = ["files", "context", "out", "check"])]
    pub list_checks: bool,
}

impl Machine {
    /// Where the mesh reaches it, if that is told.
    pub fn address(&self) -> Option<OwnAddress> {
        let external = self.external_ip.map(OwnAddress::External);
        self.internal_ip.map(OwnAddress::Internal).or(external)
    }

    /// The service ranges that are told.
    pub fn ranges(&self) -> BTreeSet<IpNet> {
        self.service_cidr.iter().copied().collect()
    }
}

impl Checks {
    /// When files are judged, in seconds since 1970.
    pub fn at(&self) -> Result<i64> {
        if let Some(at) = self.at {
            return Ok(at.as_second());
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok();
        now.and_then(|now| i64::try_from(now.as_secs()).ok()).ok_or_else(|| {
            Error::data("the clock of this machine shows no usable time").hint("give one with --at")
        })
    }
}

fn filled(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("is empty".to_owned()) } else { Ok(text.to_owned()) }
}

/// The name of an object: DNS labels with dots between them.
pub fn object_name(text: &str) -> Result<String, String> {
    text.split('.').try_for_each(|label| DnsLabel::parse(label).map(drop))?;
    Ok(text.to_owned())
}

fn range(text: &str) -> Result<IpNet, String> {
    cidr::parse(text).map_err(|error| error.to_string())
}

fn service(text: &str) -> Result<(DnsLabel, Option<DnsLabel>), String> {
    match text.split_once('.') {
        Some((name, namespace)) => Ok((DnsLabel::parse(name)?, Some(DnsLabel::parse(namespace)?))),
        None => Ok((DnsLabel::parse(text)?, None)),
    }
}

/// API servers give no token for less.
const SHORTEST: Duration = Duration::from_secs(600);

fn duration(text: &str) -> Result<Duration, String> {
    let duration = meshkube::parse_duration(text)?;
    if duration < SHORTEST {
        return Err("API servers give tokens for 10m or longer".to_owned());
    }
    Ok(duration)
}

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "is no time, such as 2026-01-31T12:00:00Z".to_owned())
}
