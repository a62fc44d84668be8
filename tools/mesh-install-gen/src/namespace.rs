//! Istio's namespace, labelled before the installation as Istio's guides do it: the label is the
//! network of all endpoints whose pods name none.

use crate::{Member, Seat};
use meshcore::DnsLabel;
use serde_json::{Value, json};

/// The namespace of a member. It carries no mark of ours: applied server-side, it owns the
/// network's label, and of a remote the annotation that names its primary, and nothing else of
/// an object that istioctl or Helm may have made.
#[must_use]
pub fn namespace(member: &Member<'_>, name: &DnsLabel) -> Value {
    let mut metadata = json!({
        "name": name.as_str(),
        "labels": {"topology.istio.io/network": member.network.as_str()},
    });
    if let Seat::Remote { primary } = &member.seat {
        let key = "topology.istio.io/controlPlaneClusters";
        metadata["annotations"] = json!({key: primary.as_str()});
    }
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::tests::record;
    use crate::{Mesh, Said};

    #[test]
    fn the_label_is_the_network_and_a_remote_names_its_primary() {
        let clusters = [record("a", json!({})), record("b", json!({"network": "1"}))];
        let remotes = vec![("b".to_owned(), "a".to_owned())];
        let mesh = Mesh::of(&clusters, &Said { remotes, ..Said::default() }).unwrap();
        let name = DnsLabel::parse("istio-system").unwrap();
        let object =
            |metadata| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata});
        assert_eq!(
            namespace(&mesh.members[0], &name),
            object(json!({
                "name": "istio-system",
                "labels": {"topology.istio.io/network": "net-a"},
            }))
        );
        assert_eq!(
            namespace(&mesh.members[1], &name),
            object(json!({
                "name": "istio-system",
                "labels": {"topology.istio.io/network": "1"},
                "annotations": {"topology.istio.io/controlPlaneClusters": "a"},
            }))
        );
    }
}
