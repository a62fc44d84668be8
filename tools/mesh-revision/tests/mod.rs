//! The tests of mesh-revision.

mod cli;
