"""The inputs, the same bytes every time."""
import base64
import json
import random
import subprocess

from measure import BENCH


def v4_lines(count, seed=1):
    """Random ranges of /16 to /32."""
    rng = random.Random(seed)
    for _ in range(count):
        length = rng.randint(16, 32)
        address = rng.getrandbits(32) >> (32 - length) << (32 - length)
        yield f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}/{length}"


def v6_lines(count, seed=2):
    """Random ranges of /32 to /64 below 2001:db8::/32's neighbours."""
    rng = random.Random(seed)
    for _ in range(count):
        length = rng.randint(32, 64)
        address = (0x2001 << 112 | rng.getrandbits(112)) >> (128 - length) << (128 - length)
        groups = [f"{address >> shift & 0xffff:x}" for shift in range(112, 48, -16)]
        yield ":".join(groups) + f"::/{length}"


def cluster_lines():
    """What five thousand clusters have: pods, services, nodes and two node pools each."""
    for i in range(5000):
        a, b = divmod(i, 64)
        yield f"10.{a}.{b * 4}.0/22"
        yield f"172.{16 + i % 16}.{i // 16 % 256}.0/24"
        yield f"100.{64 + a % 64}.{b * 4}.0/24"
        yield f"100.{64 + a % 64}.{b * 4 + 1}.0/24"
        yield f"192.168.{i % 256}.0/24"


def gcloud_list(count):
    """`gcloud container clusters list --format=json`, 15 KB a cluster."""
    pool = {"config": {"oauthScopes": ["scope"] * 40, "metadata": {f"key{i}": "v" * 60 for i in range(40)},
                       "tags": ["node"]}, "version": "1.33.5-gke.1000",
            "instanceGroupUrls": [f"https://compute.example/groups/{'g' * 60}-{i}" for i in range(40)]}
    for i in range(count):
        cidr = f"10.{i // 64}.{i % 64 * 4}.0/22"
        pools = [{"name": f"pool-{n}", "networkConfig": {"podIpv4CidrBlock": cidr}, **pool} for n in range(1 + i % 3)]
        yield {"name": f"cluster-{i}", "location": "us-central1", "clusterIpv4Cidr": cidr,
               "servicesIpv4Cidr": f"172.{16 + i % 16}.{i // 16}.0/24", "nodePools": pools,
               "selfLink": f"https://container.example/v1/projects/p/locations/us-central1/clusters/cluster-{i}"}


def reply_lines(count, seed=3):
    """What HelloWorld's two versions answer, five pods each."""
    rng = random.Random(seed)
    for _ in range(count):
        version, pod = rng.randint(1, 2), rng.randint(1, 5)
        yield f"Hello version: v{version}, instance: helloworld-v{version}-86f77cd7bd-pod0{pod}"


def make(name, text):
    """The file of that name; `text` is asked for it only where it is not there yet."""
    path = BENCH / name
    if not path.exists():
        path.with_suffix(".new").write_text(text())
        path.with_suffix(".new").rename(path)
    return path


def gcloud_file(count):
    return make(f"clusters-{count}.json", lambda: json.dumps(list(gcloud_list(count)), indent=2) + "\n")


def lines_of(lines):
    return lambda: "\n".join(lines()) + "\n"


def make_all():
    BENCH.mkdir(parents=True, exist_ok=True)
    for name, lines in {"replies-2m.txt": lambda: reply_lines(2_000_000),
                        "v4-1m.txt": lambda: v4_lines(1_000_000), "v4-10k.txt": lambda: v4_lines(10_000),
                        "v4-110k.txt": lambda: v4_lines(110_000), "v6-200k.txt": lambda: v6_lines(200_000),
                        "clusters-5k.txt": cluster_lines}.items():
        make(name, lines_of(lines))
    gcloud_file(1000)
    make("cluster.json", lambda: json.dumps(next(gcloud_list(1)), indent=2) + "\n")


def authority():
    """A certificate: a client without one reads all that the system trusts."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=bench -days 3650"
    return make("authority.pem", lambda: subprocess.run(command.split(), capture_output=True, text=True, check=True).stdout)


def kubeconfig(count):
    """A kubeconfig of so many contexts, all of a port that nothing listens on."""
    data = "A" * 1500
    trust = f"certificate-authority-data: {base64.b64encode(authority().read_bytes()).decode()}"
    parts = ["apiVersion: v1\nkind: Config\ncurrent-context: c0\nclusters:\n"]
    parts += [f"- name: c{i}\n  cluster:\n    server: https://127.0.0.1:1\n    {trust}\n" for i in range(count)]
    parts += ["contexts:\n"] + [f"- name: c{i}\n  context:\n    cluster: c{i}\n    user: c{i}\n" for i in range(count)]
    parts += ["users:\n"] + [f"- name: c{i}\n  user:\n    token: {data}\n" for i in range(count)]
    return make(f"kubeconfig-{count}", lambda: "".join(parts))
