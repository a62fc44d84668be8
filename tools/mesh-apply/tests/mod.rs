//! The tests of mesh-apply.

mod cli;
mod lint;
