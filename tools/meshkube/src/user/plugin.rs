//! A program of the kubeconfig that gets credentials: client-go's `exec`.

use k8s_openapi::jiff::Timestamp;
use kube::config::{ExecConfig, ExecInteractiveMode};
use meshcore::{Error, Result, visible};
use serde::Deserialize;
use serde_json::json;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::str::Utf8Error;
use std::time::Duration;

const BETWEEN_LOOKS: Duration = Duration::from_millis(5);
const LAST_WORDS: Duration = Duration::from_millis(200);

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

/// Runs it; `field` is where in the kubeconfig it stands. Nothing of its output is shown, and what it
/// says on standard error as [`pass_on`] does.
pub async fn run(plugin: &ExecConfig, field: &str, limit: Duration) -> Result<Given> {
    let failed = |text: String| Error::cluster(text).hint("does kubectl work with this context?");
    let mut child = command(plugin, field)?
        .spawn()
        .map_err(|error| failed(format!("the authentication command does not start: {error}")))?;
    let (says, name) = (child.stderr.take(), name(plugin));
    let saying = tokio::task::spawn_blocking(move || {
        says.map(|says| pass_on(says, &name, &mut std::io::stderr()))
    });
    let ended = tokio::time::timeout(limit, end(&mut child)).await;
    if ended.is_err() {
        // It may have ended by itself just now.
        let _ = child.kill();
        let _ = child.wait();
    }
    // What it said stands before what we say of it; a process that it has left may go on.
    let _ = tokio::time::timeout(LAST_WORDS, saying).await;
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
    command.args(plugin.args.iter().flatten()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for entry in plugin.env.iter().flatten() {
        if let (Some(name), Some(value)) = (entry.get("name"), entry.get("value")) {
            command.env(name, value);
        }
    }
    let is_interactive = plugin.interactive_mode != Some(ExecInteractiveMode::Never);
    command.stdin(if is_interactive { Stdio::inherit() } else { Stdio::null() });
    let mut spec = json!({ "interactive": is_interactive });
    if let Some(cluster) = plugin.cluster.as_ref().filter(|_| plugin.provide_cluster_info) {
        spec["cluster"] = serde_json::to_value(cluster).unwrap_or_default();
    }
    let about = json!({"kind": "ExecCredential", "apiVersion": plugin.api_version, "spec": spec});
    command.env("KUBERNETES_EXEC_INFO", about.to_string());
    Ok(command)
}

/// What it is called in messages.
fn name(plugin: &ExecConfig) -> String {
    let command = Path::new(plugin.command.as_deref().unwrap_or_default());
    visible(&command.file_name().unwrap_or_default().to_string_lossy())
}

/// Passes on what a plugin says, as it comes: a login may ask for something and wait. Each line
/// begins with its name, and nothing in it does anything to a terminal.
fn pass_on(mut from: impl Read, name: &str, to: &mut impl Write) -> std::io::Result<()> {
    let (mut piece, mut waiting, mut is_begun) = ([0; 4096], Vec::new(), false);
    loop {
        let read = from.read(&mut piece)?;
        waiting.extend_from_slice(&piece[..read]);
        let is_cut = |error: &Utf8Error| read > 0 && error.error_len().is_none();
        let whole = match std::str::from_utf8(&waiting) {
            Err(error) if is_cut(&error) => error.valid_up_to(),
            _ => waiting.len(),
        };
        let text = String::from_utf8_lossy(&waiting[..whole]).into_owned();
        waiting.drain(..whole);
        for line in text.split_inclusive('\n') {
            if !is_begun {
                write!(to, "{name}: ")?;
            }
            let words = line.trim_end_matches(['\r', '\n']);
            is_begun = !line.ends_with('\n');
            write!(to, "{}{}", visible(words), if is_begun { "" } else { "\n" })?;
        }
        to.flush()?;
        if read == 0 {
            return if is_begun { writeln!(to) } else { Ok(()) };
        }
    }
}

/// Its output and how it ended. What is read goes on on a thread of its own, as a pipe is open for
/// as long as any process has it.
async fn end(child: &mut Child) -> std::io::Result<(ExitStatus, Vec<u8>)> {
    let output = child.stdout.take();
    let reading = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        if let Some(output) = output {
            output.take(meshcore::file::MOST).read_to_end(&mut bytes)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one piece after the other.
    struct Pieces(Vec<&'static [u8]>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0);
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    /// Of an attack: it wrote to the clipboard of who ran the tool.
    #[test]
    fn what_a_plugin_says_is_marked_and_does_nothing() {
        for (pieces, expected) in [
            (vec![], ""),
            (vec![&b"PIN: "[..], b"thanks\n"], "login: PIN: thanks\n"),
            (vec![b"a\r\nb"], "login: a\nlogin: b\n"),
            (
                vec![b"\x1b]52;c;AAAA\x07\xe2", b"\x80\xaex\n"],
                "login: \\u{1b}]52;c;AAAA\\u{7}\\u{202e}x\n",
            ),
            (vec![b"\xff\n\xe2"], "login: \u{fffd}\nlogin: \u{fffd}\n"),
        ] {
            let mut out = Vec::new();
            pass_on(Pieces(pieces.clone()), "login", &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{pieces:?}");
        }
    }
}
