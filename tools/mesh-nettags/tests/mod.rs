//! The tests of mesh-nettags.

mod cli;
