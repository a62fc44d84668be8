//! The tests of mesh-context.

mod cli;
