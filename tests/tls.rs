//! TLS for stand-ins on loopback.

use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::net::TcpStream;
use std::sync::Arc;

/// A connection that a client has made.
pub type Stream = StreamOwned<ServerConnection, TcpStream>;

/// A key, and a certificate for 127.0.0.1 that is its own authority.
#[derive(Clone)]
pub struct Identity {
    /// In PEM.
    pub certificate: String,
    config: Arc<ServerConfig>,
}

impl Identity {
    /// A new one.
    #[must_use]
    pub fn make() -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]);
        let made = made.expect("an address can be certified");
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring speaks TLS 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("key and certificate fit");
        Self { certificate: made.cert.pem(), config: Arc::new(config) }
    }

    /// The server's end of a connection; the handshake comes with the first byte.
    pub fn accept(&self, stream: TcpStream) -> std::io::Result<Stream> {
        let tls = ServerConnection::new(Arc::clone(&self.config)).map_err(std::io::Error::other)?;
        Ok(StreamOwned::new(tls, stream))
    }
}
