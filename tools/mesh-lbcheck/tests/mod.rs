//! The tests of mesh-lbcheck.

mod cli;
mod records;
