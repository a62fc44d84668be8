"""C, R and J: ours and a program that does the same with a file, in CPU time and memory."""
import statistics

from inputs import lines_of, make, v4_lines
from measure import BENCH, Row, has, instructions, peak, program, ratio, run, skip

IPADDRESS = "python3 -c 'import ipaddress,sys; [print(n) for n in ipaddress.collapse_addresses(map(ipaddress.ip_network, open(sys.argv[1]).read().split()))]'"
PYJSON = "python3 -c 'import json,sys; [print(c[\"clusterIpv4Cidr\"]) for c in json.load(open(sys.argv[1]))]'"
MAWK = "mawk '{n[$3]++} END {for (k in n) print k, n[k]}' {file}"
COUNT = "mesh-lbcheck -f {file}"
# Random ranges are public ones.
PUBLIC = ["--allow-public", "0.0.0.0/0,::/0"]
EXACT = f"mesh-cidrs {' '.join(PUBLIC)} -f {{file}}"
AS_IS = "mesh-cidrs --no-aggregate -f {file}"
# Name, input, our command, peer's command, most CPU as a ratio of the peer's, most memory alike.
PAIRS = [
    ("C1 iprange", "v4-1m.txt", EXACT, "iprange {file}", 0.20, 0.8),
    ("C1 rs-aggregate", "v4-1m.txt", EXACT, "rs-aggregate {file}", 0.40, None),
    ("C2 sort -u", "v4-1m.txt", EXACT, "env LC_ALL=C sort -u {file}", 0.12, None),
    ("C2 iprange", "clusters-5k.txt", EXACT, "iprange {file}", 0.40, None),
    ("C2 collapse_addresses", "clusters-5k.txt", EXACT, IPADDRESS + " {file}", 1 / 80, None),
    ("C2 aggregate6", "clusters-5k.txt", EXACT, "aggregate6 -4 {file}", 1 / 80, None),
    ("C3 rs-aggregate", "v6-200k.txt", EXACT, "rs-aggregate {file}", 0.80, None),
    ("C3 collapse_addresses", "v6-200k.txt", EXACT, IPADDRESS + " {file}", 1 / 80, None),
    ("C4 wc -l", "v4-1m.txt", EXACT, "wc -l {file}", 12, None),
    ("R1 wc -l", "replies-2m.txt", COUNT, "wc -l {file}", 4, None),
    ("R1 mawk", "replies-2m.txt", COUNT, MAWK, 0.30, None),
    ("R1 sort and uniq -c", "replies-2m.txt", COUNT, "env LC_ALL=C sort {file} | LC_ALL=C uniq -c", 0.05, None),
    ("J1 jq", "clusters-1000.json", AS_IS, "jq -r '.[].clusterIpv4Cidr' {file}", 0.10, None),
    ("J1 python json", "clusters-1000.json", AS_IS, PYJSON + " {file}", 0.20, None),
    # In one piece, into memory of its own: what reading alone costs.
    ("J1 dd", "clusters-1000.json", AS_IS, "dd status=none bs=64M of=/dev/null if={file}", 2, None),
]
# Peers that count or read instead of giving the same lines.
OTHER_ANSWER = ("C2 sort", "C4", "R1", "J1 dd")


def pair(name, file, ours, peer, cpu_limit, memory_limit, rounds):
    if not has(name, peer.split()[2 if peer.startswith("env ") else 0]):
        return None
    ours, peer = (command.replace("{file}", str(BENCH / file)) for command in (ours, peer))
    same = True
    if not name.startswith(OTHER_ANSWER):
        mine, theirs = ({line.removesuffix(b"/32").removesuffix(b"/128") for line in run(command)[2].split()}
                        for command in (ours, peer))
        same = mine == theirs
    memory = peak(ours)[2] / peak(peer)[2]
    return Row(name, file, ratio(ours, peer, rounds), cpu_limit, memory, memory_limit, same)


def pairs(prefix):
    def rows(rounds):
        for one in PAIRS:
            if one[0].startswith(prefix) and (row := pair(*one, rounds)):
                yield row
    return rows


def ranges(rounds):
    """C4: a line in instructions, and what the static build makes of many lines."""
    yield from pairs("C4")(rounds)
    if has("C4 instructions a line", "valgrind"):
        few, many = (instructions([program("mesh-cidrs"), *PUBLIC, "-f", make(name, lines_of(lambda n=count: v4_lines(n)))])
                     for name, count in (("v4-10k.txt", 10_000), ("v4-110k.txt", 110_000)))
        yield Row("C4 instructions a line", "v4-110k.txt", (many - few) / 100_000, 450)
    static = program("mesh-cidrs", static=True)
    if has("C4 static build", str(static)):
        file = BENCH / "v4-1m.txt"
        ours, theirs = (f"{tool} {' '.join(PUBLIC)} -f {file}" for tool in (static, program("mesh-cidrs")))
        yield Row("C4 static build, of the dynamic one", "v4-1m.txt", ratio(ours, theirs, rounds), None,
                  peak(ours)[2] / peak(theirs)[2])


def replies(rounds):
    """R1: with the locale that most terminals have, too; and memory that does not grow."""
    yield from pairs("R1")(rounds)
    file = BENCH / "replies-2m.txt"
    yield Row("R1 memory, MB", file.name, None, None, peak(f"mesh-lbcheck -f {file}")[2], 3)
    locales = run("locale -a")[2].decode().split() if has("R1 sort in a language", "locale") else []
    spoken = next((name for name in locales if name.lower() in ("en_us.utf8", "en_us.utf-8", "en_gb.utf8", "de_de.utf8")), None)
    if not spoken:
        skip("R1 sort in a language", "no locale such as en_US.UTF-8 is here")
        return
    theirs = f"env LC_ALL={spoken} sort {file} | LC_ALL={spoken} uniq -c"
    ours = f"mesh-lbcheck -f {file}"
    values = [run(ours)[0] / run(theirs)[0] for _ in range(min(rounds, 3))]
    yield Row(f"R1 sort and uniq -c, {spoken}", file.name, statistics.median(values), 1 / 150)


def inventory(rounds):
    """J1: memory as a part of the file and 3 MB, too."""
    yield from pairs("J1")(rounds)
    file = BENCH / "clusters-1000.json"
    wanted = file.stat().st_size / 2**20 + 3
    yield Row("J1 memory, of the file and 3 MB", file.name, None, None, peak(AS_IS.replace("{file}", str(file)))[2] / wanted, 1)
