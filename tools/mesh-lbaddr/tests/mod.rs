//! The tests of mesh-lbaddr.

mod cli;
