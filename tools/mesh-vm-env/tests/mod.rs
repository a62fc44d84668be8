//! The tests of mesh-vm-env.

mod check;
mod cli;
mod objects;
mod refusals;
