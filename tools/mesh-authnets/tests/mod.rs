//! The tests of mesh-authnets.

mod cli;
mod many;
mod strangers;
