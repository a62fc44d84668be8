"""Running commands, and what they cost."""
import dataclasses
import os
import pathlib
import resource
import shlex
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute()
BENCH = ROOT / "target" / "bench"
MUSL = "x86_64-unknown-linux-musl"


@dataclasses.dataclass
class Row:
    """A target: a ratio and, where it is asked for, memory, each with the most that is wanted. Where
    the name gives a unit, the numbers have it."""
    name: str
    input: str
    value: float | None
    limit: float | None
    memory: float | None = None
    memory_limit: float | None = None
    same: bool = True  # whether both gave the same answer

    def of_wanted(self):
        """The worse of the two as a part of what is wanted: 1 is just met. None where nothing is."""
        pairs = [(self.value, self.limit), (self.memory, self.memory_limit)]
        return max((number / most for number, most in pairs if number is not None and most), default=None)

    def met(self):
        return (self.of_wanted() or 0) <= 1

    def line(self):
        numbers = [self.value, self.limit, self.memory, self.memory_limit]
        texts = ["-" if number is None else f"{number:.3g}" for number in numbers]
        verdict = "-" if self.of_wanted() is None else "yes" if self.met() else "NO"
        return f"| {self.name} | {self.input} | {' | '.join(texts)} | {verdict} |"


HEADINGS = ["| target | input | ratio | at most | memory | at most | met |", "|---|---|---|---|---|---|---|"]


def skip(name, why):
    print(f"skipped: {name}: {why}", file=sys.stderr)


def has(name, program):
    """Whether the program is here; otherwise says that `name` is skipped."""
    if not shutil.which(program):
        skip(name, f"{program} is not here")
    return bool(shutil.which(program))


def program(name, static=False):
    """One of our programs as it was built."""
    return TARGET.joinpath(*[MUSL] * static, "release", name)


def words(command):
    """A shell only where the command needs one, as it costs as much as `true` does."""
    return ["sh", "-c", f"exec {command}"] if set("|<>") & set(command) else shlex.split(command)


def run(command, statuses=(0,), stdout=subprocess.PIPE):
    """Runs a command that ends with one of the statuses; its CPU seconds, seconds and output."""
    begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run(words(command), stdout=stdout, check=False)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - begun
    if ran.returncode not in statuses:
        sys.exit(f"bench: {command}: exit status {ran.returncode}")
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, wall, ran.stdout


def peak(command, statuses=(0,), stdout=subprocess.DEVNULL):
    """CPU seconds, seconds and peak memory in MB of a command, told by GNU time: what this process
    itself forks would count this process's memory as its own."""
    report = BENCH / f"memory-{os.getpid()}"
    cpu, wall, _ = run(f"{shutil.which('time')} -q -f %M -o {shlex.quote(str(report))} {command}", statuses, stdout)
    memory = int(report.read_text()) / 1024
    report.unlink()
    return cpu, wall, memory


def ratio(ours, theirs, rounds, statuses=(0,)):
    """Median of the rounds' ratios of CPU time, after a round to warm up."""
    pairs = [(run(ours, statuses)[0], run(theirs)[0]) for _ in range(rounds + 1)][1:]
    return statistics.median(a / max(b, 1e-5) for a, b in pairs)


def start(arguments):
    """Runs a program for nothing but its time: wall and CPU seconds."""
    to_nowhere = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, flags, 0)
                  for fd, flags in enumerate((os.O_RDONLY, os.O_WRONLY, os.O_WRONLY))]
    arguments = [str(argument) for argument in arguments]
    begun = time.perf_counter()
    pid = os.posix_spawnp(arguments[0], arguments, os.environ, file_actions=to_nowhere)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - begun
    if os.waitstatus_to_exitcode(status) not in (0, 4):
        sys.exit(f"bench: {' '.join(arguments)}: exit status {os.waitstatus_to_exitcode(status)}")
    return wall, usage.ru_utime + usage.ru_stime


def start_ratios(ours, theirs, rounds):
    """Medians of the rounds' ratios of wall and of CPU time."""
    pairs = [(start(ours), start(theirs)) for _ in range(rounds + 1)][1:]
    return [statistics.median(a[i] / b[i] for a, b in pairs) for i in (0, 1)]


def instructions(arguments):
    """Instructions of a run under callgrind; the same on a busy machine as on a quiet one."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *map(str, arguments)]
    # Nothing of the caller's environment, which the program would read.
    ran = subprocess.run(command, env={"PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    return int(ran.stderr.split("Collected : ")[1].split()[0])
