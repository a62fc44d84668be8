//! The tests of mesh-remote-secret.

mod cli;
