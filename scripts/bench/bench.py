"""What the benchmarks share: variants (plain, vervet, peers), their programs, runs in turn, rows of one table.

A variant is measured in every round after the one before it, so that whatever else the machine does falls on all of
them; a ratio is always taken within one round, and medians of ratios are printed.
"""
import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, "build", "bench")
LIB = os.path.join(ROOT, "build", "libvervet.so")
VERVET = os.path.join(ROOT, "build", "vervet")
PEERS = ["epoll", "uring", "go", "st", "pth", "gevent"]
COLUMNS = ["what", "unit", "plain", "vervet", "ratio (spread)", "target"] + PEERS
LIBS = {"st": ["-lst"], "pth": ["-lpth"], "uring": ["-luring"]}


def note(text):
    print("# " + text, file=sys.stderr, flush=True)


def options(doc, **more):
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--runs", type=int, help="rounds (5; with --quick 3)")
    p.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    p.add_argument("--only-vervet", action="store_true", help="no peers")
    p.add_argument("--lib", default=LIB, help="another libvervet.so")
    p.add_argument("--no-head", action="store_true", help="only the table's rows")
    p.add_argument("rows", nargs="*", help="only these rows")
    for name, settings in more.items():
        p.add_argument("--" + name.replace("_", "-"), **settings)
    o = p.parse_args()
    o.runs = o.runs or (3 if o.quick else 5)
    os.makedirs(BUILD, exist_ok=True)
    if not o.no_head:
        head()
    return o


# ---- programs ----

def compiled(name, libs=()):
    binary = os.path.join(BUILD, name)
    source = os.path.join(HERE, name + ".c")
    done = subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-D_GNU_SOURCE", "-pthread", "-o", binary, source, *libs],
                          stderr=subprocess.PIPE, text=True)
    if done.returncode and not libs:
        sys.exit(done.stderr)
    return [binary] if done.returncode == 0 else None


def go(name):
    if not shutil.which("go"):
        return None
    binary = os.path.join(BUILD, name)
    env = dict(os.environ, GOCACHE=os.path.join(BUILD, "go"), GOFLAGS="-mod=mod", GO111MODULE="off")
    subprocess.run(["go", "build", "-o", binary, os.path.join(HERE, name + ".go")], check=True, env=env)
    return [binary]


def python(name):
    if subprocess.run(["/usr/bin/python3", "-c", "import gevent"], stderr=subprocess.DEVNULL).returncode:
        return None
    return ["/usr/bin/python3", os.path.join(HERE, name + ".py")]


def peer(workload, name):
    """The command of a peer, None if it is not installed or has no such program."""
    base = workload + "_" + name
    command = None
    if os.path.exists(os.path.join(HERE, base + ".go")):
        command = go(base)
    elif os.path.exists(os.path.join(HERE, base + ".py")):
        command = python(base)
    elif os.path.exists(os.path.join(HERE, base + ".c")):
        command = compiled(base, LIBS.get(name, ["-lc"]))
    else:
        return None
    if not command:
        note(f"{base}: skipped, not installed here (scripts/deps bench)")
    return command


def variants(workload, plain, options):
    """[(name, command, environment)]: plain first."""
    found = [("plain", plain, os.environ), ("vervet", plain, dict(os.environ, LD_PRELOAD=options.lib))]
    if not options.only_vervet:
        found += [(name, command, os.environ) for name in PEERS if (command := peer(workload, name))]
    return found


# ---- the echo server (echo_*.c) under load ----

@contextlib.contextmanager
def echo_server(command, env):
    """Start it on core 0; yields its process id and port."""
    p = subprocess.Popen(["taskset", "-c", "0", *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env)
    try:
        yield p.pid, p.stdout.readline().decode().strip()
    finally:
        p.kill()
        p.wait()


def echo_load(load, server, active, idle, seconds, rate=0):
    """Load it from core 1; requests per second, and microseconds of its CPU for each."""
    pid, port = server
    out = subprocess.run(["taskset", "-c", "1", *load, port, str(pid), str(active), str(idle), str(seconds),
                          str(rate)],
                         stdout=subprocess.PIPE, timeout=seconds + 120, check=True).stdout
    return float(out.split()[0]), float(out.split()[1])


# ---- rounds and rows ----

def rounds(n, measures):
    """measures: {name: function that gives a number, or None}. Returns {name: numbers}, in turn."""
    results = {name: [] for name in measures}
    for _ in range(n):
        for name, measure in measures.items():
            results[name].append(measure())
    return {name: numbers for name, numbers in results.items() if None not in numbers}


def shown(x):
    return f"{x:.0f}" if abs(x) >= 1000 else f"{x:.3g}"


def head():
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + " --- |" * len(COLUMNS), flush=True)


def row(what, unit, results, target=""):
    """One line of the table; target: the greatest ratio, or text."""
    plain = results.get("plain")
    if "vervet" not in results:
        return note(f"{what}: no result")

    def ratios(name):
        return sorted(x / p for x, p in zip(results[name], plain))

    def cell(name):
        if name not in results:
            return "-"
        value = shown(statistics.median(results[name]))
        return f"{value} ({shown(statistics.median(ratios(name)))})" if plain else value

    spread = "-"
    if plain:
        r = ratios("vervet")
        spread = f"**{statistics.median(r):.2f}** ({r[0]:.2f}-{r[-1]:.2f})"
    cells = [what, unit, shown(statistics.median(plain)) if plain else "-", shown(statistics.median(results["vervet"])),
             spread, target if isinstance(target, str) else f"<= {target:g}"] + [cell(name) for name in PEERS]
    print("| " + " | ".join(cells) + " |", flush=True)
