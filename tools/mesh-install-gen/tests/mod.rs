//! The tests of mesh-install-gen.

mod cli;
