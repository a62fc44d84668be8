"""F and M: what needs API servers, and whole meshes."""
import base64
import contextlib
import json
import statistics
import subprocess
import sys

from measure import BENCH, ROOT, Row, has, peak, run, skip

HOME = BENCH / "testbed"
TESTBED = ROOT / "scripts" / "testbed"


@contextlib.contextmanager
def api_servers(name, *options):
    """So many API servers while it is entered: whether they can be had here."""
    subprocess.run([TESTBED, "down", "-d", HOME], stderr=subprocess.DEVNULL, check=False)
    up = subprocess.run([TESTBED, "up", *options, "-d", HOME], stdout=subprocess.DEVNULL, check=False)
    try:
        if up.returncode != 0:
            skip(name, "API servers cannot be had here")
        yield up.returncode == 0
    finally:
        subprocess.run([TESTBED, "down", "-d", HOME], stderr=subprocess.DEVNULL, check=False)


def fan_out(rounds):
    """F1: a thousand new Secrets, 32 at once, against the kubectl on the path."""
    if not has("F1", "kubectl"):
        return
    with api_servers("F1", "-n", "1") as are_here:
        if are_here:
            yield from thousand_secrets(rounds)


def thousand_secrets(rounds):
    access = f"--kubeconfig {HOME / 'kubeconfig'} --context cluster1"
    spaces = iter(range(1000))

    def timed(command):
        """With Secrets in a namespace of its own, so that every run makes new ones."""
        space = f"bench-{next(spaces)}"
        run(f"kubectl {access} create namespace {space}")
        file = BENCH / "secrets.json"
        items = [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"s{i}", "namespace": space},
                  "data": {"c": base64.b64encode(b"kubeconfig" * 200).decode()}} for i in range(1000)]
        file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        cpu, wall, _ = run(f"{command} {access} -f {file}")
        if run(f"kubectl {access} get secrets -n {space} -o name | grep -c /s")[2].strip() != b"1000":
            sys.exit(3)
        return cpu, wall

    pairs = [(timed("mesh-apply --concurrency 32"), timed("kubectl apply --server-side --validate=false"))
             for _ in range(rounds + 1)][1:]
    wall = statistics.median(a[1] / b[1] for a, b in pairs)
    yield Row("F1 kubectl apply --server-side, wall", "1,000 Secrets", wall, 0.40)
    cpu = statistics.median(a[0] / b[0] for a, b in pairs)
    yield Row("F1 kubectl apply --server-side, CPU", "1,000 Secrets", cpu, 0.12)
    plain = timed("kubectl apply")[1]
    yield Row("F1 kubectl apply, wall", "1,000 Secrets", statistics.median(a[1] for a, _ in pairs) / plain, 1 / 15)


def captures(clusters, services):
    """A file with captures of a healthy mesh, all clusters joined to all."""
    file = BENCH / f"mesh-{clusters}-{services}.ndjson"
    with open(file, "wb") as out:
        subprocess.run(["cargo", "run", "--quiet", "--release", "--locked", "-p", "mesh-tests", "--bin",
                        "large-mesh", str(clusters), str(services)], cwd=ROOT, stdout=out, check=True)
    return file


def whole_mesh(_rounds):
    """M1: mesh-check over captures of ever more clusters, all joined to all, 500 services each:
    CPU per byte of input against that of 20 clusters, so 1 is linear; memory in MB."""
    per_byte = {}
    for count in (2, 20, 100, 511):
        file = captures(count, 500)
        cpu, _, memory = peak(f"mesh-check --at 2027-06-01T00:00:00Z -f {file}")
        per_byte[count] = cpu / file.stat().st_size
        print(f"M1: {count} clusters: {file.stat().st_size / 1e6:.1f} MB, {cpu:.2f} s, {memory:.0f} MB", file=sys.stderr)
        file.unlink()
        growth = per_byte[count] / per_byte[20] if count > 20 else None
        yield Row("M1 mesh-check, CPU per byte; memory, MB", f"{count} clusters x 500 services", growth, 1.5, memory, 1024)
