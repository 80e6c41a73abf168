#!/usr/bin/python3
"""What a run that takes too long is waiting for. The test runners import this; shell scripts call it:

   tests/patience.py SECONDS COMMAND...

runs the command in a process group of its own. If it takes longer, its threads' backtraces and its greenlets' are printed
and the group is killed: status 124.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GREENLETS = os.path.join(ROOT, "scripts", "vervet-gdb.py")
# What a shell starts in the background may ignore these, and so would all that a test starts.
for number, action in (signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, action)

KEPT = re.compile(r"Thread |greenlet |#|\s+(\d+|Id) |deadlock|vervet")


def backtraces(pid):
    """Those of a process's kernel threads, and of its greenlets if it is patched."""
    if not shutil.which("gdb"):
        return "(no gdb: no backtraces)\n"
    try:
        done = subprocess.run(["gdb", "-nx", "-batch", "-p", str(pid), "-iex", "set debuginfod enabled off",
                               "-iex", "set auto-load python-scripts off", "-ex", "thread apply all bt 20",
                               "-ex", "source " + GREENLETS, "-ex", "info greenlets", "-ex", "greenlet apply all bt 20"],
                              timeout=60, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    except subprocess.TimeoutExpired:
        return "(gdb took too long: no backtraces)\n"
    return "\n".join([line for line in done.stdout.splitlines() if KEPT.match(line)][:600]) + "\n"


def show_if_late(kind, pid):
    """For whatever has an exception of that kind, if it says that a time is over."""
    if kind and issubclass(kind, (TimeoutError, subprocess.TimeoutExpired)):
        print(f"process {pid}\n{backtraces(pid)}", flush=True)


def members(group):
    """The processes of a process group, zombies left out."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{entry}/stat") as f:
            state, _, of = f.read().rpartition(")")[2].split()[:3]
            if int(of) == group and state != "Z":
                found.append(int(entry))
    return found


def show_group(group):
    return "".join(f"process {pid}\n{backtraces(pid)}" for pid in members(group)[:20])


def wait(child, seconds):
    """Like child.wait(seconds), second by second: a machine that stood still counts as one."""
    for _ in range(int(seconds)):
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(1)
    return child.wait(1)


def kill_group(child):
    """A process started with start_new_session, and whatever it has left behind in its process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def descendants(of):
    """The processes below a process, zombies left out."""
    children = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{entry}/stat") as f:
            state, parent = f.read().rpartition(")")[2].split()[:2]
            if state != "Z":
                children.setdefault(int(parent), []).append(int(entry))
    found = list(children.get(of, []))
    for pid in found:
        found += children.get(pid, [])
    return found


@contextlib.contextmanager
def limit(seconds):
    """What this process has started, and what is there still after so many seconds, is shown and killed: whatever waits
    for it goes on, and fails."""
    def end():
        processes = descendants(os.getpid())
        shown = "".join(f"process {pid}\n{backtraces(pid)}" for pid in processes[:20])
        print(f"still running after {seconds:g} s\n{shown}", flush=True)
        for pid in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def main():
    child = subprocess.Popen(sys.argv[2:], start_new_session=True)
    try:
        status = wait(child, int(sys.argv[1]))
    except subprocess.TimeoutExpired:
        print(f"still running after {sys.argv[1]} s\n{show_group(child.pid)}", flush=True)
        status = 124
    finally:
        kill_group(child)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
