//! The program as a user runs it.
#![allow(clippy::unwrap_used)] // a test stops where it fails

mod bed;
mod issue;
mod killed;
mod openssl;
mod refusals;
mod verify;
