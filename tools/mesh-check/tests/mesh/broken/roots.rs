//! What mesh-cacerts finds.

use super::super::{Authority, Mesh, base64, decoded};
use super::Case;
use meshpki::KeyUsage;
use meshpki::issue::CaSpec;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Puts another CA into cluster1.
fn cacerts(mesh: &mut Mesh, key: &str, text: &str) {
    mesh.object("cluster1", "Secret", "cacerts")["data"][key] = json!(base64(text));
}

/// A CA of the mesh's root that is made by another recipe, in its place in cluster1.
fn made(mesh: &mut Mesh, spec: CaSpec, life: i64) {
    let root = Authority::of_mesh().root();
    let pem = Authority::of_mesh().intermediate_of(spec, life).0.to_pem();
    cacerts(mesh, "ca-cert.pem", &pem);
    cacerts(mesh, "cert-chain.pem", &(pem + &root));
}

fn own() -> CaSpec {
    CaSpec::intermediate("cluster1")
}

/// A CA of another root in cluster1, which all clusters trust, too.
fn joined(mesh: &mut Mesh, own: &str, root: &str) {
    let roots = Authority::of_mesh().root() + root;
    for cluster in ["cluster1", "cluster2", "cluster3"] {
        let data = &mut mesh.object(cluster, "Secret", "cacerts")["data"];
        data["root-cert.pem"] = json!(base64(&roots));
        let map = mesh.object(cluster, "ConfigMap", "istio-ca-root-cert");
        map["data"]["root-cert.pem"] = json!(roots);
    }
    cacerts(mesh, "ca-cert.pem", own);
    cacerts(mesh, "cert-chain.pem", &(own.to_owned() + root));
}

/// The root of `tests/data`, which openssl made, as were the CAs below it.
const ROOT: &str = include_str!("../../data/root.pem");

pub const ROOTS: &[Case] = &[
    ("MESH0501", |mesh| {
        let data = &mut mesh.object("cluster1", "Secret", "cacerts")["data"];
        data.as_object_mut().expect("data").remove("ca-key.pem");
    }),
    ("MESH0502", |mesh| cacerts(mesh, "ca-cert.pem", "junk")),
    ("MESH0503", |mesh| {
        cacerts(mesh, "root-cert.pem", "junk");
        mesh.remove("cluster1", "ConfigMap", "istio-ca-root-cert");
    }),
    ("MESH0504", |mesh| made(mesh, own(), -1)),
    ("MESH0505", |mesh| {
        let pem = Authority::other().intermediate("cluster1", 1000).0.to_pem();
        cacerts(mesh, "ca-cert.pem", &pem);
        cacerts(mesh, "cert-chain.pem", &(pem + &Authority::of_mesh().root()));
    }),
    ("MESH0509", |mesh| joined(mesh, include_str!("../../data/no-ca.pem"), ROOT)),
    ("MESH0512", |mesh| joined(mesh, include_str!("../../data/server-only.pem"), ROOT)),
    ("MESH0513", |mesh| joined(mesh, include_str!("../../data/weak-key.pem"), ROOT)),
    ("MESH0519", |mesh| {
        let own = include_str!("../../../../meshpki/tests/data/sample-ca-2018.pem");
        joined(mesh, own, include_str!("../../../../meshpki/tests/data/sample-root-2018.pem"));
    }),
    ("MESH0521", |mesh| {
        let root = include_str!("../../data/root-pathlen-0.pem");
        joined(mesh, include_str!("../../data/below-pathlen-0.pem"), root);
    }),
    ("MESH0511", |mesh| {
        let key_usage = BTreeSet::from([KeyUsage::DigitalSignature]);
        made(mesh, CaSpec { key_usage, ..own() }, 1000);
    }),
    ("MESH0514", |mesh| cacerts(mesh, "cert-chain.pem", &Authority::of_mesh().root())),
    ("MESH0515", |mesh| {
        let own = decoded(&mesh.object("cluster1", "Secret", "cacerts")["data"]["ca-cert.pem"]);
        cacerts(mesh, "cert-chain.pem", &(Authority::of_mesh().root() + &own));
    }),
    ("MESH0516", |mesh| {
        let own = decoded(&mesh.object("cluster1", "Secret", "cacerts")["data"]["ca-cert.pem"]);
        cacerts(mesh, "cert-chain.pem", &(own + &Authority::other().root()));
    }),
    ("MESH0518", |mesh| made(mesh, own(), 20)),
    ("MESH0531", |mesh| {
        let cacerts = Authority::other().cacerts("cluster1");
        mesh.object("cluster1", "Secret", "cacerts")["data"] = cacerts;
        let map = mesh.object("cluster1", "ConfigMap", "istio-ca-root-cert");
        map["data"]["root-cert.pem"] = json!(Authority::other().root());
    }),
    ("MESH0532", |mesh| {
        let roots = Authority::of_mesh().root() + &Authority::other().root();
        cacerts(mesh, "root-cert.pem", &roots);
        let map = mesh.object("cluster1", "ConfigMap", "istio-ca-root-cert");
        map["data"]["root-cert.pem"] = json!(roots);
    }),
    ("MESH0533", |mesh| {
        let data = mesh.object("cluster2", "Secret", "cacerts")["data"].clone();
        mesh.object("cluster1", "Secret", "cacerts")["data"] = data;
    }),
    ("MESH0534", |mesh| {
        let map = mesh.object("cluster1", "ConfigMap", "istio-ca-root-cert");
        map["data"]["root-cert.pem"] = json!(Authority::other().root());
    }),
];
