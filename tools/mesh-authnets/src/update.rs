//! A plan as gcloud's command lines, and as the requests that gcloud would send.

use crate::block::Block;
use crate::mesh::ClusterPath;
use crate::plan::Plan;
use meshcore::shell;
use serde::Serialize;

/// The command line that replaces the list, if it changes.
#[must_use]
pub fn list_command(plan: &Plan<'_>) -> Option<String> {
    let list: Vec<&str> = plan.list()?.iter().map(|block| block.cidr.as_str()).collect();
    let mut words = vec!["--enable-master-authorized-networks".to_owned()];
    // gcloud refuses an empty list.
    if !list.is_empty() {
        words.push(format!("--master-authorized-networks={}", list.join(",")));
    }
    Some(command(&plan.server.path, &words))
}

/// The command line that switches global access on, if that is needed. It is one of its own:
/// not every gcloud takes both kinds of change at once.
#[must_use]
pub fn global_access_command(plan: &Plan<'_>) -> Option<String> {
    let words = ["--enable-master-global-access".to_owned()];
    plan.needs_global_access().then(|| command(&plan.server.path, &words))
}

fn command(path: &ClusterPath, words: &[String]) -> String {
    let start = ["gcloud", "container", "clusters", "update", path.cluster.as_str()];
    let location = format!("--location={}", path.location);
    let project = format!("--project={}", path.project);
    let words = words.iter().map(String::as_str);
    shell::command_line(start.into_iter().chain([location.as_str(), project.as_str()]).chain(words))
}

/// An update of the Kubernetes Engine API, v1, with the fields that gcloud 528 sends and the
/// display names that it does not.
#[derive(Debug, Serialize)]
pub struct Request<'a> {
    project: &'a str,
    location: &'a str,
    cluster: &'a str,
    method: &'static str,
    path: String,
    body: Body<'a>,
}

#[derive(Debug, Serialize)]
struct Body<'a> {
    update: ClusterUpdate<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ClusterUpdate<'a> {
    desired_control_plane_endpoints_config: ControlPlaneEndpointsConfig<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ControlPlaneEndpointsConfig<'a> {
    ip_endpoints_config: IpEndpointsConfig<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct IpEndpointsConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    authorized_networks_config: Option<AuthorizedNetworksConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    global_access: Option<bool>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthorizedNetworksConfig<'a> {
    enabled: bool,
    cidr_blocks: Vec<CidrBlock<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CidrBlock<'a> {
    cidr_block: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// The one request that makes the change, if there is any.
    #[must_use]
    pub fn new(plan: &'a Plan<'_>) -> Option<Self> {
        let block = |block: &'a Block| CidrBlock {
            cidr_block: &block.cidr,
            display_name: block.display_name.as_deref(),
        };
        let authorized_networks_config = plan.list().map(|list| AuthorizedNetworksConfig {
            enabled: true,
            cidr_blocks: list.into_iter().map(block).collect(),
        });
        let global_access = plan.needs_global_access().then_some(true);
        if authorized_networks_config.is_none() && global_access.is_none() {
            return None;
        }
        let path = &plan.server.path;
        let ip_endpoints_config = IpEndpointsConfig { authorized_networks_config, global_access };
        Some(Self {
            project: &path.project,
            location: path.location.as_str(),
            cluster: path.cluster.as_str(),
            method: "PUT",
            path: format!("v1/{path}"),
            body: Body {
                update: ClusterUpdate {
                    desired_control_plane_endpoints_config: ControlPlaneEndpointsConfig {
                        ip_endpoints_config,
                    },
                },
            },
        })
    }
}
