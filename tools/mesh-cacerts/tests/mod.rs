//! The tests of mesh-cacerts.

mod cli;
