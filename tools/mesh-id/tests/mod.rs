//! The tests of mesh-id.

mod cli;
