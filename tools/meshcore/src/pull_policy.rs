//! When images are pulled.

use clap::ValueEnum;

/// When nodes ask the registry for an image (`imagePullPolicy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub enum PullPolicy {
    /// Each time a pod starts
    Always,
    /// When the node does not have it
    IfNotPresent,
    /// Never: it has to be there
    Never,
}

impl PullPolicy {
    /// As Kubernetes writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_called_as_in_kubernetes() {
        for policy in PullPolicy::value_variants() {
            let flag = policy.to_possible_value().unwrap();
            assert_eq!(flag.get_name(), policy.as_str());
        }
    }
}
