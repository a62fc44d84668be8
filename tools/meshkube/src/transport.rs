//! The way to an API server and back, the same for every tool: what may leave, how much may come,
//! and what of it is shown.
//!
//! - A request is one that a tool may make ([`request::check`]); a name that leads elsewhere, whoever
//!   forgot to encode it, ends here.
//! - Credentials go by TLS alone, as kubectl's do.
//! - An answer has [`MOST`] bytes and [`PARTS`] parts at most, and all answers of a server together
//!   [`IN_ALL`] bytes. No clock stops us while we read what has come, so that bounds it: the work is
//!   in proportion to bytes, and memory to parts.
//! - A server that repeats our credentials finds them removed from what it says: no message, capture
//!   or record holds them.

mod answer;
mod ours;
mod request;

use crate::user::Login;
use http::{Request, Response, StatusCode, header::AUTHORIZATION, header::HeaderValue};
use http_body_util::{BodyExt as _, Either, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ConfigExt as _};
use kube::{Client, Config};
use meshcore::{Address, Error, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::{BoxError, Service, ServiceBuilder};

/// Bytes of one answer: five times what a page of 500 large objects has.
const MOST: usize = 64 << 20;
/// Objects and arrays in one answer: twice what a page of 500 large objects has, if it is as long as
/// an answer may be. An empty one has two bytes, and takes hundreds once it is read.
const PARTS: usize = 4 << 20;
/// Bytes of all answers of one server in one run.
const IN_ALL: usize = 1 << 30;

/// Why a request was not made, or its answer not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// The answer is longer than [`MOST`].
    Answer,
    /// The answer has more than [`PARTS`].
    Parts,
    /// All answers together are longer than [`IN_ALL`].
    Answers,
    /// No tool makes such a request.
    Request,
    /// It would carry credentials without encryption.
    Plain,
    /// The user's credentials cannot be used.
    Login(Error),
    /// The server says that something else answers.
    Redirect(Address),
    /// The answer is not what was asked for: what it is, and what was asked.
    Other(String),
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Answer => write!(f, "its answer has more than {} MiB", MOST >> 20),
            Self::Parts => write!(f, "its answer has more than {PARTS} parts"),
            Self::Answers => write!(f, "its answers have more than {} GiB in all", IN_ALL >> 30),
            Self::Request => f.write_str("the request leads to something else than it says"),
            Self::Plain => f.write_str("credentials are not sent without TLS"),
            Self::Redirect(to) => write!(f, "it redirects to {to}, and no API server does"),
            Self::Other(what) => write!(f, "it answers with {what}"),
            Self::Login(error) => f.write_str(error.message().text()),
        }
    }
}

impl std::error::Error for Bound {}

/// A client that keeps to what is said above. `config` has an address that is whole:
/// [`crate::server`]; its user has no credentials but a certificate, as `login` has them.
pub(crate) fn client(config: &Config, login: Login) -> Result<(Client, Arc<Ours>)> {
    let mut direct = HttpConnector::new();
    direct.enforce_http(false);
    let Some(proxy) = config.proxy_url.clone() else {
        return through(config, login, config.rustls_https_connector_with_connector(direct));
    };
    match proxy.scheme_str() {
        Some("socks5") => {
            let connector = SocksV5::new(proxy, direct);
            through(config, login, config.rustls_https_connector_with_connector(connector))
        }
        Some("http") => {
            let connector = tunnel(proxy, direct);
            through(config, login, config.rustls_https_connector_with_connector(connector))
        }
        Some("https") => {
            let secured = config.rustls_https_connector_with_connector(direct).map_err(tls)?;
            let connector = tunnel(proxy, secured);
            through(config, login, config.rustls_https_connector_with_connector(connector))
        }
        _ => {
            let proxy = Address::of(&proxy.to_string());
            Err(Error::data(format!("the proxy {proxy} is not one of http, https or socks5"))
                .hint("it is the kubeconfig's proxy-url, or the variable HTTPS_PROXY"))
        }
    }
}

/// A proxy that makes a way on request, with the user and password in its address.
fn tunnel<C>(proxy: http::Uri, connector: C) -> Tunnel<C> {
    let user = proxy.authority().and_then(|all| Some(all.as_str().rsplit_once('@')?.0.to_owned()));
    let tunnel = Tunnel::new(proxy, connector);
    let Some(user) = user else { return tunnel };
    let user: Vec<u8> = percent_encoding::percent_decode_str(&user).collect();
    let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, user);
    match HeaderValue::from_str(&format!("Basic {basic}")) {
        Ok(header) => tunnel.with_auth(header),
        Err(_) => tunnel,
    }
}

fn tls(error: kube::Error) -> Error {
    crate::refusal::request(&error, "", "connect")
}

fn through<C>(
    config: &Config,
    login: Login,
    connector: kube::Result<C>,
) -> Result<(Client, Arc<Ours>)>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let connector = connector.map_err(tls)?;
    let sender = hyper_util::client::legacy::Client::builder(TokioExecutor::new());
    let base = config.cluster_url.path().trim_end_matches('/').to_owned();
    let ours = Arc::new(Ours { login, ..Ours::default() });
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(config.extra_headers_layer().map_err(tls)?)
        .layer_fn(|inner| Guard {
            inner,
            base: base.clone(),
            most: MOST,
            parts: PARTS,
            ours: Arc::clone(&ours),
        })
        .map_err(BoxError::from)
        .service(sender.build::<_, Body>(connector));
    Ok((Client::new(service, config.default_namespace.clone()), ours))
}

/// What is ours: credentials, those that were sent, and what was taken of answers so far.
#[derive(Default)]
pub(crate) struct Ours {
    login: Login,
    /// Those that were sent.
    pub(crate) secrets: ours::Secrets,
    taken: std::sync::atomic::AtomicUsize,
}

impl Ours {
    fn take(&self, bytes: usize) -> Result<(), Bound> {
        let before = self.taken.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
        if before.saturating_add(bytes) > IN_ALL { Err(Bound::Answers) } else { Ok(()) }
    }
}

#[derive(Clone)]
struct Guard<S> {
    inner: S,
    /// The path of the server's address.
    base: String,
    /// Bytes of one answer, and its parts.
    most: usize,
    parts: usize,
    ours: Arc<Ours>,
}

type Answer<B> = Response<Either<Full<bytes::Bytes>, Limited<B>>>;

impl<S, B> Service<Request<Body>> for Guard<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Answer<B>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer<B>, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let (ours, base) = (Arc::clone(&self.ours), self.base.clone());
        let (most, most_parts) = (self.most, self.parts);
        // The one that is ready.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        Box::pin(async move {
            let uri = request.uri().clone();
            if !request::check(request.method(), &uri, &base) {
                return Err(Bound::Request.into());
            }
            if let Some(header) = ours.login.header().await.map_err(Bound::Login)? {
                request.headers_mut().insert(AUTHORIZATION, header);
            }
            if uri.scheme_str() != Some("https") && request.headers().contains_key(AUTHORIZATION) {
                return Err(Bound::Plain.into());
            }
            ours.secrets.remember(request.headers());
            let is_stream = request::is_watch(&uri);
            let method = request.method().clone();
            let (mut parts, body) = inner.call(request).await.map_err(Into::into)?.into_parts();
            ours.secrets.remove_headers(&mut parts.headers);
            answer::redirect(parts.status, &parts.headers)?;
            let body = Limited::new(body, most);
            if is_stream || parts.status == StatusCode::SWITCHING_PROTOCOLS {
                return Ok(Response::from_parts(parts, Either::Right(body)));
            }
            let bytes = body.collect().await.map_err(|error| match error.downcast_ref() {
                Some(LengthLimitError { .. }) => Bound::Answer.into(),
                None => error,
            })?;
            let bytes = bytes.to_bytes();
            ours.take(bytes.len())?;
            if bytes.iter().filter(|&&byte| matches!(byte, b'{' | b'[')).count() > most_parts {
                return Err(Bound::Parts.into());
            }
            let text = ours.secrets.remove(bytes.into(), !parts.status.is_success());
            if let Some(name) = request::object(&method, &uri, &base)
                && parts.status.is_success()
            {
                answer::check(&method, &name, &text)?;
            }
            Ok(Response::from_parts(parts, Either::Left(Full::new(text.into()))))
        })
    }
}

#[cfg(test)]
mod tests;
