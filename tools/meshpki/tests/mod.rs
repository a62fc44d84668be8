//! The tests of meshpki.

mod bundle;
mod chain;
mod issue;
mod openssl;
