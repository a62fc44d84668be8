//! The tests of meshstate.

mod istio;
mod objects;
mod secrets;
mod streams;
