//! Names that the control planes of a mesh share or must not share, as Istio reads them.

use meshcore::{Server, is_secret_key};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// istiod's `CLUSTER_ID`: the key of the remote Secret by which the other clusters know it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClusterId(String);

/// The mesh's ID, `proj-NUMBER` on Google Cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeshId(String);

/// A SPIFFE trust domain: the host of the identities that a control plane signs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrustDomain(String);

/// Where a cluster without a control plane finds istiod: its primary's east-west gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PilotAddress(IpAddr);

impl ClusterId {
    /// The ID.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl MeshId {
    /// The ID.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has the form that asmcli installs, `proj-NUMBER`.
    #[must_use]
    pub fn is_google(&self) -> bool {
        let number = self.0.strip_prefix("proj-").unwrap_or("");
        !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
    }
}

impl TrustDomain {
    /// The domain.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The one of a fleet's workload identities.
    #[must_use]
    pub fn of_fleet(fleet: &str) -> Self {
        Self(format!("{fleet}.svc.id.goog"))
    }

    /// Istio's default, and what asmcli sets with `--ca citadel`.
    #[must_use]
    pub fn cluster_local() -> Self {
        Self("cluster.local".to_owned())
    }
}

impl FromStr for ClusterId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "Kubernetes" {
            Err("is what istiod calls every cluster that was given no name")
        } else if is_secret_key(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err("cannot be the key of a Secret: at most 253 letters, digits, '-', '_' and '.', \
                 and not \"..\" in front")
        }
    }
}

impl FromStr for MeshId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_secret_key(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err("a mesh ID has at most 253 letters, digits, '-', '_' and '.'")
        }
    }
}

impl FromStr for TrustDomain {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_inner = |b: u8| is_name_byte(b) && !b.is_ascii_uppercase();
        if (1..=255).contains(&text.len()) && text.bytes().all(is_inner) {
            Ok(Self(text.to_owned()))
        } else {
            Err("a trust domain has at most 255 lower-case letters, digits, '-', '_' and '.'")
        }
    }
}

impl FromStr for PilotAddress {
    type Err = String;

    /// Names are refused, as Istio's guide does: the chart makes a Service of type `ExternalName`
    /// of them, which maps no ports, and the webhook is on 15017 behind its 443.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Ok(address) = text.parse::<IpAddr>() else {
            return Err(format!(
                "{text:?} is no IP address, and behind a name the injection webhook is not reached"
            ));
        };
        let address = address.to_canonical();
        let url = match address {
            IpAddr::V4(v4) => format!("https://{v4}"),
            IpAddr::V6(v6) => format!("https://[{v6}]"),
        };
        match Server::parse(&url)?.unreachable_because() {
            Some(why) => Err(format!("{address} {why}: another cluster cannot reach it")),
            None => Ok(Self(address)),
        }
    }
}

fn is_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-_.".contains(&b)
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for MeshId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PilotAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cluster_ids_are_keys_of_secrets() {
        let long = format!("cn-{}-northamerica-northeast1-a-{}", "p".repeat(30), "c".repeat(40));
        for good in ["cluster1", "cn-my-proj-us-west2-a-asm-a", ".a", "1", &long] {
            assert_eq!(good.parse::<ClusterId>().unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "..a", "a b", "a/b", "arn:aws:eks:x", "ä", &"c".repeat(254)] {
            assert!(bad.parse::<ClusterId>().unwrap_err().contains("key of a Secret"), "{bad:?}");
        }
        assert!("Kubernetes".parse::<ClusterId>().unwrap_err().contains("every cluster"));
    }

    #[test]
    fn mesh_ids_of_google_are_known() {
        for (text, google) in [("proj-123", true), ("proj-", false), ("mesh1", false)] {
            assert_eq!(text.parse::<MeshId>().unwrap().is_google(), google, "{text}");
        }
        assert!("a b".parse::<MeshId>().is_err());
    }

    #[test]
    fn trust_domains_are_lower_case() {
        for good in ["cluster.local", "my-proj.svc.id.goog", "td_1"] {
            assert_eq!(good.parse::<TrustDomain>().unwrap().as_str(), good);
        }
        for bad in ["", "Cluster.local", "spiffe://a", "a/b", &"a".repeat(256)] {
            assert!(bad.parse::<TrustDomain>().is_err(), "{bad:?}");
        }
        assert_eq!(TrustDomain::of_fleet("my-proj").as_str(), "my-proj.svc.id.goog");
    }

    #[test]
    fn only_addresses_that_remotes_reach_are_taken() {
        for (text, shown) in [
            ("34.1.2.3", "34.1.2.3"),
            ("10.0.0.9", "10.0.0.9"),
            ("2001:DB8::1", "2001:db8::1"),
            ("::ffff:34.1.2.3", "34.1.2.3"),
        ] {
            assert_eq!(text.parse::<PilotAddress>().unwrap().to_string(), shown);
        }
        for (text, reason) in [
            ("", "no IP address"),
            ("istiod.example.com", "injection webhook"),
            ("34.1.2.3:15012", "no IP address"),
            ("127.0.0.1", "loopback"),
            ("0.0.0.0", "unspecified"),
            ("fe80::1", "link-local"),
        ] {
            let error = text.parse::<PilotAddress>().unwrap_err();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    proptest! {
        /// `/inject/cluster/C/net/N` and the remote Secret hold them as they are.
        #[test]
        fn names_need_no_escapes(text in "[-a-zA-Z0-9_./ é]{0,70}") {
            let safe = text.bytes().all(is_name_byte);
            prop_assert!(safe || text.parse::<ClusterId>().is_err());
            prop_assert!(safe || text.parse::<TrustDomain>().is_err());
        }

        #[test]
        fn what_is_shown_of_an_address_is_read_back(bits in any::<u128>()) {
            if let Ok(address) = IpAddr::from(bits.to_be_bytes()).to_string().parse::<PilotAddress>() {
                prop_assert_eq!(address.to_string().parse::<PilotAddress>(), Ok(address));
            }
        }
    }
}
