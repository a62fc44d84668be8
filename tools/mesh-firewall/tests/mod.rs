//! The tests of mesh-firewall.

mod cli;
mod strangers;
