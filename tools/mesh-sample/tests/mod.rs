//! The tests of mesh-sample.

mod cli;
mod krm;
