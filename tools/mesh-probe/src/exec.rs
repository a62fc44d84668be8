//! One command in a container through the Kubernetes API, and why it could not run.

use crate::capture::Capture;
use crate::curl::BODY_LIMIT;
use crate::pod::ClientPod;
use crate::record::Fault;
use futures::future::{Either, join, select};
use meshkube::k8s_openapi::api::core::v1::Pod;
use meshkube::k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use meshkube::kube;
use meshkube::kube::api::{Api, AttachParams};
use meshkube::kube::client::UpgradeConnectionError;
use meshkube::segment;
use std::pin::pin;
use std::time::Duration;

/// Bytes of standard error that are read.
const ERROR_LIMIT: usize = 1024;
/// What is on its way when a stream breaks has this long to arrive.
const LAST_BYTES: Duration = Duration::from_secs(1);

/// A command that ran to its end.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code.
    pub exit: u8,
    /// Its standard output.
    pub output: Capture,
    /// Its standard error.
    pub errors: Capture,
}

/// Why a command did not run to its end.
#[derive(Debug)]
pub enum Broken {
    /// The API server refused or could not be reached.
    Refused(kube::Error),
    /// The container's runtime did not start it, and says why.
    NotStarted(String),
    /// The connection ended before the command did.
    CutOff,
}

/// Runs a command in the client's container.
pub async fn exec(pods: &Api<Pod>, client: &ClientPod, words: &[String]) -> Result<Ran, Broken> {
    let params = AttachParams::default().container(&client.container).stdin(false);
    let mut process =
        pods.exec(&segment(&client.name), words, &params).await.map_err(Broken::Refused)?;
    let (stdout, stderr, status) = (process.stdout(), process.stderr(), process.take_status());
    let (Some(stdout), Some(stderr), Some(status)) = (stdout, stderr, status) else {
        return Err(Broken::CutOff); // never: all three were asked for
    };
    let (mut output, mut errors) = (Capture::new(BODY_LIMIT), Capture::new(ERROR_LIMIT));
    let status = {
        let reading = pin!(join(output.read(stdout), errors.read(stderr)));
        match select(reading, pin!(status)).await {
            Either::Left((_, status)) => status.await,
            // Streams of a broken connection never end.
            Either::Right((status, reading)) => {
                let _ = tokio::time::timeout(LAST_BYTES, reading).await;
                status
            }
        }
    };
    let exit = exit_code(status.ok_or(Broken::CutOff)?)?;
    Ok(Ran { exit, output, errors })
}

/// The exit code in the status that ends a command's stream (channel protocol v4 and v5).
fn exit_code(status: Status) -> Result<u8, Broken> {
    if status.status.as_deref() == Some("Success") {
        return Ok(0);
    }
    let causes = status.details.and_then(|details| details.causes).unwrap_or_default();
    let code = causes.into_iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"));
    let code = code.and_then(|cause| cause.message?.parse().ok());
    code.ok_or_else(|| Broken::NotStarted(status.message.unwrap_or_default()))
}

/// What an error of an API request means for the client.
#[must_use]
pub fn fault(error: &kube::Error) -> Fault {
    match error {
        kube::Error::Api(status) => match status.code {
            404 => Fault::Pod,
            429 | 500.. => Fault::Api,
            _ => Fault::Exec,
        },
        kube::Error::UpgradeConnection(UpgradeConnectionError::GetPendingUpgrade(_)) => Fault::Api,
        kube::Error::UpgradeConnection(_) => Fault::Exec,
        _ => Fault::Api,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn code(status: Value) -> Result<u8, String> {
        exit_code(serde_json::from_value(status).unwrap()).map_err(|broken| match broken {
            Broken::NotStarted(text) => text,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn the_status_has_the_exit_code() {
        assert_eq!(code(json!({"status": "Success"})), Ok(0));
        let failure = |cause: Value| {
            json!({"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": [cause]},
                "message": "command terminated with non-zero exit code"})
        };
        assert_eq!(code(failure(json!({"reason": "ExitCode", "message": "6"}))), Ok(6));
        let text = Err("command terminated with non-zero exit code".to_owned());
        assert_eq!(code(failure(json!({"reason": "ExitCode", "message": "-1"}))), text);
        assert_eq!(code(failure(json!({"reason": "Other", "message": "6"}))), text);
        let message = "error executing command in container: exec: \"curl\": not found";
        let status = json!({"status": "Failure", "reason": "InternalError", "message": message});
        assert_eq!(code(status), Err(message.to_owned()));
    }

    #[test]
    fn refusals_are_told_apart() {
        for (code, expected) in [
            (400, Fault::Exec),
            (401, Fault::Exec),
            (403, Fault::Exec),
            (404, Fault::Pod),
            (429, Fault::Api),
            (500, Fault::Api),
            (503, Fault::Api),
        ] {
            let status = kube::core::Status::failure("no", "No").with_code(code).boxed();
            assert_eq!(fault(&kube::Error::Api(status)), expected, "{code}");
        }
        let down = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        assert_eq!(fault(&kube::Error::Service(Box::new(down))), Fault::Api);
        let refused = UpgradeConnectionError::MissingUpgradeWebSocketHeader;
        assert_eq!(fault(&kube::Error::UpgradeConnection(refused)), Fault::Exec);
    }
}
