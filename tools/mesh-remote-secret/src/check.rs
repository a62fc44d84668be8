//! `--check-endpoint`: connects as the others' istiod will, with the very kubeconfig that it gets.

use crate::authority::Authority;
use crate::manifest::{RemoteSecret, User};
use meshcore::{Error, Result};
use meshkube::Access;
use meshkube::kube;
use meshkube::kube::config::Kubeconfig;
use rustls::CertificateError;
use serde_json::{Value, json};
use std::io;

/// Asks the server for its version: address, proxy, certificate and token have to be right.
/// What a plugin would say is istiod's business, so there only the connection is tried.
pub async fn check(secret: &RemoteSecret, access: &Access) -> Result<()> {
    let (kubeconfig, has_token) = kubeconfig(secret)?;
    let name = secret.id.as_str();
    let at = |error: Error| error.at(format!("cluster {name}"));
    let cluster = access.connect_as_is(&kubeconfig, name).await.map_err(|_| {
        let url = secret.server.url();
        at(Error::data(format!("the CA or the proxy for {url} cannot be used"))
            .hint("is the CA a certificate, in PEM?"))
    })?;
    let request = async { Ok(cluster.client.apiserver_version().await) };
    let answer = cluster.call_once("check the endpoint", request).await?;
    answer.map(drop).or_else(|error| match refusal(&error, secret, has_token) {
        Some(refusal) => Err(at(refusal)),
        None => Ok(()),
    })
}

fn kubeconfig(secret: &RemoteSecret) -> Result<(Kubeconfig, bool)> {
    let mut value: Value = secret.kubeconfig();
    let has_token = matches!(secret.user, User::Token(_));
    if !has_token {
        value["users"][0]["user"] = json!({});
    }
    // Its text is not told: it holds the token.
    let kubeconfig = serde_json::from_value(value)
        .map_err(|_| Error::data("the kubeconfig for the others cannot be read back"))?;
    Ok((kubeconfig, has_token))
}

/// Why the check failed; `None` when the answer shows that it did not.
fn refusal(error: &kube::Error, secret: &RemoteSecret, has_token: bool) -> Option<Error> {
    let url = secret.server.url();
    let wrong = |text: &str| Error::cluster(format!("{url} {text}"));
    Some(match error {
        // The API server knows who asks, or cannot know.
        kube::Error::Api(status) if status.code == 403 => return None,
        kube::Error::Api(status) if status.code == 401 && !has_token => return None,
        kube::Error::Api(status) if status.code == 401 => wrong("does not accept the token")
            .hint("it can be expired, deleted, or of another cluster"),
        kube::Error::Api(_) | kube::Error::SerdeError(_) => {
            wrong("answers, but not as an API server").hint("is something else at this address?")
        }
        kube::Error::Service(error) => connection(error.as_ref(), secret),
        kube::Error::HyperError(error) => connection(error, secret),
        _ => wrong("cannot be used").hint("are CA and proxy right?"),
    })
}

fn connection(error: &(dyn std::error::Error + 'static), secret: &RemoteSecret) -> Error {
    let url = secret.server.url();
    match tls(error) {
        Some(rustls::Error::InvalidCertificate(reason)) => certificate(reason, secret),
        Some(_) => Error::cluster(format!("{url} does not speak TLS as an API server does"))
            .hint("is this the port of the API server?"),
        None => Error::cluster(format!("{url} cannot be reached: {}", meshkube::innermost(error)))
            .hint("is there a way from here? the others may have one; leave out --check-endpoint"),
    }
}

fn certificate(reason: &CertificateError, secret: &RemoteSecret) -> Error {
    let url = secret.server.url();
    let wrong = |text: String| Error::cluster(format!("{url}: its certificate {text}"));
    match reason {
        CertificateError::UnknownIssuer => match secret.authority {
            Authority::Certificates(_) => {
                wrong("is not of the CA that would be given away".to_owned())
                    .hint("a proxy has its own: --certificate-authority names it")
            }
            Authority::Public => wrong("is of no public CA".to_owned())
                .hint("--certificate-authority names the file with its CA"),
        },
        CertificateError::NotValidForNameContext { expected, presented } => {
            let host = secret.tls_server_name.clone();
            let host = host.unwrap_or_else(|| expected.to_str().into_owned());
            wrong(format!("is not for {host}, but for {}", presented.join(", ")))
                .hint("--tls-server-name takes one of these")
        }
        CertificateError::NotValidForName => {
            wrong("is for another name".to_owned()).hint("--tls-server-name sets the name")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            wrong("has expired".to_owned())
        }
        other => wrong(format!("is wrong: {other}")),
    }
}

/// The TLS library's own error, which lies inside of errors of I/O.
fn tls<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref() {
            return Some(error);
        }
        if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            return tls(inner);
        }
        next = error.source();
    }
    None
}
