//! The tests of mesh-secret-lint.

mod cli;
