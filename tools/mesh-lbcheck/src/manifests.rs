//! The objects around replies, and how to tell a file of them from a file of replies.

use crate::endpoints::{Endpoint, EndpointSlice, Endpoints};
use crate::locality::{DestinationRule, Locality, ServiceObject, TrafficPolicy};
use crate::record::{Head, Record};
use crate::service::Service;
use crate::tally::Tally;
use meshcore::input::{Document, Source};
use meshcore::{Error, Result};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// What kubectl wrote of the service.
#[derive(Debug, Default)]
pub struct Manifests {
    slices: Vec<EndpointSlice>,
    rules: Vec<DestinationRule>,
    services: Vec<ServiceObject>,
}

/// The part of an object's metadata that matters here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

/// The fields of all kinds that are of use.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Object {
    metadata: Metadata,
    spec: Spec,
    endpoints: Option<Vec<Endpoint>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    host: Option<String>,
    traffic_policy: Option<TrafficPolicy>,
    traffic_distribution: Option<String>,
}

/// Whether replies or events were among objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// At least one.
    Records,
    /// Other objects alone.
    NoRecords,
}

impl Manifests {
    /// Reads a source that [`is_objects`]: `cluster` is where its endpoints are, if that is said;
    /// replies are counted. Other kinds are passed over, as `kubectl get` prints what it is asked
    /// for; but one must be of use.
    pub fn read(
        &mut self,
        source: &Source,
        cluster: Option<&str>,
        tally: &mut Tally,
    ) -> Result<Found> {
        let (mut found, mut is_of_use) = (Found::NoRecords, false);
        for document in source.documents()? {
            let json = document.decode::<&RawValue>()?.get();
            if let Some(record) = Record::parse(json) {
                let counted = record.and_then(|record| tally.add_record(record));
                counted.map_err(|error| error.at(document.place()))?;
                found = Found::Records;
                is_of_use = true;
            } else {
                is_of_use |= self.read_object(&document, json, cluster)?;
            }
        }
        if !is_of_use {
            let text = "holds neither replies nor EndpointSlices, DestinationRules or Services";
            return Err(Error::data(text).at(&source.name));
        }
        Ok(found)
    }

    /// Whether it is of a kind that is of use.
    fn read_object(
        &mut self,
        document: &Document<'_>,
        json: &str,
        cluster: Option<&str>,
    ) -> Result<bool> {
        let kind = serde_json::from_str::<Head<'_>>(json).map_or("".into(), |head| head.kind);
        if !["EndpointSlice", "DestinationRule", "Service"].contains(&&*kind) {
            return Ok(false);
        }
        let Object { metadata, spec, endpoints } = document.decode()?;
        match &*kind {
            "EndpointSlice" => {
                let endpoints = endpoints.unwrap_or_default();
                let cluster = cluster.map(str::to_owned);
                self.slices.push(EndpointSlice { metadata, endpoints, cluster });
            }
            "DestinationRule" => {
                let host = spec.host.filter(|host| !host.is_empty()).ok_or_else(|| {
                    Error::data("is missing or empty").at(document.field("spec.host"))
                })?;
                let policy = spec.traffic_policy.unwrap_or_default();
                self.rules.push(DestinationRule { metadata, host, policy });
            }
            _ => {
                let traffic_distribution = spec.traffic_distribution;
                self.services.push(ServiceObject { metadata, traffic_distribution });
            }
        }
        Ok(true)
    }

    /// The endpoints of the service, if any slices were read.
    pub fn endpoints(&self, service: Option<&Service>) -> Result<Option<Endpoints>> {
        if self.slices.is_empty() {
            return Ok(None);
        }
        Endpoints::of(&self.slices, service).map(Some)
    }

    /// Whether near endpoints are preferred for the service.
    pub fn locality(&self, service: Option<&Service>) -> Result<Locality> {
        let is_for_several = self.rules.windows(2).any(|pair| pair[0].host != pair[1].host);
        if service.is_none() && is_for_several {
            return Err(Error::data("the DestinationRules are for several hosts")
                .hint("--service NAME.NAMESPACE tells which of them was asked"));
        }
        Ok(Locality::of(service, &self.rules, &self.services))
    }
}

/// Whether a source that begins like this holds objects, in any form but one record per line.
/// Lines that are no replies may look like much, so its first key must be one of theirs.
#[must_use]
pub fn is_objects(beginning: &[u8]) -> bool {
    const KEYS: [&[u8]; 6] =
        [b"apiVersion", b"kind", b"metadata", b"items", b"addressType", b"spec"];
    let mut rest = beginning.strip_prefix("\u{feff}".as_bytes()).unwrap_or(beginning);
    let mut first_line: &[u8] = b"";
    loop {
        let is_before_key = |b: &u8| b.is_ascii_whitespace() || b"[{\"-".contains(b);
        let key = rest.iter().position(|b| !is_before_key(b)).unwrap_or(rest.len());
        if first_line.is_empty() {
            let mut lines = rest.split(|&b| b == b'\n').map(<[u8]>::trim_ascii);
            first_line = lines.find(|line| !line.is_empty()).unwrap_or_default();
        }
        rest = &rest[key..];
        // A comment of YAML.
        match rest.strip_prefix(b"#") {
            Some(comment) => {
                let end = comment.iter().position(|&b| b == b'\n').unwrap_or(comment.len());
                rest = &comment[end..];
            }
            None => break,
        }
    }
    let is_key = |key: &&[u8]| {
        rest.strip_prefix(*key).is_some_and(|rest| matches!(rest.first(), Some(b'"' | b':')))
    };
    // Annotations of objects begin with it too, and no version.
    let is_record = first_line.starts_with(b"{")
        && first_line.windows(12).any(|window| window == b"\"meshutils/v");
    KEYS.iter().any(is_key) && !is_record
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn objects_are_told_from_replies() {
        for text in [
            "apiVersion: v1\nitems:\n",
            "---\n# ours\n---\nkind: Service\n",
            "\u{feff}{\n    \"apiVersion\": \"v1\",\n",
            "\n[{\"kind\":\"EndpointSlice\"}]",
            "- apiVersion: discovery.k8s.io/v1",
            "{\"addressType\":\"IPv4\"",
            "{\"kind\":\"EndpointSlice\",\"metadata\":{\"annotations\":{\"meshutils/cluster\":\"a\"}}}",
            "[\n{\"apiVersion\":\"meshutils/v1alpha1\"",
            "{\n\"apiVersion\":\"meshutils/v1alpha1\"",
        ] {
            assert!(is_objects(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "#",
            "Hello version: v1, instance: a\napiVersion: v1",
            "{\"error\": \"kind\"}",
            "{\n  \"error\"",
            "kind of an error",
            "\n{\"apiVersion\":\"meshutils/v1alpha1\",\"kind\":\"Reply\"",
            "<html>",
        ] {
            assert!(!is_objects(text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_beginning_makes_it_panic(text in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = is_objects(&text);
        }
    }
}
