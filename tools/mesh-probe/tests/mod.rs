//! The tests of mesh-probe.

mod cli;
mod probing;
