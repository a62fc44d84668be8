//! The tests of mesh-cert.

mod cli;
