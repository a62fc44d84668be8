"""The programs that ours are measured against."""
import os
import shutil
import subprocess
import sys

from measure import BENCH, MUSL, ROOT, TARGET, skip

PEERS = BENCH / "peers"


def find():
    """Puts what was fetched, and our programs, on the path."""
    folders = [TARGET / "release", *(PEERS / part for part in ("bin", "usr/bin", "python/bin"))]
    # The peers come last: python3 stays what it was.
    os.environ["PATH"] = ":".join([str(folders[0]), os.environ["PATH"], *map(str, folders[1:])])


def fetch():
    """What the machine lacks, into target/bench/peers. What cannot be had is skipped later, by name."""
    PEERS.mkdir(parents=True, exist_ok=True)
    for program in ("iprange", "time"):
        if not shutil.which(program) and shutil.which("apt-get"):
            subprocess.run(["apt-get", "-q", "download", program], cwd=PEERS, check=False)
            for package in PEERS.glob(f"{program}_*.deb"):
                subprocess.run(["dpkg-deb", "-x", package, PEERS], check=True)
    if not shutil.which("rs-aggregate"):
        subprocess.run(["cargo", "install", "--quiet", "--locked", "--root", PEERS, "rs-aggregate"], check=False)
    if not shutil.which("aggregate6"):
        venv = subprocess.run([sys.executable, "-m", "venv", PEERS / "python"], check=False)
        if venv.returncode == 0:
            subprocess.run([PEERS / "python/bin/pip", "install", "--quiet", "aggregate6"], check=False)


def build(static):
    """Builds our programs, and those that are static, as far as a target is measured on them."""
    cargo = ["cargo", "build", "--release", "--locked"]
    subprocess.run([*cargo, "--bins"], cwd=ROOT, check=True)
    if not static:
        return
    tools = [word for tool in static for word in ("-p", tool)]
    if subprocess.run([*cargo, "--target", MUSL, "--bins", *tools], cwd=ROOT, check=False).returncode != 0:
        skip("static builds", f"they cannot be made here (rustup target add {MUSL})")
