"""SCALE: meshes of ever more clusters through all steps, from the inventory to the picture."""
import base64
import contextlib
import json
import math
import signal
import subprocess
import sys
import time

from clusters import HOME, api_servers, captures
from inputs import authority, gcloud_file
from measure import BENCH, Row, has, peak, run, skip

SIZES = (2, 20, 100, 511, 1000)
SERVICES = 20  # to a cluster in the captures: with 500, those of 1,000 clusters fill the disc
PEERS = 8  # remote Secrets for each cluster in the fan-out: all of them are 999,000 for one etcd
SERVERS = 3
LINEAR = 1.2  # the greatest exponent that is still linear: sorting, and memory that caches do not hold
AT = "2027-06-01T00:00:00Z"


class Steps:
    """What each step has cost at each size."""

    def __init__(self):
        self.costs = {}  # step -> {clusters: (work, CPU seconds, MB)}
        self.units = {}

    def add(self, step, unit, clusters, work, cpu, memory):
        self.units[step] = unit
        self.costs.setdefault(step, {})[clusters] = (work, cpu, memory)
        print(f"SCALE: {clusters:>5} clusters: {step}: {work:,} {unit}, {cpu:.3f} s, {memory:.1f} MB", file=sys.stderr, flush=True)

    def growth(self, step):
        """Exponents of CPU time from 100 clusters on, where starting no longer counts: in the
        clusters, and in what the step works on."""
        sizes = sorted(self.costs[step])
        pairs = [(count, self.costs[step][count]) for count in sizes if count >= 100]
        if len(pairs) < 2:
            return None, None
        (few, (work, cpu, _)), (many, (more, most, _)) = pairs[0], pairs[-1]
        power = math.log(most / cpu)
        return power / math.log(many / few), power / math.log(more / work)

    def table(self):
        sizes = sorted({count for costs in self.costs.values() for count in costs})
        lines = ["| step | " + " | ".join(f"{count:,}" for count in sizes) + " | growth in clusters | in its work |",
                 "|---|" + "---|" * (len(sizes) + 2)]
        for step, costs in self.costs.items():
            cells = [f"{costs[n][1]:.3g} s, {costs[n][2]:.0f} MB" if n in costs else "-" for n in sizes]
            clusters, work = self.growth(step)
            word = "-" if work is None else f"{'linear' if work <= LINEAR else f'n^{work:.1f}'} ({self.units[step]})"
            cells += ["-" if clusters is None else f"n^{clusters:.1f}", word]
            lines.append(f"| {step} | " + " | ".join(cells) + " |")
        return "\n".join(lines) + "\n"

    def rows(self):
        for step, costs in self.costs.items():
            _, work = self.growth(step)
            most = max(costs)
            if work is not None:
                yield Row(f"SCALE {step}: exponent in {self.units[step]}; MB", f"{most:,} clusters", work, LINEAR, costs[most][2])


def whole_chain(rounds):
    try:
        yield from chain(rounds)
    finally:
        # Tokens of the test bed are among them.
        for file in BENCH.glob("scale.*"):
            if file.name != "scale.md":
                file.unlink()


def chain(_rounds):
    steps = Steps()
    for count in SIZES:
        inventory(steps, count)
        whole_product(steps, count)
    for count in SIZES:
        judged(steps, count)
    with servers() as kubeconfig:
        if kubeconfig:
            for count in SIZES:
                written(steps, count, kubeconfig)
            if row := killed(SIZES[-1], kubeconfig):
                yield row
    (BENCH / "scale.md").write_text(steps.table())
    print(steps.table(), file=sys.stderr)
    yield from steps.rows()


def stage(steps, count, step, unit, work, command, output, statuses=(0,)):
    """Runs a step into a file; `work` is how much of the unit it works on."""
    with open(output, "wb") as out:
        cpu, _, memory = peak(command, statuses, out)
    steps.add(step, unit, count, work, cpu, memory)
    return output


def inventory(steps, count):
    """From what gcloud lists to firewall rules."""
    given = gcloud_file(count)
    records, ids, ranges = (BENCH / f"scale.{name}" for name in ("records", "ids", "ranges"))
    stage(steps, count, "mesh-clusters", "clusters", count, f"mesh-clusters -f {given}", records)
    stage(steps, count, "mesh-id", "clusters", count, f"mesh-id -f {records} --project-number 1", ids)
    # From the list itself, which is more than the records.
    stage(steps, count, "mesh-cidrs", "clusters", count, f"mesh-cidrs --no-aggregate -f {given}", ranges)
    firewall = f"mesh-firewall -f {ranges} --network default --target-tags mesh-node"
    stage(steps, count, "mesh-firewall", "clusters", count, firewall, BENCH / "scale.rules")


def secret(cluster, namespace, only=None):
    """The remote Secret of a cluster, of 2 KB."""
    kubeconfig = {"apiVersion": "v1", "kind": "Config", "current-context": cluster,
                  "clusters": [{"name": cluster, "cluster": {"server": f"https://{cluster}.example",
                                                             "certificate-authority-data": base64.b64encode(authority().read_bytes()).decode()}}],
                  "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
                  "users": [{"name": cluster, "user": {"token": "t" * 900}}]}
    annotations = {"networking.istio.io/cluster": cluster}
    if only:
        annotations["meshutils/cluster"] = only
    return {"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": f"istio-remote-secret-{cluster}", "namespace": namespace,
                         "labels": {"istio/multiCluster": "true"}, "annotations": annotations},
            "data": {cluster: base64.b64encode(json.dumps(kubeconfig).encode()).decode()}}


def write_list(path, items):
    with open(path, "w", encoding="utf-8") as out:
        for item in items:
            out.write(json.dumps(item) + "\n")


def record(name, **more):
    return {"apiVersion": "meshutils/v1alpha1", "kind": "Cluster", "name": name, "context": name, **more}


def contexts(path, count, parts):
    """A kubeconfig of so many contexts, each with a cluster and a user of its own."""
    lists = {"clusters": [], "contexts": [], "users": []}
    for i in range(count):
        cluster, user = parts[i % len(parts)]
        lists["clusters"].append({"name": f"c{i}", "cluster": cluster})
        lists["users"].append({"name": f"c{i}", "user": user})
        lists["contexts"].append({"name": f"c{i}", "context": {"cluster": f"c{i}", "user": f"c{i}"}})
    path.touch(mode=0o600)
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "c0", **lists}))
    return path


def whole_product(steps, count):
    """Each Secret to each other cluster: 999,000 places for 1,000 clusters, asking no API server."""
    file, kubeconfig = BENCH / "scale.secrets", BENCH / "scale.kubeconfig"
    write_list(file, (secret(f"c{i}", "istio-system") for i in range(count)))
    contexts(kubeconfig, count, [({"server": "https://127.0.0.1:1"}, {"token": "x"})])
    command = f"mesh-apply --to-peers --dry-run=client --kubeconfig {kubeconfig} -f {file}"
    places = count * (count - 1)
    result = stage(steps, count, "mesh-apply --dry-run=client", "places", places, command, BENCH / "scale.places")
    with open(result, "rb") as lines:
        said = sum(1 for _ in lines)
    result.unlink()
    if said != places:
        sys.exit(f"bench: SCALE: {said} places instead of {places}")


def judged(steps, count):
    """mesh-check and mesh-graph of captures in which all clusters are joined to all."""
    file = captures(count, SERVICES)
    size = file.stat().st_size
    stage(steps, count, "mesh-check", "bytes", size, f"mesh-check --at {AT} -f {file}", BENCH / "scale.findings")
    stage(steps, count, "mesh-graph", "bytes", size, f"mesh-graph --at {AT} -f {file}", BENCH / "scale.picture")
    file.unlink()


# --- against API servers, each of which stands for many clusters ---

@contextlib.contextmanager
def servers():
    """Three API servers: gives their clusters and users, or None where they cannot be had."""
    if not has("SCALE with API servers", "kubectl"):
        yield None
        return
    with api_servers("SCALE with API servers", "-n", str(SERVERS), "--istio") as are_here:
        if not are_here:
            yield None
            return
        config = json.loads(run(f"kubectl --kubeconfig {HOME / 'kubeconfig'} config view --raw -o json")[2])
        named = {kind: {one["name"]: one for one in config[kind]} for kind in ("clusters", "users")}
        parts = []
        for one in config["contexts"]:
            context = one["context"]
            parts.append((named["clusters"][context["cluster"]]["cluster"], named["users"][context["user"]]["user"]))
        yield parts


def share(count, run_name):
    """What the clusters get: a namespace of its own each, as they share servers, and in it the
    Secrets of its next peers."""
    for i in range(count):
        space = f"{run_name}-{i}"
        yield {"apiVersion": "v1", "kind": "Namespace",
               "metadata": {"name": space, "annotations": {"meshutils/cluster": f"c{i}"}}}
        for peer in range(1, min(PEERS, count - 1) + 1):
            yield secret(f"c{(i + peer) % count}", space, f"c{i}")


def fan_out(count, parts, run_name):
    """The command of a fan-out, and its objects in all."""
    file, kubeconfig = BENCH / "scale.secrets", contexts(BENCH / "scale.kubeconfig", count, parts)
    objects = list(share(count, run_name))
    write_list(file, objects)
    records = BENCH / "scale.targets"
    write_list(records, (record(f"c{i}") for i in range(count)))
    return f"mesh-apply --to {records} --kubeconfig {kubeconfig} -f {file}", objects


def written(steps, count, parts):
    """Remote Secrets of live clusters, and the fan-out of a part of them."""
    kubeconfig = contexts(BENCH / "scale.kubeconfig", count, parts)
    records = BENCH / "scale.targets"
    write_list(records, (record(f"c{i}", id=f"c{i}") for i in range(count)))
    stage(steps, count, "mesh-remote-secret", "clusters", count, f"mesh-remote-secret --allow-other-id -q --kubeconfig {kubeconfig} -f {records}", BENCH / "scale.made")
    command, objects = fan_out(count, parts, f"s{count}")
    stage(steps, count, "mesh-apply", "objects", len(objects), command, BENCH / "scale.done")


def found(parts, run_name):
    """The Secrets of a run that the API servers have: namespace, name, data."""
    there = {}
    for n in range(1, len(parts) + 1):
        listed = run(f"kubectl --kubeconfig {HOME / 'kubeconfig'} --context cluster{n} get secrets -A -l istio/multiCluster=true -o json")[2]
        for item in json.loads(listed)["items"]:
            meta = item["metadata"]
            if meta["namespace"].startswith(f"{run_name}-"):
                there[meta["namespace"], meta["name"]] = item["data"]
    return there


def killed(count, parts):
    """The fan-out again, killed in its middle, and run once more: then all is there as it was meant."""
    command, objects = fan_out(count, parts, "killed")
    wanted = {(one["metadata"]["namespace"], one["metadata"]["name"]): one["data"]
              for one in objects if one["kind"] == "Secret"}
    with open(BENCH / "scale.done", "wb") as out:
        process = subprocess.Popen(command.split(), stdout=out)
        spaces = f"kubectl --kubeconfig {HOME / 'kubeconfig'} --context cluster1 get namespaces -o name"
        # Clusters are done one after another, so a quarter of them is a quarter of the work.
        while process.poll() is None and run(spaces)[2].count(b"/killed-") * len(parts) < count / 4:
            time.sleep(0.1)
        process.kill()
        status = process.wait()
    before = found(parts, "killed")
    is_middle = status == -signal.SIGKILL and 0 < len(before) < len(wanted)
    with open(BENCH / "scale.done", "wb") as out:
        cpu, wall, memory = peak(command, stdout=out)
    after = found(parts, "killed")
    with open(BENCH / "scale.done", encoding="utf-8") as lines:
        actions = [json.loads(line).get("action") for line in lines]
    said = ", ".join(f"{actions.count(action):,} {action}" for action in sorted(set(actions)))
    print(f"SCALE: killed at {len(before):,} of {len(wanted):,} Secrets; then {said}, {cpu:.1f} s of CPU, {wall:.0f} s, {memory:.0f} MB; "
          f"{len(after):,} there, {'as meant' if after == wanted else 'NOT as meant'}", file=sys.stderr)
    missing = sum(after.get(key) != data for key, data in wanted.items()) + len(after.keys() - wanted.keys())
    if not is_middle:
        skip("SCALE killed and run again", "the fan-out was over before it could be killed")
        return None
    return Row("SCALE killed and run again, Secrets not as meant", f"{count:,} clusters on {len(parts)} servers",
               missing, 0.5, memory)
