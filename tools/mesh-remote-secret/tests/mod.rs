//! The tests of mesh-remote-secret.

mod cli;
mod files;
mod refusals;
