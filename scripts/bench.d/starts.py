"""S: what a start costs, of the dynamic and of the static build."""
import shutil
import statistics

from inputs import kubeconfig
from measure import BENCH, Row, has, instructions, peak, program, run, skip, start_ratios, words

STATIC = ["mesh-gateway-gen", "mesh-cidrs"]
MANIFESTS = ["--network", "network1"]


def builds(name, tool):
    """The builds that are here, each with what to call it."""
    yield "dynamic", program(tool)
    if program(tool, static=True).exists():
        yield "static", program(tool, static=True)
    else:
        skip(f"{name} static", "there is no static build")


def ranges_of_a_cluster():
    return ["--no-aggregate", "-f", BENCH / "cluster.json"]


def against_true(rounds):
    """S1: an ordinary call against /bin/true. Starts are short: forty to a round."""
    true = shutil.which("true")
    for tool, arguments in (("mesh-gateway-gen", MANIFESTS), ("mesh-cidrs", ranges_of_a_cluster())):
        for build, path in builds("S1", tool):
            wall, cpu = start_ratios([path, *arguments], [true], 40 * rounds)
            yield Row(f"S1 true, {build}, wall", tool, wall, 1.6 if build == "dynamic" else 1.1)
            yield Row(f"S1 true, {build}, CPU", tool, cpu, 2.0 if build == "dynamic" else None)


def against_others(rounds):
    """S2: against what a script would start instead."""
    secret = "kubectl create secret generic x --dry-run=client -o yaml --from-literal=a=b"
    jq = f"jq -r .clusterIpv4Cidr {BENCH / 'cluster.json'}"
    for peer, limit, starts, tool, arguments in (
            (secret, 1 / 25, 10, "mesh-gateway-gen", MANIFESTS), (jq, 1 / 8, 10, "mesh-cidrs", ranges_of_a_cluster()),
            ("gcloud --version", 1 / 300, 1, "mesh-gateway-gen", MANIFESTS)):
        name = peer.split()[0]
        if not has(f"S2 {name}", name):
            continue
        label = run("jq --version")[2].decode().strip() if name == "jq" else " ".join(peer.split()[:3])
        for build, path in builds("S2", tool):
            _, cpu = start_ratios([path, *arguments], words(peer), starts * rounds)
            yield Row(f"S2 {label}, {build}", tool, cpu, limit)


def sizes(rounds):
    """S3: memory of an ordinary call and the file's size, in MB; and how far from `true` a client is."""
    for tool, arguments in (("mesh-gateway-gen", MANIFESTS), ("mesh-cidrs", ["-f", BENCH / "clusters-5k.txt"])):
        for build, path in builds("S3", tool):
            memory = peak(" ".join(map(str, [path, *arguments])))[2]
            yield Row(f"S3 MB of the file; of memory, {build}", tool, path.stat().st_size / 1e6, 1.0,
                      memory, 2.5 if build == "dynamic" else 1.0)
    if not has("S3 networked", "openssl"):
        return
    path = program("mesh-apply")
    leave = [path, "--kubeconfig", kubeconfig(1), "--leave", "x", "--context", "c0", "--timeout", "0"]
    memory = peak(" ".join(map(str, leave)) + " 2>/dev/null", [4])[2]
    yield Row("S3 MB of the file; of memory, networked", "mesh-apply", path.stat().st_size / 1e6, 7.0, memory, 7)
    _, cpu = start_ratios(leave, [shutil.which("true")], 40 * rounds)
    yield Row("S3 true, networked, CPU", "mesh-apply", cpu, 3)


def client(rounds):
    """S4: from a kubeconfig of 500 contexts to a client, and its first refused connection."""
    if not (has("S4", "kubectl") and has("S4", "openssl")):
        return
    file = kubeconfig(500)
    ours = f"mesh-remote-secret --kubeconfig {file} --context c250 2>/dev/null"
    theirs = f"kubectl --kubeconfig {file} config current-context"
    ratios = [run(ours, [4])[0] / run(theirs)[0] for _ in range(rounds + 1)][1:]
    yield Row("S4 kubectl config current-context", "500 contexts", statistics.median(ratios), 1 / 8)


def counted(_rounds):
    """S5: millions of instructions, which do not depend on what else the machine does."""
    if not has("S5", "valgrind"):
        return
    for tool, arguments in (("mesh-gateway-gen", MANIFESTS), ("mesh-cidrs", ranges_of_a_cluster())):
        for build, path in builds("S5", tool):
            yield Row(f"S5 millions of instructions, {build}", tool, instructions([path, *arguments]) / 1e6, 2.0)
            yield Row(f"S5 the same of --help, {build}", tool, instructions([path, "--help"]) / 1e6, 0.6)
