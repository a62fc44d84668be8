//! The tests of mesh-expose.

mod cli;
mod krm;
