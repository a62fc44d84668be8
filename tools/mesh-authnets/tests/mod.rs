//! The tests of mesh-authnets.

mod cli;
