//! What the kube crate reports, as an error with a place and a next step.
//!
//! Its own texts are not passed on as they are: some carry the output of an authentication
//! command or a piece of the kubeconfig, and so credentials.

use crate::transport::Bound;
use kube::client::AuthError;
use kube::config::KubeconfigError;
use kube::core::Status;
use meshcore::Error;

/// An API request that failed; `what` is what was tried ("read secret a/b").
pub fn request(error: &kube::Error, server: &str, what: &str) -> Error {
    match error {
        kube::Error::Api(status) => refused(status, what),
        kube::Error::Auth(error) => authentication(error),
        kube::Error::Service(error) if error.is::<Bound>() => {
            let error = Error::cluster(format!("cannot {what}: {server}: {error}"));
            error.hint("is this the address of a Kubernetes API server, and do you trust it?")
        }
        kube::Error::Service(error) => {
            // An authentication command fails inside the connection's layers.
            match error.downcast_ref::<AuthError>() {
                Some(error) => authentication(error),
                None => unreachable(error.as_ref(), server),
            }
        }
        kube::Error::HyperError(error) => unreachable(error, server),
        kube::Error::ReadEvents(error) => unreachable(error, server),
        kube::Error::InferKubeconfig(error) => kubeconfig(error),
        kube::Error::SerdeError(error) if error.is_eof() => Error::cluster(format!(
            "cannot {what}: the answer of {server} ends too early"
        ))
        .hint("is that an API server, and does a proxy on the way cut or redirect its answers?"),
        kube::Error::SerdeError(_) => {
            Error::cluster(format!("cannot {what}: {server} answers with something else"))
                .hint("is this the address of a Kubernetes API server?")
        }
        kube::Error::RustlsTls(error) => {
            Error::cluster(format!("cannot {what}: {}", innermost(error)))
                .hint("are the CA, the certificate and its key in the kubeconfig whole and right?")
        }
        other => Error::cluster(format!("cannot {what}: {}", kind(other))),
    }
}

/// A kubeconfig that cannot be used.
pub fn kubeconfig(error: &KubeconfigError) -> Error {
    match error {
        KubeconfigError::Parse(_) => Error::data("the kubeconfig is not valid YAML")
            .hint("kubectl config view says where; its text is not shown here, it holds secrets"),
        KubeconfigError::CurrentContextNotSet => {
            Error::usage("the kubeconfig has no current context").hint("name one with --context")
        }
        KubeconfigError::ReadConfig(error, path) => Error::data(error.to_string())
            .at(path.display())
            .hint("name the kubeconfig with --kubeconfig"),
        KubeconfigError::FindPath => Error::data("there is no kubeconfig")
            .hint("name one with --kubeconfig or the variable KUBECONFIG"),
        // The rest tells of names, addresses and files.
        other => Error::data(format!("kubeconfig: {}", innermost(other))),
    }
}

fn refused(status: &Status, what: &str) -> Error {
    let error = Error::cluster(format!("cannot {what}: {}", status.message.trim()));
    match status.code {
        401 => error.hint("the credentials in the kubeconfig are missing, expired or wrong"),
        403 => error.hint("ask for the right named above; kubectl auth can-i --list shows yours"),
        // Whoever writes knows better what to say of fields that others own.
        409 if is_of_managers(status) => error,
        409 => error.hint("somebody changed it at the same time, or made it: run it again"),
        429 | 500..=599 => error.hint("the API server is busy or ill: run it again in a while"),
        _ => error.hint("kubectl with the same context shows whether the API server is well"),
    }
}

fn is_of_managers(status: &Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes.into_iter().any(|cause| cause.reason == "FieldManagerConflict")
}

fn unreachable(error: &(dyn std::error::Error + 'static), server: &str) -> Error {
    let reason = innermost(error);
    let message = Error::cluster(format!("{server} cannot be reached: {reason}"));
    if reason.contains("certificate") {
        message.hint("the CA or server name in the kubeconfig does not fit this server")
    } else {
        message.hint("is the cluster up, and does the network lead there from here?")
    }
}

fn authentication(error: &AuthError) -> Error {
    let text = match error {
        // kube has the command with its arguments and environment, where secrets may be.
        AuthError::AuthExecRun { out, .. } => {
            format!("the kubeconfig's authentication command failed with {}", out.status)
        }
        AuthError::AuthExecStart(error) => {
            format!("the authentication command does not start: {error}")
        }
        _ => "the credentials in the kubeconfig cannot be used".to_owned(),
    };
    Error::cluster(text).hint("does kubectl work with this context?")
}

fn kind(error: &kube::Error) -> String {
    innermost(error).lines().next().unwrap_or_default().to_owned()
}

/// The innermost reason: layers above it only repeat that something failed.
#[must_use]
pub fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;

    #[test]
    fn the_output_of_an_authentication_command_is_not_repeated() {
        let out = std::process::Output {
            status: std::process::ExitStatus::from_raw(256),
            stdout: b"{\"token\": \"secret\"}".to_vec(),
            stderr: Vec::new(),
        };
        let error = kube::Error::Auth(AuthError::AuthExecRun {
            cmd: "A=secret x".into(),
            out: Box::new(out),
        });
        let error = request(&error, "https://h", "read a");
        assert_eq!(
            error.message().text(),
            "the kubeconfig's authentication command failed with exit status: 1"
        );
    }

    #[test]
    fn an_answer_that_was_cut_is_told_from_another_one() {
        let text = |answer: &str| {
            let error = serde_json::from_str::<serde_json::Value>(answer).unwrap_err();
            let error = request(&kube::Error::SerdeError(error), "https://h", "read a");
            error.message().text().to_owned()
        };
        for cut in ["{\"a\": [1,", ""] {
            assert_eq!(text(cut), "cannot read a: the answer of https://h ends too early");
        }
        assert_eq!(text("<html>"), "cannot read a: https://h answers with something else");
    }

    #[test]
    fn every_refusal_has_a_next_step_but_for_fields_of_others() {
        for code in [400, 401, 403, 404, 409, 410, 422, 429, 500, 503] {
            let status = Status::failure("no", "No").with_code(code).boxed();
            let error = request(&kube::Error::Api(status), "https://h", "read a");
            assert_eq!(error.message().hints().len(), 1, "{code}");
        }
        let owned = serde_json::json!({"status": "Failure", "code": 409, "message": "conflict",
            "details": {"causes": [{"reason": "FieldManagerConflict", "message": "", "field": ""}]}});
        let owned: Status = serde_json::from_value(owned).unwrap();
        let error = request(&kube::Error::Api(owned.boxed()), "https://h", "apply a");
        assert!(error.message().hints().is_empty());
    }

    #[test]
    fn forbidden_says_what_right_is_missing() {
        let status = Status::failure("secrets is forbidden: User \"u\" cannot list", "Forbidden");
        let error = kube::Error::Api(status.with_code(403).boxed());
        let error = request(&error, "https://h", "list secrets");
        assert_eq!(error.exit(), meshcore::Exit::Cluster);
        assert!(error.message().text().starts_with("cannot list secrets: secrets is forbidden"));
        assert!(error.message().hints()[0].contains("can-i"));
    }
}
