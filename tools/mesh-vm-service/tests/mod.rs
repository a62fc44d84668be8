//! The tests of mesh-vm-service.

mod cli;
