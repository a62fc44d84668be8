//! Live tools between an API server and a world in which things go wrong.
//!
//! An API server that is killed in mid-write is in `apply.rs`, one that comes back in `probe.rs`.

mod kinds;
mod proxy;
mod tools;

use crate::clusters::{kubeconfig, kubectl, unique, wait_for};
use crate::{Needs, Test};
use kinds::{End, KINDS, Kind, Moment, Way};
use mesh_tests::{Ran, programs, run};
use proxy::{Fault, On, Proxy, Upstream};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tools::{Product, Scene, Site, TOOLS, Tool, ensure};

pub const TESTS: &[Test] = &[("faults_are_survived", Needs::Clusters, are_survived)];

/// So long may a request take where nobody answers, and so long where somebody does.
const SHORT: u32 = 2;
const LONG: u32 = 60;
/// Nothing takes as long, however busy the machine.
const NEVER: Duration = Duration::from_secs(120);
const AT_ONCE: usize = 6;

/// What all runs share.
struct Ground {
    upstream: Upstream,
    site: Site,
    own: Value,
    /// Requests and time that each tool needs.
    usual: Vec<(usize, Duration)>,
    has_namespaces: bool,
    resolver: Option<UdpSocket>,
}

/// Where a resolver would be.
const RESOLVER: &str = "127.11.22.33";

fn are_survived() {
    let text = std::fs::read(kubeconfig()).expect("it is there");
    let own = serde_yaml::from_slice(&text).expect("it is YAML");
    let upstream = Upstream::start(&mut kubectl(&["--context", "cluster1"]));
    let has_namespaces = run(Command::new("unshare").args(["-m", "true"]), "").code == Some(0);
    let resolver = UdpSocket::bind((RESOLVER, 53)).ok().filter(|_| has_namespaces);
    let site = Site::make();
    let mut ground = Ground { upstream, site, own, usual: Vec::new(), has_namespaces, resolver };
    ground.usual = TOOLS.iter().map(|tool| ground.usual(tool)).collect();
    let mut jobs: Vec<(&Kind, usize)> = KINDS
        .iter()
        .filter(|kind| ground.can(kind))
        .flat_map(|kind| (0..TOOLS.len()).map(move |tool| (kind, tool)))
        .filter(|(kind, tool)| (kind.of)(&TOOLS[*tool]))
        .collect();
    let total = jobs.len();
    let kinds: BTreeSet<&str> = jobs.iter().map(|(kind, _)| kind.name).collect();
    jobs.reverse();
    let (jobs, wrong) = (Mutex::new(jobs), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = jobs.lock().expect("nobody panicked").pop();
                    let Some((kind, tool)) = next else { break };
                    if let Err(reason) = ground.meet(kind, tool) {
                        let text = format!("{}, {}: {reason}", TOOLS[tool].name, kind.name);
                        wrong.lock().expect("nobody panicked").push(text);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("nobody panicked");
    #[allow(clippy::print_stderr)] // this is a test's own report
    {
        for kind in KINDS.iter().filter(|kind| !ground.can(kind)) {
            eprintln!("faults: left out: {}: it needs mount namespaces", kind.name);
        }
        eprintln!("faults: {} kinds, {} tools, {total} runs", kinds.len(), TOOLS.len());
    }
    assert!(wrong.is_empty(), "{} of {total}:\n{}", wrong.len(), wrong.join("\n"));
}

impl Ground {
    fn can(&self, kind: &Kind) -> bool {
        match kind.way {
            Way::Resolver => self.resolver.is_some(),
            Way::Shell(script) => self.has_namespaces || !script.contains("mount"),
            _ => true,
        }
    }

    fn scene(&self, dir: &tempfile::TempDir) -> Scene<'_> {
        Scene { site: &self.site, id: unique("fault"), dir: dir.path().to_owned() }
    }

    /// A run without any fault.
    fn usual(&self, tool: &Tool) -> (usize, Duration) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let scene = self.scene(&dir);
        let way = Proxy::http(&self.upstream, Fault::None, On::All);
        let began = Instant::now();
        let ran = self.plain(tool, &scene, &format!("http://{}", way.address));
        let time = began.elapsed();
        if let Err(reason) = tool.is_whole(&ran, &scene, false) {
            panic!("{}: {reason}", tool.name);
        }
        (way.seen(), time)
    }

    fn plain(&self, tool: &Tool, scene: &Scene<'_>, server: &str) -> Ran {
        let config = self.config(server, |_| {});
        let mut command = Command::new(&programs()[tool.name]);
        command.args(tool.args(scene, LONG)).env("KUBECONFIG", config.path());
        end(command, &tool.input(scene), |_| {}).expect("it ends")
    }

    /// The test bed's kubeconfig with one context, `faulty`.
    fn config(&self, server: &str, change: impl Fn(&mut Value)) -> tempfile::NamedTempFile {
        let mut config = json!({"apiVersion": "v1", "kind": "Config",
            "clusters": [self.own["clusters"][0]], "users": [self.own["users"][0]],
            "contexts": [{"name": "faulty", "context": self.own["contexts"][0]["context"]}]});
        config["clusters"][0]["cluster"]["server"] = json!(server);
        change(&mut config);
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(config.to_string().as_bytes()).expect("it can be written");
        file
    }

    fn server(&self) -> &str {
        self.own["clusters"][0]["cluster"]["server"].as_str().expect("it has a server")
    }

    /// One tool and one fault, then the same without it.
    fn meet(&self, kind: &Kind, index: usize) -> Result<(), String> {
        let tool = &TOOLS[index];
        let dir = tempfile::tempdir().expect("a temporary folder");
        let scene = self.scene(&dir);
        let left = tempfile::NamedTempFile::new().expect("a temporary file");
        let ran = self.attempt(kind, index, &scene, left.path())?;
        let wanted = match kind.end {
            End::Works => {
                let mut ran = ran;
                if kind.name == "closed standard error" {
                    ensure(ran.stderr.is_empty(), "something was said")?;
                    ran.stderr = "nobody hears it".to_owned();
                }
                tool.is_whole(&ran, &scene, false)
            }
            End::Unheard => {
                // mesh-probe has nothing more to do when its reader leaves.
                let is_usual = ran.code.is_some_and(|code| code == 0 || tool.ends_well(code));
                ensure(is_usual && ran.stdout.is_empty(), &format!("it is not well: {ran:?}"))
            }
            End::Fails(code, said) => {
                ensure(ran.code == Some(code), &format!("it ends otherwise: {ran:?}"))?;
                ensure(ran.stderr.contains(said), &format!("it does not say {said}: {ran:?}"))?;
                if code == 4 {
                    ensure(
                        ran.stderr.contains("context faulty"),
                        &format!("which cluster? {ran:?}"),
                    )?;
                    ensure(ran.stderr.contains("hint: "), &format!("no hint: {ran:?}"))?;
                }
                let left = std::fs::read_to_string(left.path()).expect("it is there");
                ensure(left.is_empty(), &format!("files are left: {left}"))?;
                if kind.name == "full standard output" {
                    Ok(())
                } else {
                    tool.left_nothing(&ran, &scene)
                }
            }
            End::Signalled { leftovers } => {
                let Way::Signal(signal, _) = kind.way else { unreachable!("it is a signal's end") };
                // It may have been quicker.
                let over = tool.is_whole(&ran, &scene, false).is_ok();
                let number = match signal {
                    "HUP" => 1,
                    "INT" => 2,
                    _ => 15,
                };
                let is_ended = ran.code.is_none_or(|found| found == 128 + number);
                ensure(over || is_ended, &format!("it ends otherwise: {ran:?}"))?;
                let files = tools::names(&scene.dir);
                if leftovers {
                    files.iter().filter(|name| name.starts_with('.')).for_each(|name| {
                        let path = scene.dir.join(name);
                        let _ = std::fs::remove_file(&path);
                        let _ = std::fs::remove_dir_all(&path);
                    });
                }
                // Or the file was in its place already.
                let all = Ran { code: Some(0), stdout: String::new(), stderr: String::new() };
                if over || tool.is_whole(&all, &scene, false).is_ok() {
                    Ok(())
                } else {
                    tool.left_nothing(&ran, &scene)
                }
            }
        };
        wanted?;
        let next = self.plain(tool, &scene, self.server());
        tool.is_whole(&next, &scene, false).map_err(|why| format!("the next run: {why}"))?;
        if tool.product == Product::Objects {
            let third = self.plain(tool, &scene, self.server());
            tool.is_whole(&third, &scene, true).map_err(|why| format!("the run after: {why}"))?;
        }
        Ok(())
    }

    fn attempt(
        &self,
        kind: &Kind,
        index: usize,
        scene: &Scene<'_>,
        left: &std::path::Path,
    ) -> Result<Ran, String> {
        let tool = &TOOLS[index];
        let (mut proxy, mut silent, mut shell) = (None, None, None);
        let mut change: fn(&mut Value) = |_| {};
        let mut patience = LONG;
        let mut http = |fault, on| {
            let way = proxy.insert(Proxy::http(&self.upstream, fault, on));
            format!("http://{}", way.address)
        };
        let server = match kind.way {
            Way::Http(fault, on) => {
                if matches!(fault, Fault::Silence | Fault::Drip) {
                    patience = SHORT;
                }
                http(fault, on)
            }
            Way::Signal(_, moment) => {
                // `nohup` and a script's background ignore some, and what they start inherits that.
                shell = Some("exec env --default-signal=HUP,INT,TERM \"$@\"");
                let fault = match moment {
                    Moment::First => Fault::SilenceFrom(1),
                    Moment::Last => Fault::SilenceFrom(self.usual[index].0),
                    Moment::After(_) => Fault::None,
                };
                http(fault, On::All)
            }
            Way::Bytes(limit) => {
                let server = self.server().trim_start_matches("https://").parse();
                let way = proxy.insert(Proxy::bytes(server.expect("an address"), limit));
                format!("https://{}", way.address)
            }
            Way::Says(bytes) => format!("https://{}", proxy.insert(Proxy::says(bytes)).address),
            Way::SilentPort | Way::ClosedPort => {
                let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
                let address = listener.local_addr().expect("it is bound");
                if matches!(kind.way, Way::SilentPort) {
                    patience = SHORT;
                    silent = Some(listener);
                }
                format!("https://{address}")
            }
            Way::Certificate(how) => {
                change = how;
                self.server().to_owned()
            }
            Way::Resolver => {
                patience = SHORT;
                shell = Some("mount --bind \"$RESOLV\" /etc/resolv.conf && exec \"$@\"");
                "https://api.cluster1.test:6443".to_owned()
            }
            Way::Shell(script) => {
                shell = Some(script);
                self.server().to_owned()
            }
        };
        let config = self.config(&server, change);
        let resolv = tempfile::NamedTempFile::new().expect("a temporary file");
        let options = format!("nameserver {RESOLVER}\noptions timeout:30 attempts:5\n");
        std::fs::write(resolv.path(), options).expect("it can be written");
        let program = &programs()[tool.name];
        let mut command = match shell {
            None => Command::new(program),
            Some(script) => {
                let mut command = if script.contains("mount") {
                    let mut command = Command::new("unshare");
                    command.args(["-m", "sh"]);
                    command
                } else {
                    Command::new("sh")
                };
                command.args(["-c", script, "sh"]).arg(program);
                command
            }
        };
        command
            .args(tool.args(scene, patience))
            .env("KUBECONFIG", config.path())
            .env("DIR", &scene.dir)
            .env("LEFT", left)
            .env("RESOLV", resolv.path());
        let ran = end(command, &tool.input(scene), |child| {
            let Way::Signal(signal, moment) = kind.way else { return };
            let Some(proxy) = &proxy else { return };
            if is_over_before(moment, self.usual[index], child, proxy) {
                return;
            }
            let kill = Command::new("kill").args(["-s", signal, &child.id().to_string()]).output();
            kill.expect("kill runs");
        });
        drop(silent);
        ran
    }
}

/// Waits for the moment, by what a usual run takes: requests and time. Whether the process ended
/// before: what other tests have removed since then is not asked for.
fn is_over_before(
    moment: Moment,
    (requests, time): (usize, Duration),
    child: &mut Child,
    proxy: &Proxy,
) -> bool {
    let wanted = match moment {
        Moment::First => 1,
        Moment::Last => requests,
        Moment::After(part) => {
            std::thread::sleep(time * part / 100);
            0
        }
    };
    wait_for("the request", || {
        let is_over = child.try_wait().expect("it can be waited for").is_some();
        (is_over || proxy.seen() >= wanted).then_some(is_over)
    })
}

/// Runs a command to its own end; `meanwhile` is given the process.
fn end(
    mut command: Command,
    input: &str,
    meanwhile: impl FnOnce(&mut Child),
) -> Result<Ran, String> {
    let file = || tempfile::tempfile().expect("a temporary file");
    let (mut stdin, mut stdout, mut stderr) = (file(), file(), file());
    stdin.write_all(input.as_bytes()).and_then(|()| stdin.rewind()).expect("it can be written");
    let copy = |file: &File| Stdio::from(file.try_clone().expect("a copy"));
    command.stdin(copy(&stdin)).stdout(copy(&stdout)).stderr(copy(&stderr));
    let mut child = command.spawn().expect("it starts");
    meanwhile(&mut child);
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            break status;
        }
        if began.elapsed() > NEVER {
            let _ = child.kill();
            let _ = child.wait();
            return Err("it does not end".to_owned());
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let text = |file: &mut File| {
        let mut bytes = Vec::new();
        file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("it can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Ok(Ran { code: status.code(), stdout: text(&mut stdout), stderr: text(&mut stderr) })
}
