//! What the tools share: streams, messages, exit codes, YAML, cluster records.
//!
//! A tool is a function from its flags to an [`Outcome`]; [`main`] does the rest. Nothing here
//! depends on the tool, opens a socket or reads a clock.

mod address;
pub mod check;
pub mod cidr;
mod clean;
pub mod cluster;
mod console;
pub mod credentials;
mod environment;
mod error;
pub mod file;
pub mod finding;
pub mod folder;
pub mod input;
mod istio;
pub mod junit;
pub mod jwt;
pub mod kubeconfigs;
pub mod list;
mod name;
mod output;
pub mod owner;
mod pull_policy;
pub mod remote_secret;
pub mod restart;
pub mod route;
pub mod selector;
mod server;
pub mod shell;
mod start;
pub mod table;
mod vpc;
pub mod yaml;

pub use address::Address;
pub use clean::without_credentials;
pub use console::{Console, LogFormat, Message, Messages, is_treacherous, visible};
pub use error::{Error, Exit, Result};
pub use istio::{IstioVersion, is_istiod, istiod_revision, service_of};
pub use name::{
    ApiVersion, DnsLabel, Kind, Network, ObjectName, is_api_word, is_qualified_name, is_secret_key,
    literal_name, object_name, object_namespace, optional_literal_name, optional_without_nul,
    without_nul,
};
pub use output::{Outcome, Verdict, json_lines, json_pretty};
pub use pull_policy::PullPolicy;
pub use server::Server;
pub use start::{command, main};
