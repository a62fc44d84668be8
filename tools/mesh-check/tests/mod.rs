//! The tests of mesh-check.

mod cli;
mod codes;
mod krm;
pub mod mesh;
mod shapes;
