//! The tests of mesh-plan.

mod cli;
