//! The tests of mesh-clusters.

mod cli;
