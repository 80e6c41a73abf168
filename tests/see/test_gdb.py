"""scripts/vervet-gdb.py on a process and on a core file.

vervet-needs: gdb
"""

import os
import re
import shutil
import subprocess
import tempfile
import time

from see import ROOT, Skip, case, program, running

FUNCTIONS = ("wait_in_read", "wait_in_sleep", "wait_for_lock")


def gdb(*words, commands):
    if not shutil.which("gdb"):
        raise Skip("needs gdb")
    argv = ["gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-iex", "add-auto-load-safe-path " + ROOT + "/build", *words]
    for c in commands:
        argv += ["-ex", c]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    return done.stdout + done.stderr


def check(out):
    parts = re.split(r"\n(?=greenlet +\d+ )", out)
    for function in FUNCTIONS:
        mine = [p for p in parts if re.search(rf"#\d+ .* in {function} \(", p)]
        assert len(mine) == 1, (function, out)
        assert mine[0].startswith("greenlet") and "parked" in mine[0].splitlines()[0], mine[0]
        assert "#0 " not in mine[0], mine[0]
    main = next(p for p in parts if re.search(r"in main \(", p))
    assert "pthread_join" in main and main.startswith("greenlet 1 "), main


@case
def every_greenlet_of_a_process():
    with running([program("crash")]) as p:
        assert p.stdout.readline() == b"ready\n"
        time.sleep(0.2)
        out = gdb("-p", str(p.pid), commands=["info greenlets", "greenlet 3", "bt", "greenlet off", "bt 1", "greenlet apply all bt"])
        assert re.search(r"\n +2 crash +parked +waits for read", out), out
        assert re.search(r"\n +4 crash +parked +waits for mutex 0x", out), out
        assert re.search(r"#\d+ .* in wait_in_sleep \(", out), out
        check(out[out.index("\ngreenlet 1 "):])
        assert p.poll() is None
        p.stdin.close()
        p.wait(10)
        assert p.returncode == -6, p.returncode


@case
def every_greenlet_of_a_core_file():
    if not shutil.which("gcore"):
        raise Skip("needs gcore")
    with tempfile.TemporaryDirectory() as where, running([program("crash")]) as p:
        assert p.stdout.readline() == b"ready\n"
        subprocess.run(["gcore", "-o", where + "/core", str(p.pid)], capture_output=True, check=True, timeout=120)
        core = f"{where}/core.{p.pid}"
        out = gdb(program("crash"), core, commands=["info greenlets wait", "greenlet apply all bt"])
        check(out)


@case
def bad_words_are_refused():
    with running([program("crash")]) as p:
        p.stdout.readline()
        out = gdb("-p", str(p.pid), commands=["greenlet 77", "greenlet apply all"])
        assert "no greenlet 77" in out and "greenlet apply all COMMAND" in gdb("-p", str(p.pid), commands=["greenlet apply all"]), out


@case
def a_crash_leaves_every_stack():
    pattern = open("/proc/sys/kernel/core_pattern").read().strip()
    if pattern.startswith("|") or "/" in pattern:
        raise Skip("core files go elsewhere: " + pattern)
    with tempfile.TemporaryDirectory() as where:
        import resource
        with running([program("crash")], cwd=where,
                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (1 << 30, 1 << 30))) as p:
            p.stdout.readline()
            time.sleep(0.2)
            p.stdin.close()
            p.wait(20)
        cores = [f for f in os.listdir(where) if f.startswith(pattern.split("%")[0])]
        if not cores:
            raise Skip("no core file was written")
        check(gdb(program("crash"), os.path.join(where, cores[0]), commands=["greenlet apply all bt"]))
