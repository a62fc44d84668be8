//! What live tools share: kubectl's flags, connections to API servers, and an API server's
//! refusals in plain words.

mod connection;
mod duration;
mod files;
mod pages;
mod path;
mod patience;
mod progress;
mod references;
mod refusal;
mod server;
mod transport;
mod user;

pub use connection::{Access, Connection, Trust, require_context, server_of};
pub use duration::parse as parse_duration;
pub use pages::Pages;
pub use path::segment;
pub use patience::Patience;
pub use progress::Progress;
pub use refusal::innermost;
pub use user::check_token;

pub use k8s_openapi;
pub use kube;

use meshcore::{Error, Result};

/// Runs a live tool's work to its end on this thread.
pub fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::cluster(format!("cannot start: {error}")))?;
    let result = runtime.block_on(work);
    // A resolver that nobody answers would hold us for as long as it tries.
    runtime.shutdown_background();
    result
}
