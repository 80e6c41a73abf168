"""--trace and vervet timeline: the JSON keeps its promises, the picture is one.


"""

import collections
import json
import os
import subprocess
import tempfile
import time
import xml.dom.minidom

from see import PYTHON, VERVET, case, environment, program, running, until, vervet


def load(path):
    with open(path) as f:
        return json.load(f)


def check(trace):
    """Slices of a track do not overlap; every wait that ends has a cause, and every arrow two ends. Returns its slices."""
    tracks, starts, ends = collections.defaultdict(list), {}, {}
    for e in trace["traceEvents"]:
        if e["ph"] == "X":
            assert e["dur"] >= 0, e
            tracks[e["pid"], e["tid"]].append((round(e["ts"] * 1000), round((e["ts"] + e["dur"]) * 1000), e["cat"], e["name"]))
        elif e["ph"] in "sf":
            (starts if e["ph"] == "s" else ends)[e["id"]] = e["tid"], round(e["ts"] * 1000)
    assert starts.keys() == ends.keys()
    woken = collections.defaultdict(set)
    for tid, ts in ends.values():
        woken[tid].add(ts)
    last = max(s[1] for t in tracks.values() for s in t)
    for (pid, tid), slices in tracks.items():
        slices.sort(key=lambda s: s[:2])
        for before, after in zip(slices, slices[1:]):
            assert before[1] <= after[0], (pid, tid, before, after)
        for i, (start, end, kind, name) in enumerate(slices):
            if kind == "parked" and end < last:
                near = [ts for ts in woken[tid] if abs(ts - end) <= 1]
                assert near, (tid, name, start, end)
                assert slices[i + 1][2] == "runnable", slices[i:i + 2]
    return tracks


def trace(argv, status=0, **options):
    with tempfile.TemporaryDirectory() as where:
        path = os.path.join(where, "t.json")
        done = subprocess.run([VERVET, "--trace=" + path, *argv], capture_output=True, text=True, timeout=120, env=environment())
        assert done.returncode == status, done
        assert os.listdir(where) == ["t.json"], os.listdir(where)
        return done.stdout, load(path), vervet("timeline", path, "--svg=" + path + ".svg"), open(path + ".svg").read()


@case
def every_kind_of_event_keeps_its_promises():
    handed_over = 0
    for i in range(5):
        out, t, said, svg = trace([program("mixed")])
        assert out == "done\n" and said == ""
        tracks = check(t)
        kinds = {s[2] for (pid, tid), slices in tracks.items() if pid == 2 for s in slices}
        assert kinds == {"running", "runnable", "parked", "hop"}, kinds
        names = {s[3] for (pid, tid), slices in tracks.items() if pid == 2 for s in slices if s[2] == "parked"}
        assert {"read", "mutex", "sleep", "thread"} <= names, names
        assert len([p for p in tracks if p[0] == 2]) == 9, tracks.keys()
        handed_over += any(e["ph"] == "i" and e["name"] == "handed over" for e in t["traceEvents"])
        assert t["otherData"]["lost"] == 0
    assert handed_over, "no hand-over in any run, though a thread computes for 100 ms beside others"


@case
def the_picture_has_a_row_for_each_and_shows_who_woke_whom():
    code = ("import threading,time\n"
            "t=[threading.Thread(target=time.sleep,args=(0.02,)) for i in range(2)]\n"
            "[x.start() for x in t]; [x.join() for x in t]")
    out, t, said, svg = trace([PYTHON, "-c", code])
    doc = xml.dom.minidom.parseString(svg)
    texts = [n.firstChild.data for n in doc.getElementsByTagName("text")]
    assert [w for w in texts if w.startswith("greenlet ")] == ["greenlet 1 python3", "greenlet 2 python3", "greenlet 3 python3"], texts
    assert "sleep" in texts and svg.count("marker-end") >= 4, svg
    for r in doc.getElementsByTagName("rect"):
        if r.getAttribute("x"):
            assert 0 <= float(r.getAttribute("x")) <= 1300 and float(r.getAttribute("width")) > 0


@case
def memory_is_bounded_and_the_newest_is_kept():
    out, t, said, svg = trace([program("mixed"), "60000"])
    assert out == "done\n" and t["otherData"]["lost"] > 0, t["otherData"]
    tracks = check_some(t)
    assert len(tracks) >= 3


def check_some(t):
    """What began before the ring's oldest event is not known: only overlaps are looked for."""
    tracks = collections.defaultdict(list)
    for e in t["traceEvents"]:
        if e["ph"] == "X":
            tracks[e["pid"], e["tid"]].append((e["ts"], e["ts"] + e["dur"]))
    for slices in tracks.values():
        slices.sort()
        assert all(a[1] <= b[0] + 0.001 for a, b in zip(slices, slices[1:]))
    return tracks


@case
def a_killed_program_leaves_what_it_had():
    with tempfile.TemporaryDirectory() as where:
        path = os.path.join(where, "t.json")
        with running([program("many"), "5"], ["--trace=" + path]) as p:
            p.stdout.readline()
            p.kill()
            p.wait()
        assert os.listdir(where) == ["t.json.ring"], os.listdir(where)
        vervet("timeline", path + ".ring", "--json=" + path, "--remove")
        assert os.listdir(where) == ["t.json"]
        assert len([k for k in check(load(path)) if k[0] == 2]) == 6


@case
def programs_without_threads_and_children_leave_none():
    with tempfile.TemporaryDirectory() as where:
        path = os.path.join(where, "t-%p.json")
        done = subprocess.run([VERVET, "--trace=" + path, "sh", "-c", f"{program('mixed')} & {program('mixed')}; wait; true"],
                              capture_output=True, text=True, timeout=120, env=environment())
        assert done.stdout == "done\ndone\n" and done.stderr == "", done
        found = sorted(os.listdir(where))
        assert len(found) == 2 and all(f.endswith(".json") for f in found), found
        for f in found:
            check(load(os.path.join(where, f)))


@case
def bad_words_are_refused():
    assert "no trace given" in vervet("timeline", "--svg=x", status=125)
    assert "either --svg" in vervet("timeline", "x", status=125)
    assert "bad value" in vervet("timeline", "x", "--svg=y", "--from=", status=125)
    assert "not what --trace writes" in vervet("timeline", "/etc/passwd", "--svg=/tmp/x", status=125)
    assert "not what a traced program" in vervet("timeline", "/bin/ls", "--json=/tmp/x", status=125)
    assert "No such file" in vervet("timeline", "/no/such", "--svg=/tmp/x", status=125)
    assert "file name is missing" in vervet("--trace=", "true", status=125)
