//! The tests of mesh-capture.

mod cli;
mod faults;
mod redact;
pub mod stand_in;
