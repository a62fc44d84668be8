//! What a record may say of a control plane that is installed already: `trustDomain`,
//! `revisions[]`, `rootFingerprints[]` and `gateways[]`.

use crate::TrustDomain;
use meshcore::cluster::Cluster;
use meshcore::input::decode;
use meshcore::{Error, Result};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeSet;

/// The optional fields, checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The trust domain of its identities.
    pub trust_domain: Option<TrustDomain>,
    /// Revisions of its control planes.
    pub revisions: BTreeSet<String>,
    /// SHA-256 of the roots it trusts, in lower-case hexadecimal digits without colons.
    pub roots: BTreeSet<String>,
    /// Addresses of its east-west gateways, as the record has them.
    pub gateways: BTreeSet<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Fields {
    trust_domain: Option<String>,
    revisions: Vec<String>,
    root_fingerprints: Vec<String>,
    gateways: Vec<Gateway>,
}

/// A gateway: its address, or an object that has it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Gateway {
    Address(String),
    Object {
        address: Option<String>,
        #[serde(default)]
        addresses: Vec<String>,
    },
}

impl Facts {
    /// Reads them out of what meshcore keeps of a record.
    pub fn of(cluster: &Cluster) -> Result<Self> {
        let place = format!("cluster {}", cluster.label());
        let json = json!(cluster.other).to_string();
        let fields: Fields = decode(&json).map_err(|error| error.into_error().at(&place))?;
        let parse = |text: &String| {
            text.parse().map_err(|reason| {
                Error::data(format!("{text:?}: {reason}")).at(format!("{place}: .trustDomain"))
            })
        };
        let fingerprint = |text: String| text.replace(':', "").to_ascii_lowercase();
        let addresses = |gateway| match gateway {
            Gateway::Address(address) => vec![address],
            Gateway::Object { address, addresses } => {
                address.into_iter().chain(addresses).collect()
            }
        };
        Ok(Self {
            trust_domain: fields.trust_domain.as_ref().map(parse).transpose()?,
            revisions: fields.revisions.into_iter().collect(),
            roots: fields.root_fingerprints.into_iter().map(fingerprint).collect(),
            gateways: fields.gateways.into_iter().flat_map(addresses).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn facts(other: Value) -> Result<Facts> {
        let Value::Object(other) = other else { panic!("an object") };
        Facts::of(&Cluster { name: "a".to_owned(), other, ..Cluster::default() })
    }

    #[test]
    fn a_record_may_say_nothing() {
        assert_eq!(facts(json!({"somethingElse": 1})).unwrap(), Facts::default());
    }

    #[test]
    fn fields_are_read_in_each_form() {
        let read = facts(json!({
            "trustDomain": "td1",
            "revisions": ["asm-11910-9"],
            "rootFingerprints": ["63:77:1A", "63771a"],
            "gateways": ["34.1.1.1", {"address": "34.1.1.2", "network": "n"},
                {"addresses": ["34.1.1.3"]}, {"name": "pending"}],
        }));
        let read = read.unwrap();
        assert_eq!(read.trust_domain.unwrap().as_str(), "td1");
        assert_eq!(read.revisions, BTreeSet::from(["asm-11910-9".to_owned()]));
        assert_eq!(read.roots, BTreeSet::from(["63771a".to_owned()]));
        assert_eq!(
            read.gateways.into_iter().collect::<Vec<_>>(),
            ["34.1.1.1", "34.1.1.2", "34.1.1.3"]
        );
    }

    #[test]
    fn wrong_fields_are_told_by_name() {
        for (other, place) in [
            (json!({"trustDomain": 1}), "cluster a: .trustDomain: "),
            (json!({"trustDomain": "A"}), "cluster a: .trustDomain: \"A\": a trust domain"),
            (json!({"revisions": "r"}), "cluster a: .revisions: "),
            (json!({"rootFingerprints": [1]}), "cluster a: .rootFingerprints[0]: "),
            (json!({"gateways": [1]}), "cluster a: .gateways[0]: "),
        ] {
            let error = facts(other).unwrap_err();
            assert!(error.message().text().starts_with(place), "{error:?}");
        }
    }
}
