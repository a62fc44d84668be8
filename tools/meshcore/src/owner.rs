//! Whose the objects are that the tools write. A command that they print writes them under the same
//! name: what another field manager owns, no later apply of ours could change.

/// The field manager of everything we write.
pub const MANAGER: &str = "meshutils";

/// kubectl's flag for it.
pub const AS_OURS: [&str; 2] = ["--field-manager", MANAGER];

/// kubectl's words that apply what is on standard input as ours, and take over what another manager
/// has written.
pub const TAKE_OVER: [&str; 7] =
    ["apply", "--server-side", AS_OURS[0], AS_OURS[1], "--force-conflicts", "-f", "-"];
