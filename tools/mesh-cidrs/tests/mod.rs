//! The tests of mesh-cidrs.

mod cli;
