//! The tests of mesh-capture.

mod cli;
mod redact;
mod stand_in;
