//! A program of the kubeconfig that gets credentials: client-go's `exec`.

use k8s_openapi::jiff::Timestamp;
use kube::config::{ExecConfig, ExecInteractiveMode};
use meshcore::{Error, Result};
use serde::Deserialize;
use serde_json::json;
use std::io::Read as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// What a plugin gives.
#[derive(Default)]
pub struct Given {
    pub token: Option<String>,
    pub until: Option<Timestamp>,
    pub certificate: Option<Certificate>,
}

/// In PEM.
pub struct Certificate {
    pub certificate: String,
    pub key: String,
}

#[derive(Deserialize)]
struct Credential {
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    expiration_timestamp: Option<String>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

/// Runs it; `field` is where in the kubeconfig it stands. Nothing of its output is shown.
pub async fn run(plugin: &ExecConfig, field: &str, limit: Duration) -> Result<Given> {
    let failed = |text: String| Error::cluster(text).hint("does kubectl work with this context?");
    let mut child = command(plugin, field)?
        .spawn()
        .map_err(|error| failed(format!("the authentication command does not start: {error}")))?;
    let ended = tokio::time::timeout(limit, end(&mut child)).await;
    if ended.is_err() {
        // It may have ended by itself just now.
        let _ = child.kill();
        let _ = child.wait();
    }
    let (status, out) = ended
        .map_err(|_| {
            let text = format!("the authentication command does not end within {limit:?}");
            Error::timeout(text).hint("--request-timeout sets the limit; 0 is none")
        })?
        .map_err(|error| failed(format!("the authentication command cannot be read: {error}")))?;
    if !status.success() {
        let text = format!("the kubeconfig's authentication command failed with {status}");
        return Err(failed(text));
    }
    let unknown = || failed("the credentials in the kubeconfig cannot be used".to_owned());
    let given: Credential = serde_json::from_slice(&out)
        .ok()
        .or_else(|| serde_yaml::from_slice(&out).ok())
        .ok_or_else(unknown)?;
    let status = given.status.ok_or_else(unknown)?;
    let until = status.expiration_timestamp.map(|end| end.parse()).transpose();
    let pair = status.client_certificate_data.zip(status.client_key_data);
    Ok(Given {
        token: status.token,
        until: until.map_err(|_| unknown())?,
        certificate: pair.map(|(certificate, key)| Certificate { certificate, key }),
    })
}

/// As kube starts it.
fn command(plugin: &ExecConfig, field: &str) -> Result<Command> {
    let Some(name) = &plugin.command else {
        return Err(Error::data(format!("{field}.command is missing"))
            .hint("it names the program that gets credentials"));
    };
    let mut command = Command::new(name);
    command.args(plugin.args.iter().flatten()).stdout(Stdio::piped());
    for entry in plugin.env.iter().flatten() {
        if let (Some(name), Some(value)) = (entry.get("name"), entry.get("value")) {
            command.env(name, value);
        }
    }
    let is_interactive = plugin.interactive_mode != Some(ExecInteractiveMode::Never);
    if is_interactive {
        command.stdin(Stdio::inherit()).stderr(Stdio::inherit());
    } else {
        command.stdin(Stdio::null()).stderr(Stdio::null());
    }
    let mut spec = json!({ "interactive": is_interactive });
    if let Some(cluster) = plugin.cluster.as_ref().filter(|_| plugin.provide_cluster_info) {
        spec["cluster"] = serde_json::to_value(cluster).unwrap_or_default();
    }
    let about = json!({"kind": "ExecCredential", "apiVersion": plugin.api_version, "spec": spec});
    command.env("KUBERNETES_EXEC_INFO", about.to_string());
    Ok(command)
}

/// Its output and how it ended. What is read goes on on a thread of its own, as a pipe is open for
/// as long as any process has it.
async fn end(child: &mut Child) -> std::io::Result<(ExitStatus, Vec<u8>)> {
    let output = child.stdout.take();
    let reading = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        if let Some(output) = output {
            output.take(crate::files::MOST).read_to_end(&mut bytes)?;
        }
        std::io::Result::Ok(bytes)
    });
    let bytes = reading.await.map_err(std::io::Error::other)??;
    loop {
        match child.try_wait()? {
            Some(status) => return Ok((status, bytes)),
            None => tokio::time::sleep(BETWEEN_LOOKS).await,
        }
    }
}
