//! How a kubeconfig's user proves who it is: kube's own way ends the program where a token has a
//! line break in it, and waits for a plugin for ever.

mod plugin;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::config::{AuthInfo, ExecConfig};
use meshcore::{Error, Result, file};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A token is got again so long before its end.
const EARLY: SignedDuration = SignedDuration::from_secs(60);

/// Where a token comes from that does not stay the same.
enum Source {
    File(PathBuf),
    Plugin(Box<ExecConfig>),
}

/// The header that proves who the user is.
struct Proof {
    header: HeaderValue,
    until: Option<Timestamp>,
}

/// What requests of a user have with them.
#[derive(Default)]
pub struct Login {
    source: Option<Source>,
    /// Where in the kubeconfig that stands.
    field: String,
    limit: Duration,
    proof: Mutex<Option<Proof>>,
}

impl Login {
    /// Takes the credentials out of a user, all but the certificate. A plugin that does not end
    /// within `limit` is ended.
    pub async fn of(user: &mut AuthInfo, name: &str, limit: Duration) -> Result<Self> {
        // kube shows its secrets to serde alone.
        let all = serde_json::to_value(&*user).unwrap_or_default();
        let text = |pointer: &str| {
            let text = all.pointer(pointer).and_then(Value::as_str);
            text.filter(|text| !text.is_empty())
        };
        let field = |part: &str| format!("users[{name}].user.{part}");
        let fixed = |header: HeaderValue| Self {
            proof: Mutex::new(Some(Proof { header, until: None })),
            ..Self::default()
        };
        let login = if let Some(provider) = &user.auth_provider {
            let id_token = text("/auth-provider/config/id-token");
            match id_token.filter(|_| provider.name == "oidc") {
                Some(token) => fixed(bearer(token, &field("auth-provider.config.id-token"))?),
                None => return Err(no_provider(&field("auth-provider"))),
            }
        } else if let (Some(user), Some(password)) = (text("/username"), text("/password")) {
            fixed(basic(user, password))
        } else if let Some(token) = text("/token") {
            fixed(bearer(token, &field("token"))?)
        } else if let Some(file) = text("/tokenFile") {
            Self::from(Source::File(file.into()), field("tokenFile"), limit)
        } else if let Some(plugin) = user.exec.take() {
            Self::from(Source::Plugin(Box::new(plugin)), field("exec"), limit)
        } else {
            Self::default()
        };
        (user.auth_provider, user.username, user.password) = (None, None, None);
        (user.token, user.token_file, user.exec) = (None, None, None);
        if let Some(certificate) = login.renew().await? {
            user.client_certificate_data = Some(STANDARD.encode(certificate.certificate));
            let key = Value::from(STANDARD.encode(certificate.key));
            let with_key = serde_json::json!({ "client-key-data": key });
            let with_key: Option<AuthInfo> = serde_json::from_value(with_key).ok();
            user.client_key_data = with_key.and_then(|user| user.client_key_data);
        }
        Ok(login)
    }

    fn from(source: Source, field: String, limit: Duration) -> Self {
        Self { source: Some(source), field, limit, proof: Mutex::default() }
    }

    /// The header of a request now; none where the user has no credentials but a certificate.
    pub async fn header(&self) -> Result<Option<HeaderValue>> {
        let is_late =
            |proof: &Proof| proof.until.is_some_and(|end| Timestamp::now() + EARLY >= end);
        if self.known().as_ref().is_some_and(is_late) {
            self.renew().await?;
        }
        Ok(self.known().as_ref().map(|proof| proof.header.clone()))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<Proof>> {
        self.proof.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn renew(&self) -> Result<Option<plugin::Certificate>> {
        let (token, until, certificate) = match &self.source {
            None => return Ok(None),
            Some(Source::File(path)) => {
                let bytes = file::read_regular(path)?;
                let token = String::from_utf8_lossy(&bytes).trim().to_owned();
                // client-go reads it again after a minute.
                (Some(token), Some(Timestamp::now() + EARLY + EARLY), None)
            }
            Some(Source::Plugin(plugin)) => {
                let given = plugin::run(plugin, &self.field, self.limit).await?;
                (given.token, given.until, given.certificate)
            }
        };
        let field = match &self.source {
            Some(Source::Plugin(_)) => format!("the token of the plugin of {}", self.field),
            _ => self.field.clone(),
        };
        if let Some(token) = token.filter(|token| !token.is_empty()) {
            let header = bearer(&token, &field)?;
            *self.known() = Some(Proof { header, until });
        }
        Ok(certificate)
    }
}

fn no_provider(field: &str) -> Error {
    Error::data(format!("{field} is not supported: kubectl has no such providers since 1.26"))
        .hint("let the cloud's command write the kubeconfig again: it then names a plugin (exec)")
}

fn basic(user: &str, password: &str) -> HeaderValue {
    let pair = STANDARD.encode(format!("{user}:{password}"));
    let header = HeaderValue::from_str(&format!("Basic {pair}"));
    header.unwrap_or_else(|_| HeaderValue::from_static("Basic")) // base64 fits always
}

/// Checks a token that a cluster has issued before others are given it: istiod would send what a
/// hostile one put into it.
pub fn check_token(text: &str) -> Result<()> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Error::data("the cluster's token is not one line of visible ASCII")
        .hint("is that a token that the cluster itself has issued?"))
}

fn bearer(token: &str, field: &str) -> Result<HeaderValue> {
    let is_line = token.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let header = HeaderValue::from_str(&format!("Bearer {token}")).ok();
    let Some(mut header) = header.filter(|_| is_line) else {
        return Err(Error::data(format!("{field} is not one line of visible ASCII"))
            .hint("a token has no line breaks, at its end either, and no control characters"));
    };
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests;
