//! Pictures for tests.

use crate::{Cluster, Gateway, Known, Link, Mark, Picture, Reads};
use meshcore::finding::Severity;
use proptest::prelude::*;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Clusters `c0`, `c1` … in networks of these sizes, all with Secrets of all others.
pub(crate) fn full_mesh(sizes: &[usize]) -> Picture {
    let clusters = clusters(sizes);
    let n = clusters.len();
    let all = (0..n).flat_map(|a| (0..n).map(move |b| ((a, b), Link::Valid)));
    Picture::new(clusters, all.collect::<Vec<_>>(), BTreeMap::new())
}

/// The clusters alone.
pub(crate) fn clusters(sizes: &[usize]) -> Vec<Cluster> {
    let networks = sizes.iter().enumerate().flat_map(|(n, &size)| vec![n; size]);
    let cluster = |(i, n): (usize, usize)| Cluster {
        name: format!("c{i:03}"),
        network: Some(format!("network{n:03}")),
        reads: Reads::Secrets,
        ..Cluster::default()
    };
    networks.enumerate().map(cluster).collect()
}

/// Words that are long, wide, empty or mean something to one of the forms.
fn word() -> impl Strategy<Value = String> {
    const AWKWARD: [&str; 9] = [
        "",
        " ",
        "arn:aws:eks:eu-central-1:123456789012:cluster/a-very-long-name-of-a-cluster-in-a-mesh",
        "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW",
        "クラスター・クラスター・クラスター・クラスター・クラスター",
        "a\"b'c<d>&amp;e\\N`f`",
        "style: x#y; classDef",
        "end",
        "\u{202e}\u{0}\n\t",
    ];
    prop_oneof![
        3 => "[a-z]{1,12}",
        1 => prop::sample::select(&AWKWARD[..]).prop_map(str::to_owned),
        1 => "\\PC{0,40}",
    ]
}

fn mark() -> impl Strategy<Value = Mark> {
    (any::<bool>(), 0..30, word()).prop_map(|(is_error, code, message)| Mark {
        severity: Reverse(if is_error { Severity::Error } else { Severity::Warning }),
        code: format!("MESH{code:04}"),
        message,
    })
}

fn gateway() -> impl Strategy<Value = Gateway> {
    (word(), prop::option::of(word()), prop::collection::vec(word(), 0..4))
        .prop_map(|(name, network, addresses)| Gateway { name, network, addresses })
}

pub(crate) fn link() -> impl Strategy<Value = Option<Link>> {
    prop_oneof![
        16 => Just(Some(Link::Valid)),
        2 => Just(None),
        1 => word().prop_map(|why| Some(Link::Unusable(why))),
        2 => Just(Some(Link::Expired("2026-01-31".to_owned()))),
    ]
}

fn cluster() -> impl Strategy<Value = Cluster> {
    let known = prop_oneof![
        6 => Just(Known::Itself),
        1 => Just(Known::ByName),
        1 => word().prop_map(Known::Unreached),
    ];
    let reads = prop_oneof![
        6 => Just(Reads::Secrets),
        1 => Just(Reads::Nothing),
        1 => Just(Reads::Unknown),
    ];
    let lists = (
        prop::collection::vec(word(), 0..3),
        prop::collection::vec(gateway(), 0..3),
        prop::collection::vec(mark(), 0..4),
    );
    (word(), prop::option::of(word()), known, reads, lists).prop_map(
        |(name, id, known, reads, (facts, gateways, findings))| Cluster {
            name,
            id,
            facts,
            known,
            reads,
            gateways,
            findings,
            ..Cluster::default()
        },
    )
}

/// A mesh of any clusters in any networks, with this many of them at most.
pub(crate) fn picture(most: usize) -> impl Strategy<Value = Picture> {
    let network = prop_oneof![Just(None), "[a-d]".prop_map(Some), word().prop_map(Some)];
    let clusters = prop::collection::vec((cluster(), network), 1..=most);
    let clusters = clusters.prop_flat_map(|all| {
        let n = all.len();
        (Just(all), prop::collection::vec(link(), n * n))
    });
    (clusters, prop::collection::vec(mark(), 0..4), gateway()).prop_map(
        |((all, links), marks, gateway)| {
            let n = all.len();
            let clusters = all.into_iter().map(|(c, network)| Cluster { network, ..c });
            let pair = |(i, link): (usize, Option<Link>)| link.map(|link| ((i / n, i % n), link));
            let held = links.into_iter().enumerate().filter_map(pair);
            let gateways = BTreeMap::from([("a".to_owned(), vec![gateway])]);
            let mut picture = Picture::new(clusters.collect(), held, gateways);
            for (i, mark) in marks.iter().enumerate() {
                let networks = if i == 1 { &[0][..] } else { &[] };
                picture.mark(mark, &[], networks);
            }
            picture
        },
    )
}

/// A mesh with one cluster of this name, once more as its network, and in a finding.
pub(crate) fn named(name: &str) -> Picture {
    let cluster =
        Cluster { name: name.to_owned(), network: Some(name.to_owned()), ..Cluster::default() };
    let mut picture = Picture::new(vec![cluster], [], BTreeMap::new());
    let mark = Mark {
        severity: Reverse(Severity::Error),
        code: "MESH0001".to_owned(),
        message: name.to_owned(),
    };
    picture.mark(&mark, &[0], &[]);
    picture
}

/// Three clusters and one that only a Secret names, with one fault of each kind.
pub(crate) fn sample() -> Picture {
    let gateway = |addresses: &[&str]| Gateway {
        name: "istio-system/istio-eastwestgateway".to_owned(),
        addresses: addresses.iter().map(|&address| address.to_owned()).collect(),
        network: None,
    };
    let cluster = |name: &str, network: &str, addresses: &[&str]| Cluster {
        name: name.to_owned(),
        id: Some(format!("cn-my-proj-us-west2-a-{name}")),
        network: Some(network.to_owned()),
        facts: vec!["Istio 1.26.2".to_owned()],
        reads: Reads::Secrets,
        gateways: vec![gateway(addresses)],
        ..Cluster::default()
    };
    let clusters = vec![
        cluster("asm-a", "network1", &["203.0.113.7:15443"]),
        cluster("asm-b", "network1", &["203.0.113.8:15443"]),
        cluster("asm-c", "network2", &[]),
        Cluster { name: "cn-old".to_owned(), known: Known::ByName, ..Cluster::default() },
    ];
    let held = [
        ((0, 1), Link::Valid),
        ((0, 2), Link::Expired("2026-01-31".to_owned())),
        ((0, 3), Link::Valid),
        ((1, 2), Link::Valid),
        ((2, 0), Link::Valid),
        ((2, 1), Link::Unusable("it runs a program".to_owned())),
    ];
    let mut picture = Picture::new(clusters, held, BTreeMap::new());
    let mark = |severity, code: &str, message: &str| Mark {
        severity: Reverse(severity),
        code: code.to_owned(),
        message: message.to_owned(),
    };
    let expired = "secret istio-system/istio-remote-secret-asm-c: its token expired 2026-01-31";
    picture.mark(&mark(Severity::Error, "MESH0434", expired), &[0], &[]);
    let no_gateway = "network network2 has no gateway with an address";
    picture.mark(&mark(Severity::Error, "MESH0601", no_gateway), &[], &[1]);
    picture.mark(&mark(Severity::Warning, "MESH0303", "Istio 1.26 and 1.28"), &[1, 2], &[]);
    picture.mark(&mark(Severity::Error, "MESH0101", "two clusters have one ID"), &[], &[]);
    picture
}
