//! Programs under limits of memory, processor time and patience.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Address space in KiB, and seconds of processor time.
const LIMITS: &str = "ulimit -v 1500000 && ulimit -t 60 && exec \"$0\" \"$@\"";

/// After which a program hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a program said and how it ended.
pub struct Ran {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// The programs that run, to end those that do not end.
#[derive(Default)]
pub struct Watch(Mutex<BTreeMap<u32, Instant>>);

impl Watch {
    /// Runs a program with a file as standard input.
    pub fn run(&self, program: &Path, args: &[String], stdin: &Path, dir: &Path) -> Ran {
        let child = Command::new("/bin/sh")
            .args(["-c", LIMITS])
            .arg(program)
            .args(args)
            .env_clear()
            .env("KUBECONFIG", "/nowhere/config")
            .current_dir(dir)
            .stdin(File::open(stdin).expect("the input was written"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sh starts");
        let id = child.id();
        self.0.lock().expect("no thread panics here").insert(id, Instant::now());
        let output = child.wait_with_output().expect("a child can be waited for");
        self.0.lock().expect("no thread panics here").remove(&id);
        Ran { status: output.status, stdout: output.stdout, stderr: output.stderr }
    }

    /// Ends what runs for too long; to be called now and then.
    pub fn look(&self) {
        let running = self.0.lock().expect("no thread panics here");
        for (id, _) in running.iter().filter(|(_, start)| start.elapsed() > PATIENCE) {
            let _ = Command::new("/bin/sh").arg("-c").arg(format!("kill -9 {id}")).status();
        }
    }
}
