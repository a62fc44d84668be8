//! The flags, by what they are about.

use crate::authority::Authority;
use crate::bound::parse_ttl;
use crate::choice::Wish;
use crate::endpoint::Wanted;
use crate::manifest::Kind;
use crate::plugin::{Plugin, parse_setting};
use crate::reader;
use crate::rights::{self, Role};
use clap::{Args, ValueEnum};
use meshcore::{Error, IstioVersion, Result, Server};
use std::time::Duration;

/// Where the others reach the API server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Address")]
pub struct Address {
    /// Which endpoint of the record the others use
    #[arg(long, value_enum, value_name = "KIND", default_value = "auto", conflicts_with_all = ["context", "server"])]
    pub endpoint: Wanted,
    /// Address of its API server for the others [default: the record's endpoint, or else the
    /// kubeconfig's server]
    #[arg(long, value_name = "URL", value_parser = Server::parse)]
    pub server: Option<Server>,
    /// Name to expect in the API server's certificate
    #[arg(long, value_name = "NAME")]
    pub tls_server_name: Option<String>,
    /// Proxy on the way to it [default: the kubeconfig's, for the kubeconfig's server]
    #[arg(long, value_name = "URL", value_parser = crate::proxy::parse)]
    pub proxy_url: Option<String>,
    /// PEM file with the CA of its certificate, or "none" for a public CA [default: the
    /// endpoint's, or else the cluster's]
    #[arg(long, value_name = "FILE", value_parser = Authority::parse)]
    pub certificate_authority: Option<Authority>,
    /// Connect with what is given away before it is; fail where address, certificate or token
    /// is wrong
    #[arg(long)]
    pub check_endpoint: bool,
}

/// Who the others are to the API server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Credentials")]
pub struct Credentials {
    /// Service account whose token is given away [default: istio-reader-service-account; istiod
    /// with --type config]
    #[arg(long, value_name = "NAME")]
    service_account: Option<String>,
    /// Make the service account, and a role that reads what istiod reads, if there is none
    #[arg(long)]
    pub create_service_account: bool,
    /// What the role may read
    #[arg(
        long,
        value_enum,
        value_name = "ROLE",
        default_value = "full",
        requires = "create_service_account"
    )]
    pub reader_role: Role,
    /// Istio version of those that read with it; may be repeated [default: the newest]
    #[arg(long, value_name = "VERSION")]
    pub istio_version: Vec<IstioVersion>,
    /// Token Secret to take, where the service account has several
    #[arg(long, value_name = "NAME", conflicts_with_all = ["ttl", "rotate"])]
    secret_name: Option<String>,
    /// Give a token that ends after this time, as 720h, and is stored nowhere else
    #[arg(long, value_name = "DURATION", value_parser = parse_ttl)]
    pub ttl: Option<Duration>,
    /// Give a new token, which may be one that an earlier run made and nobody has used, and leave the
    /// old one valid, until you delete it
    #[arg(long)]
    pub rotate: bool,
    /// Write nothing to the cluster; fail where a token Secret would have to be made
    #[arg(long, conflicts_with_all = ["create_service_account", "rotate"])]
    pub read_only: bool,
    /// Longest time to wait for a new token Secret to be filled
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = meshkube::parse_duration)]
    pub timeout: Duration,
    /// How istiod authenticates
    #[arg(long, value_enum, value_name = "TYPE", default_value = "bearer-token")]
    auth_type: AuthType,
    /// Authentication provider of --auth-type plugin; istiod allows oidc
    #[arg(long, value_name = "NAME", required_if_eq("auth_type", "plugin"))]
    auth_plugin_name: Option<String>,
    /// Setting of the authentication provider, KEY=VALUE or KEY=@FILE; may be repeated
    #[arg(long, value_name = "KEY=VALUE", requires = "auth_plugin_name", value_parser = parse_setting)]
    auth_plugin_config: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AuthType {
    /// With a token of the service account
    BearerToken,
    /// With an authentication provider of its own, and without a token from here
    Plugin,
}

impl Credentials {
    /// The service account of a Secret of this kind.
    pub fn account(&self, kind: Kind) -> &str {
        self.service_account.as_deref().unwrap_or(match kind {
            Kind::Remote => reader::DEFAULT,
            Kind::Config => "istiod",
        })
    }

    /// Which token Secret to take.
    pub fn wish(&self) -> Wish<'_> {
        match &self.secret_name {
            Some(name) => Wish::Named(name),
            None if self.rotate => Wish::Another,
            None => Wish::Current,
        }
    }

    /// Whether the others get something new with every run.
    pub fn changes(&self) -> bool {
        self.rotate || self.ttl.is_some()
    }

    /// The first flag that needs a cluster that answers.
    pub fn live_flag(&self) -> Option<&'static str> {
        let flags = [
            (self.create_service_account, "--create-service-account"),
            (self.secret_name.is_some(), "--secret-name"),
            (self.ttl.is_some(), "--ttl"),
            (self.rotate, "--rotate"),
        ];
        flags.into_iter().find_map(|(given, flag)| given.then_some(flag))
    }

    /// Refuses what contradicts itself, and gives the plugin if there is one.
    pub fn plugin(&self, kind: Kind) -> Result<Option<Plugin>> {
        if self.create_service_account && kind == Kind::Config {
            return Err(Error::usage("--create-service-account makes readers, and istiod is none")
                .hint("Istio's chart makes istiod's service account"));
        }
        if let Some(text) = rights::unfit(self.reader_role, &self.istio_version) {
            return Err(Error::usage(format!("--reader-role no-secrets: {text}")));
        }
        let name = match (self.auth_type, &self.auth_plugin_name) {
            (AuthType::BearerToken, None) => return Ok(None),
            (AuthType::BearerToken, Some(_)) => {
                return Err(Error::usage("--auth-plugin-name needs --auth-type plugin"));
            }
            (AuthType::Plugin, name) => name.as_deref().unwrap_or_default(),
        };
        if let Some(flag) = self.live_flag() {
            return Err(Error::usage(format!(
                "{flag} is about tokens: --auth-type plugin has none"
            )));
        }
        let plugin = Plugin::new(name, &self.auth_plugin_config);
        plugin.map(Some).map_err(|text| Error::usage(text).at("--auth-plugin-config"))
    }
}
