"""What the tests of seeing share: programs, patched processes, the command."""

import contextlib
import json
import os
import signal
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VERVET = os.path.join(ROOT, "build", "vervet")
BUILD = os.path.join(ROOT, "build", "tests", "see")
PYTHON = "/usr/bin/python3"
CASES = []


class Skip(Exception):
    pass


def case(f):
    CASES.append(f)
    return f


def program(name):
    source = os.path.join(ROOT, "tests", "see", "programs", name + ".c")
    binary = os.path.join(BUILD, name)
    if not os.path.exists(binary) or os.path.getmtime(binary) < os.path.getmtime(source):
        os.makedirs(BUILD, exist_ok=True)
        subprocess.run(["gcc", "-g", "-O1", "-D_GNU_SOURCE", "-fno-optimize-sibling-calls", "-pthread", source, "-o", binary],
                       check=True)
    return binary


def environment(**extra):
    env = {k: v for k, v in os.environ.items() if not k.startswith("VERVET_") and k != "LD_PRELOAD"}
    return dict(env, LC_ALL="C.UTF-8", **extra)


@contextlib.contextmanager
def running(argv, options=(), **more):
    child = subprocess.Popen([VERVET, *options, "--", *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, start_new_session=True, env=environment(), **more)
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        if child.stdin.closed:
            child.stdin = None
        child.communicate()


def vervet(*words, status=0, timeout=120):
    done = subprocess.run([VERVET, *map(str, words)], capture_output=True, text=True, timeout=timeout, env=environment())
    assert done.returncode == status, f"vervet {' '.join(map(str, words))}: status {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def dump(pid, *options):
    return json.loads(vervet("dump", "--json", *options, pid))


def until(what, seconds=10):
    """Call what() until it gives something true; that."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < end, "did not happen within %g s" % seconds
        time.sleep(0.05)


def dump_until(pid, good, *options):
    def look():
        done = subprocess.run([VERVET, "dump", "--json", *options, str(pid)], capture_output=True, text=True, env=environment())
        if done.returncode:
            return None
        seen = json.loads(done.stdout)
        return seen if good(seen) else None
    return until(look)
