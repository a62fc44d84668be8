//! What the kube crate reports, as an error with a place and a next step.
//!
//! Its own texts are not passed on as they are: some carry the output of an authentication
//! command or a piece of the kubeconfig, and so credentials.

use crate::transport::Bound;
use kube::client::AuthError;
use kube::config::KubeconfigError;
use kube::core::Status;
use meshcore::{Address, Error};

/// An API request that failed; `what` is what was tried ("read secret a/b").
pub fn request(error: &kube::Error, server: &str, what: &str) -> Error {
    by_way(error, server, None, what)
}

/// The same of a server behind a proxy.
pub fn by_way(error: &kube::Error, server: &str, proxy: Option<&Address>, what: &str) -> Error {
    match error {
        kube::Error::Api(status) => refused(status, what),
        kube::Error::Auth(error) => authentication(error),
        kube::Error::Service(error) if error.is::<Bound>() => {
            if let Some(Bound::Login(error)) = error.downcast_ref() {
                return error.clone();
            }
            let error = Error::cluster(format!("cannot {what}: {server}: {error}"));
            error.hint("is this the address of a Kubernetes API server, and do you trust it?")
        }
        kube::Error::Service(error) => {
            // An authentication command fails inside the connection's layers.
            match error.downcast_ref::<AuthError>() {
                Some(error) => authentication(error),
                None => unreachable(error.as_ref(), server, proxy),
            }
        }
        kube::Error::HyperError(error) => unreachable(error, server, proxy),
        kube::Error::ReadEvents(error) => unreachable(error, server, proxy),
        kube::Error::InferKubeconfig(error) => kubeconfig(error),
        kube::Error::SerdeError(error) if error.is_eof() => Error::cluster(format!(
            "cannot {what}: the answer of {server} ends too early"
        ))
        .hint("is that an API server, and does a proxy on the way cut or redirect its answers?"),
        kube::Error::SerdeError(error) if error.is_data() => other_answer(what, server, "else"),
        // Compressed, or in UTF-16.
        kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => {
            other_answer(what, server, "that is not JSON")
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
        // Its reader bounds what a text may unfold to, at some 12,000 contexts.
        KubeconfigError::Parse(error) if error.to_string().contains("budget") => Error::data(
            "the kubeconfig holds more than can be read",
        )
        .hint(
            "kubectl config view --minify --context CONTEXT --raw > FILE, then --kubeconfig FILE",
        ),
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
    let told = HINTS.iter().find(|(words, _)| status.message.contains(words));
    if let Some((_, hint)) = told {
        return error.hint(*hint);
    }
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

/// What refusals are about that no code tells apart, by words of the API server that have been the
/// same since Kubernetes 1.34 at least.
const HINTS: [(&str, &str); 5] = [
    ("exceeded quota", "raise the quota, or delete what nobody needs: kubectl describe quota"),
    ("because it is being terminated", "wait until the namespace is gone, and make it again"),
    (
        "failed calling webhook",
        "is what serves the webhook up? kubectl get validatingwebhookconfigurations,\
         mutatingwebhookconfigurations shows it: repair it, or delete it if it is left over",
    ),
    (
        "ValidatingAdmissionPolicy",
        "a policy of the cluster forbids it: change the object or the policy",
    ),
    ("field is immutable", "what cannot be changed can be deleted and made again"),
];

fn is_of_managers(status: &Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes.into_iter().any(|cause| cause.reason == "FieldManagerConflict")
}

fn other_answer(what: &str, server: &str, which: &str) -> Error {
    Error::cluster(format!("cannot {what}: {server} answers with something {which}"))
        .hint("is this the address of a Kubernetes API server?")
}

/// " through the proxy …", where there is one.
pub fn through(proxy: Option<&Address>) -> String {
    proxy.map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default()
}

fn unreachable(
    error: &(dyn std::error::Error + 'static),
    server: &str,
    proxy: Option<&Address>,
) -> Error {
    let (reason, through) = (innermost(error), through(proxy));
    let message = Error::cluster(format!("{server} cannot be reached{through}: {reason}"));
    if reason.contains("certificate") {
        message.hint("the CA or server name in the kubeconfig does not fit this server")
    } else if proxy.is_some() {
        message.hint("is the proxy up? the kubeconfig's proxy-url or HTTPS_PROXY names it")
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
    let text = innermost.to_string();
    // rustls refers programmers to its manual.
    text.split(": https://docs.rs/").next().unwrap_or_default().to_owned()
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
        let other = "cannot read a: https://h answers with something that is not JSON";
        assert_eq!(text("<html>"), other);
        let utf16 = String::from_utf8(vec![0xff, 0xfe]).unwrap_err();
        let error = request(&kube::Error::FromUtf8(utf16), "https://h", "read a");
        assert_eq!((error.message().text(), error.message().hints().len()), (other, 1));
    }

    #[test]
    fn what_is_on_the_way_is_named_and_nobody_elses_manual() {
        let closed = "peer closed connection: https://docs.rs/rustls/latest/manual";
        let error = kube::Error::Service(std::io::Error::other(closed).into());
        let proxy = Address::of("http://u:PW@p:3128");
        let text = |proxy| by_way(&error, "https://h", proxy, "a").message().text().to_owned();
        assert_eq!(text(None), "https://h cannot be reached: peer closed connection");
        let through = "https://h cannot be reached through the proxy http://p:3128: peer closed";
        assert!(text(Some(&proxy)).starts_with(through));
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
