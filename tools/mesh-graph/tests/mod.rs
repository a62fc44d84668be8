//! The tests of mesh-graph.

mod cli;
