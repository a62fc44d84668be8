//! A machine outside of the clusters, as guide 004 has one: with Istio's agent, an Envoy and the
//! files that scripts/vm-join gives it, and nothing else.

use super::harness::{HELLO, Mesh, flags};
use super::{BOTH, TWO};
use crate::clusters::wait_for;
use mesh_tests::{root, run, write_program};
use serde_json::json;
use std::process::{Child, Command, Stdio};

/// Where the machine is: beside the clusters, on the network of their load balancers.
const ADDRESS: &str = "172.30.9.9";

/// The machine's service, as its callers know it.
const SHOP: &str = "http://shop.sample:3550/hello";

/// The machine's first process. Its networks, mounts and processes are its own; /etc is a copy.
const BOOT: &str = r#"
    exec 9</proc/self/ns/net
    exec unshare --net --mount --uts --pid --fork --kill-child --mount-proc sh -euc '
        hostname machine
        ip link set lo up
        ip link add eth0 type veth peer name machine netns /proc/self/fd/9
        nsenter --net=/proc/self/fd/9 ip link set machine master mesh up
        ip address add ADDRESS/16 dev eth0
        ip link set eth0 up
        ip route add default via 172.30.0.1
        cp -a /etc machine/etc
        mount --bind machine/etc /etc
        mount --bind machine/bin /usr/local/bin
        touch /usr/local/bin/pilot-agent /usr/local/bin/envoy
        mount --bind "$AGENT" /usr/local/bin/pilot-agent
        mount --bind "$ENVOY" /usr/local/bin/envoy
        mount -t tmpfs var /var
        mkdir -p /var/lib/istio/envoy /var/log/istio /var/www
        cp "$ASSETS/envoy_bootstrap.json" /var/lib/istio/envoy/envoy_bootstrap_tmpl.json
        chmod 777 /var/log/istio
        echo "istio-proxy:x:1337:1337::/:/bin/false" >>/etc/passwd
        echo "istio-proxy:x:1337:" >>/etc/group
        echo "127.0.0.1 localhost" >/etc/hosts
        # Nobody answers there: names of the mesh are the agent'"'"'s.
        echo "nameserver 172.30.0.53" >/etc/resolv.conf
        echo "Hello version: vm, instance: machine" >/var/www/hello
        "$ASSETS/busybox" httpd -p 3550 -h /var/www
        touch machine/up
        # Whoever ends is waited for here.
        while sleep 1; do :; done'"#;

/// What Istio's package has in the place of systemd: istio.service and istio-start.sh.
const SYSTEMCTL: &str = r#"#!/bin/sh
set -eu
[ "$1" = restart ] || exit 0
pid=/var/run/istio.pid
if [ -e $pid ]; then
  kill -TERM "-$(cat $pid)"
  while kill -0 "-$(cat $pid)" 2>/dev/null; do sleep 0.1; done
fi
cd /
set -a
. /var/lib/istio/envoy/cluster.env
PROV_CERT=./etc/certs OUTPUT_CERTS=./etc/certs CA_ADDR=${CA_ADDR:-istiod.istio-system.svc:15012}
INSTANCE_IP=ADDRESS POD_NAME=machine POD_NAMESPACE=$ISTIO_NAMESPACE
PROXY_CONFIG="serviceCluster: $ISTIO_SERVICE
controlPlaneAuthPolicy: MUTUAL_TLS"
PATH=ASSETS:$PATH
set +a
{
  pilot-agent istio-iptables --cleanup-only
  pilot-agent istio-iptables
} >>/var/log/istio/iptables.log 2>&1
setsid setpriv --reuid 1337 --regid 1337 --clear-groups pilot-agent proxy \
  </dev/null >>/var/log/istio/istio.log 2>&1 &
echo $! >$pid
"#;

/// A machine that is not in the mesh yet. It ends with this value.
struct Machine<'a> {
    mesh: &'a Mesh,
    child: Child,
}

impl<'a> Machine<'a> {
    fn start(mesh: &'a Mesh) -> Self {
        let script = |name: &str, args: &[&str]| {
            let mut script = Command::new(root().join("scripts").join(name));
            run(script.args(args), "").ok().trim().to_owned()
        };
        let assets = script("testbed-assets", &["--whole", "--print"]);
        let put_in =
            |text: &str| text.replace("ADDRESS", ADDRESS).replace("ASSETS:", &format!("{assets}:"));
        write_program(&mesh.path("machine/bin/systemctl"), &put_in(SYSTEMCTL));
        let mut boot = mesh.command(&put_in(BOOT));
        boot.env("ASSETS", &assets)
            .env("AGENT", format!("{assets}/pilot-agent"))
            .env("ENVOY", script("testbed-envoy", &["--print"]))
            .stdin(Stdio::null());
        let machine = Self { mesh, child: boot.spawn().expect("it starts") };
        wait_for("the machine", || mesh.path("machine/up").exists().then_some(()));
        machine
    }

    /// What takes a shell command as its last word, as ssh does.
    fn ssh(&self) -> String {
        let id = self.child.id();
        let children = format!("/proc/{id}/task/{id}/children");
        let first = std::fs::read_to_string(children).expect("Linux has it");
        format!("nsenter -t {} --net --mount --uts --pid sh -c", first.trim())
    }

    fn sh(&self, script: &str) -> String {
        let script = script.replace('\'', r"'\''");
        self.mesh.sh(&format!("{} '{script}'", self.ssh()))
    }

    /// Since when Istio's agent runs.
    fn agent(&self) -> String {
        self.sh("cat /var/run/istio.pid")
    }
}

impl Drop for Machine<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// It gets a certificate with its token, registers itself, is called by pods of both clusters, and
/// calls them.
pub fn joins() {
    let mesh = Mesh::start(&["-n", "2"]);
    mesh.want(&[("cluster1", "network1"), ("cluster2", "network2")], &json!({}));
    // The check at the end of a plan does not wait for the pods of gateways.
    let stages = ["roots", "networks", "control-planes", "gateways", "exposure", "secrets"];
    let _ = mesh.plan(&TWO, &stages.map(|stage| format!("--stage {stage} ")).concat());
    mesh.rolled_out(&TWO);
    mesh.make(&TWO);
    mesh.sample(&TWO);
    let machine = Machine::start(&mesh);
    let join = format!(
        "{}/scripts/vm-join --context cluster1 --namespace sample --service-account shop \
           --auto-register --probe tcp:3550 --ssh '{}' shop http:3550",
        root().display(),
        machine.ssh()
    );
    // Nothing leads to istiod yet: what does is told, and the machine has nothing.
    let told = mesh.shell(&join);
    assert_eq!(told.code, Some(4), "{told:?}");
    assert!(told.stdout.starts_with("mesh-expose istiod | kubectl "), "{told:?}");
    assert_eq!(machine.sh("ls /etc/istio 2>/dev/null || echo nothing"), "nothing\n");
    let _ = mesh.sh(&told.stdout);
    assert_eq!(mesh.sh(&join), "");
    let _ = mesh
        .sh("mesh-vm-service shop -n sample --modern http:3550 | mesh-apply --context cluster2");

    let certificate = wait_for("the machine's certificate", || {
        let ran = mesh.shell(&format!("{} 'cat /etc/certs/cert-chain.pem'", machine.ssh()));
        (ran.code == Some(0)).then_some(ran.stdout)
    });
    let mut openssl = Command::new("openssl");
    let names = run(openssl.args(["x509", "-noout", "-ext", "subjectAltName"]), &certificate).ok();
    assert!(names.contains("URI:spiffe://cluster.local/ns/sample/sa/shop"), "{names}");
    wait_for("its WorkloadEntry, healthy", || {
        let entry = mesh.sh("kubectl --context cluster1 -n sample get workloadentries -o \
             'jsonpath={range .items[*]}{.metadata.annotations.istio\\.io/autoRegistrationGroup} \
             {.spec.address} {.status.conditions[?(@.type==\"Healthy\")].status} {end}'");
        (entry.split_whitespace().eq(["shop", ADDRESS, "True"])).then_some(())
    });

    let ask = |count| format!("mesh-probe -q {}--url {SHOP} --count {count}", flags(&TWO));
    wait_for("replies of the machine", || {
        let ran = mesh.shell(&format!("{} | mesh-lbcheck --expect vm", ask(10)));
        (ran.code == Some(0)).then_some(())
    });
    let replies = mesh.sh(&ask(100));
    mesh.judge(&replies, &["vm"], 0)
        .report("a machine, called by pods of both clusters")
        .all_well();
    let call = |count| {
        machine.sh(&format!("for i in $(seq {count}); do curl -sS -m 5 {HELLO} 2>&1 || :; done"))
    };
    wait_for("replies to the machine", || {
        let mut check = mesh.command("mesh-lbcheck --expect v1,v2");
        (run(&mut check, &call(20)).code == Some(0)).then_some(())
    });
    mesh.judge(&call(100), &BOTH, 0).report("a machine calls both clusters").all_well();

    // A new token, and nothing else: callers notice nothing.
    let before = machine.agent();
    assert_eq!(mesh.sh(&join), "");
    assert_eq!(machine.agent(), before);
    let checked =
        mesh.shell(&format!("mesh-capture {}| mesh-check --only MESH0842,MESH0843", flags(&TWO)));
    assert_eq!((checked.code, checked.stdout.as_str()), (Some(0), ""));
}
