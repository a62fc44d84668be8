//! What istiod would say of remote Secrets, and what it would not: checks that ask nobody, and what
//! an API server's answer means.

pub mod answer;
#[allow(missing_docs)] // A row's title says what it is.
pub mod check;
pub mod connection;
pub mod credentials;
pub mod kubeconfig;
pub mod lint;
pub mod origin;
pub mod place;
pub mod primary;
pub mod rights;
pub mod secret;
pub mod subject;
pub mod validity;

pub use credentials::{When, now};
pub use lint::{Linted, Policy, Remote, lint};
pub use meshcore::check::Check;
pub use origin::Origin;
pub use primary::{Istiod, Primary};
pub use secret::RemoteSecret;
pub use subject::Subject;
