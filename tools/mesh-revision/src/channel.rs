//! Release channels of the control planes that Google runs.

use serde::{Deserialize, Serialize};

/// A release channel (`spec.channel` of a `ControlPlaneRevision`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// New releases first
    Rapid,
    /// The usual one, and that of clusters without a channel
    Regular,
    /// New releases last
    Stable,
}

impl Channel {
    /// The channel whose revision has this name.
    #[must_use]
    pub fn of_revision(name: &str) -> Option<Self> {
        match name {
            "asm-managed-rapid" => Some(Self::Rapid),
            "asm-managed" => Some(Self::Regular),
            "asm-managed-stable" => Some(Self::Stable),
            _ => None,
        }
    }

    /// As Google writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rapid => "rapid",
            Self::Regular => "regular",
            Self::Stable => "stable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_of_channels_are_known_by_name() {
        for (name, channel) in [
            ("asm-managed-rapid", Some(Channel::Rapid)),
            ("asm-managed", Some(Channel::Regular)),
            ("asm-managed-stable", Some(Channel::Stable)),
            ("asm-managed-", None),
            ("asm-1264-1", None),
        ] {
            assert_eq!(Channel::of_revision(name), channel, "{name}");
        }
        assert_eq!(serde_json::json!(Channel::Regular), Channel::Regular.as_str());
    }
}
