//! The tests of mesh-gateway-gen.

mod cli;
mod forms;
mod krm;
mod records;
mod script;
