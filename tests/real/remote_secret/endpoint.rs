//! The way to the API server that is given away: the endpoint and the proxy.

use super::stored_kubeconfig;
use crate::clusters::{kubeconfig, tool};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mesh_tests::run;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub fn checks_the_endpoint() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let foreign = kubeconfig().with_file_name("cluster2/pki/ca.crt");
    let check = |args: &[&str]| {
        let mut all = vec!["--context", "cluster1", "-q", "--check-endpoint"];
        all.extend(args);
        run(&mut tool("mesh-remote-secret", &all), "")
    };
    let refused = |args: &[&str], told: &str| {
        let ran = check(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{}", ran.stderr);
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    };
    assert_eq!(check(&[]).code, Some(0));
    assert_eq!(check(&["--ttl", "1h"]).code, Some(0));
    // It is the given token that is tried, not the user's own right to impersonate.
    let ran = check(&["--as", "admin", "--as-group", "system:masters"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let foreign = foreign.to_str().expect("a plain path");
    refused(&["--certificate-authority", foreign], "is not of the CA that would be given away");
    refused(&["--certificate-authority", "none"], "is of no public CA");
    refused(
        &["--tls-server-name", "api.example.com"],
        "its certificate is not for api.example.com, but for",
    );
    assert_eq!(check(&["--tls-server-name", "kubernetes.default.svc"]).code, Some(0));
    let other = std::fs::read_to_string(kubeconfig().with_file_name("cluster2/server"));
    let other = other.expect("the other server's address");
    let args = ["--server", other.trim(), "--certificate-authority", foreign];
    refused(&args, "does not accept the token");
    // A record whose endpoint has another CA than the cluster: a proxy, as far as one can see.
    let record = dir.path().join("record.json");
    let ca = STANDARD.encode(std::fs::read(foreign).expect("a CA"));
    let own = std::fs::read_to_string(kubeconfig().with_file_name("cluster1/server"));
    let text = json!({
        "apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": "c1", "context": "cluster1",
        "endpoints": [{"url": own.expect("an address").trim(), "kind": "private", "caData": ca}],
    });
    std::fs::write(&record, text.to_string()).expect("it can be written");
    let file = record.to_str().expect("a plain path");
    let ran = run(&mut tool("mesh-remote-secret", &["-f", file]), "");
    assert!(ran.stderr.contains("has another CA than the API server: it is a proxy"), "{ran:?}");
    let ran = run(&mut tool("mesh-remote-secret", &["-f", file, "--check-endpoint"]), "");
    assert!(ran.stderr.contains("is not of the CA that would be given away"), "{}", ran.stderr);
}

/// A proxy that HTTP clients tunnel through; it counts the tunnels.
fn start_proxy() -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let tunnels = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&tunnels);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let counter = Arc::clone(&counter);
            std::thread::spawn(move || tunnel(client, &counter));
        }
    });
    (address, tunnels)
}

fn tunnel(mut client: TcpStream, tunnels: &AtomicUsize) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut server = TcpStream::connect(target)?;
    tunnels.fetch_add(1, Ordering::Relaxed);
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || std::io::copy(&mut from_server, &mut to_client));
    std::io::copy(&mut client, &mut server).map(drop)
}

pub fn keeps_the_proxy() {
    let (address, tunnels) = start_proxy();
    let text = std::fs::read_to_string(kubeconfig()).expect("it is there");
    let text = text.replace(
        "cluster: {server:",
        &format!("cluster: {{proxy-url: \"http://{address}\", server:"),
    );
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), text).expect("it can be written");
    let args = ["--context", "cluster1", "--name", "cluster1"];
    let with_proxy = |more: &[&str]| {
        let mut command = tool("mesh-remote-secret", &args);
        run(command.args(more).env("KUBECONFIG", file.path()), "")
    };
    let ran = with_proxy(&[]);
    let told = "the proxy 127.0.0.1 is a loopback address: another cluster cannot reach it";
    assert!(ran.stderr.contains(told), "{ran:?}");
    let secret: Value = serde_yaml::from_str(&ran.ok()).expect("YAML");
    let (_, config) = stored_kubeconfig(&secret, "cluster1");
    let cluster = &config["clusters"][0]["cluster"];
    assert_eq!(cluster["proxy-url"], format!("http://{address}"));
    let before = tunnels.load(Ordering::Relaxed);
    assert!(before > 0);
    // The way that is given away is tried as it is, through the proxy.
    let _ = with_proxy(&["-q", "--check-endpoint"]).ok();
    assert!(tunnels.load(Ordering::Relaxed) > before + 1);
    let ran = with_proxy(&["--server", "https://10.0.0.2"]);
    assert!(ran.stderr.contains("the kubeconfig's proxy-url is not passed on"), "{ran:?}");
    assert!(!ran.ok().contains("proxy-url"));
}
