//! Texts of records that no command and no file's name can hold are refused where they are read.

use super::Cluster;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

impl Cluster {
    /// Fails where a text that becomes a name has the character NUL: shells drop it, and the name
    /// would be that of another cluster.
    pub(super) fn refuse_nul(&self) -> Result<(), String> {
        let optional = [
            ("id", &self.id),
            ("uid", &self.uid),
            ("meshId", &self.mesh_id),
            ("network", &self.network),
            ("project", &self.project),
            ("location", &self.location),
            ("vpc", &self.vpc),
            ("context", &self.context),
            ("kubeconfig", &self.kubeconfig),
        ];
        let blocks = self.authorized_networks.iter().flat_map(|networks| &networks.blocks);
        let texts = std::iter::once(("name", &self.name))
            .chain(optional.into_iter().filter_map(|(field, text)| Some((field, text.as_ref()?))))
            .chain(self.ranges.iter().map(|range| ("ranges", &range.cidr)))
            .chain(self.endpoints.iter().map(|endpoint| ("endpoints", &endpoint.url)))
            .chain(self.node_tags.iter().map(|tag| ("nodeTags", tag)))
            .chain(self.labels.iter().flat_map(|(key, value)| [("labels", key), ("labels", value)]))
            .chain(blocks.map(|block| ("authorizedNetworks", &block.cidr)));
        match texts.into_iter().find(|(_, text)| text.contains('\0')) {
            Some((field, _)) => Err(format!(
                "{field} of the cluster {} has the character NUL, which no command can hold",
                self.name.replace('\0', "\u{fffd}")
            )),
            None => Ok(()),
        }
    }
}

impl<'de> Deserialize<'de> for Cluster {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // The derived one, of the fields alone.
        let cluster = Self::deserialize(from)?;
        cluster.refuse_nul().map_err(D::Error::custom)?;
        Ok(cluster)
    }
}

impl Serialize for Cluster {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, to)
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use crate::input::Source;
    use serde_json::{Value, json};

    fn refusal(document: &Value) -> String {
        let text = document.to_string().into_bytes();
        let source = Source::new("lab.json".to_owned(), text).unwrap();
        read(&[source]).unwrap_err().message().text().to_owned()
    }

    #[test]
    fn names_with_nul_are_refused_with_their_field() {
        let record = || json!({"apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": "a"});
        for field in ["name", "id", "network", "context", "kubeconfig", "project", "location"] {
            let mut record = record();
            record[field] = "prod\0".into();
            let text = refusal(&record);
            assert!(text.starts_with("lab.json: document 1: ") && text.contains(field), "{text}");
            assert!(text.contains("has the character NUL") && !text.contains('\0'), "{text}");
        }
        let mut tagged = record();
        tagged["nodeTags"] = json!(["a", "\0"]);
        assert!(refusal(&tagged).contains("nodeTags"));
        let mut labelled = record();
        labelled["labels"] = json!({"a": "\0"});
        assert!(refusal(&labelled).contains("labels"));
    }

    #[test]
    fn so_are_those_of_clouds_and_kubeconfigs() {
        let gke = json!({"name": "a\0", "clusterIpv4Cidr": "10.4.0.0/14"});
        assert!(refusal(&gke).contains("name of the cluster"));
        // An array of them is read on a path of its own.
        assert!(refusal(&json!([gke])).contains("name of the cluster"));
        let config = json!({"apiVersion": "v1", "kind": "Config", "clusters": [], "contexts":
            [{"name": "prod\0", "context": {"cluster": "c", "user": "u"}}]});
        assert!(refusal(&config).contains("NUL"), "{}", refusal(&config));
    }
}
