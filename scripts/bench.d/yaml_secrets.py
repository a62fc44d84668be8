"""Y: writing and reading Secrets as YAML, against the crate serde_yaml (bench.d/yaml)."""
import os
import pathlib
import subprocess

from measure import BENCH, ROOT, Row, peak, ratio, run

CRATE = pathlib.Path(__file__).resolve().parent / "yaml"


def yaml(rounds):
    """Y1: whole processes, 2,000 Secrets of 3 KB."""
    home = BENCH / "yaml"
    subprocess.run(["cargo", "build", "--release", "--locked", "--manifest-path", CRATE / "Cargo.toml"], cwd=ROOT,
                   env={**os.environ, "CARGO_TARGET_DIR": str(home)}, check=True)
    tool = home / "release" / "bench-yaml"
    file = BENCH / "secrets.yaml"
    file.write_bytes(run(f"{tool} write meshcore")[2])
    # What each has written, the other reads alike.
    theirs = BENCH / "secrets-of-serde.yaml"
    theirs.write_bytes(run(f"{tool} write serde_yaml")[2])
    answers = {run(f"{tool} read {by} {of}")[2] for by in ("meshcore", "serde_yaml") for of in (file, theirs)}
    for verb, limit, argument in (("write", 0.4, ""), ("read", 0.8, file)):
        ours, other = (f"{tool} {verb} {by} {argument}" for by in ("meshcore", "serde_yaml"))
        yield Row(f"Y1 serde_yaml, to {verb}", "2,000 Secrets", ratio(ours, other, rounds), limit,
                  peak(ours)[2] / peak(other)[2], same=len(answers) == 1)
