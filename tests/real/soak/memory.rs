//! The memory of programs: of each call its peak, and of one that runs what it has now.

use mesh_tests::{program_dir, write_program};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// The program that tells a peak; shells have one of the same name that does not.
pub fn lacks_time() -> Option<&'static str> {
    let output = Command::new("time").args(["-f", "%M", "true"]).output();
    let is_there = output.is_ok_and(|output| output.status.success());
    (!is_there).then_some("GNU time on PATH")
}

/// Notes the peak of every call of these programs that a shell finds here, and gives them a folder
/// of their own for temporary files.
pub struct Meter {
    dir: TempDir,
    programs: &'static [&'static str],
}

impl Meter {
    pub fn new(programs: &'static [&'static str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for name in programs {
            let script = format!(
                "#!/bin/sh\nexec time -q -a -o '{}' -f %M '{}' \"$@\"\n",
                dir.path().join(name).display(),
                program_dir().join(name).display()
            );
            write_program(&dir.path().join("bin").join(name), &script);
        }
        std::fs::create_dir(dir.path().join("tmp")).expect("the folder is ours");
        Self { dir, programs }
    }

    /// The script, with its calls noted.
    pub fn noting(&self, script: &str) -> String {
        let dir = self.dir.path().display();
        format!("PATH='{dir}/bin':$PATH; export TMPDIR='{dir}/tmp'\n{script}")
    }

    /// The peaks of a program's calls in KiB, in their order.
    fn peaks(&self, name: &str) -> Vec<u64> {
        let text = std::fs::read_to_string(self.dir.path().join(name)).expect("it was called");
        text.lines().map(|line| line.parse().expect("time writes a number")).collect()
    }

    /// No program needs more in the last quarter of its calls than in the first, none has left a
    /// file. What each needed, for people.
    pub fn is_flat(&self) -> String {
        let tmp = std::fs::read_dir(self.dir.path().join("tmp")).expect("it is there");
        let left: Vec<_> = tmp.flatten().map(|entry| entry.path()).collect();
        assert!(left.is_empty(), "{left:?}");
        self.programs.iter().fold(String::new(), |mut said, name| {
            let peaks = self.peaks(name);
            let quarter = peaks.len() / 4;
            assert!(quarter > 0, "{name} was called {} times", peaks.len());
            let greatest = |part: &[u64]| part.iter().copied().max().unwrap_or_default();
            let first = greatest(&peaks[..quarter]);
            let last = greatest(&peaks[peaks.len() - quarter..]);
            assert!(last * 2 <= first * 3, "{name}: {first} KiB, later {last} KiB: {peaks:?}");
            let _ = write!(said, "; {name}: {} calls, {first} to {last} KiB", peaks.len());
            said
        })
    }
}

/// What a program that runs holds.
#[derive(Debug, Clone, Copy)]
pub struct Holds {
    /// Its peak in KiB.
    pub memory: u64,
    /// Open descriptors.
    pub files: usize,
}

impl Holds {
    pub fn now(process: u32) -> Self {
        let home = Path::new("/proc").join(process.to_string());
        let status = std::fs::read_to_string(home.join("status")).expect("it runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|line| line.trim().strip_suffix(" kB")).expect("Linux tells it");
        let files = std::fs::read_dir(home.join("fd")).expect("it runs").count();
        Self { memory: peak.parse().expect("a number"), files }
    }

    /// It has not come to need more, as it would where each thing done leaves something behind.
    pub fn is_no_more_than(self, earlier: Self, of: &str) {
        let memory = self.memory * 2 <= earlier.memory * 3;
        // Connections come and go.
        assert!(memory && self.files <= earlier.files + 8, "{of}: {earlier:?}, later {self:?}");
    }
}
