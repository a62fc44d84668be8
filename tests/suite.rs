//! All tests that need no server.

mod canary;
mod contract;
mod corpus;
mod credentials;
mod defects;
mod hostile;
mod layout;
mod shell;
mod size;
mod tools;
