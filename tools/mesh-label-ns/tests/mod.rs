//! The tests of mesh-label-ns.

mod cli;
mod krm;
