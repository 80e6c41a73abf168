"""What the real programs' cases share: running plain and patched, servers, watching threads.

A case is a function marked @case or @case(...). It ends quietly, or raises Skip with a reason, or anything else for a
failure. It runs in a process and a directory of its own; that process is the reaper of whatever the case leaves behind,
and ends it by its process id.
"""

import contextlib
import ctypes
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from patience import descendants, show_group

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIBRARY = os.path.join(ROOT, "build", "libvervet.so")
BUILD = os.path.join(ROOT, "build", "tests", "real")
PYTHON = "/usr/bin/python3"

CASES = []


class Skip(Exception):
    pass


def case(f=None, *, alone=False, long=False, limit=120):
    """Mark a case: alone if it measures time, long if only --long is to run it, killed after so many seconds."""
    def mark(f):
        f.alone, f.long, f.limit = alone, long, limit
        CASES.append(f)
        return f
    return mark(f) if f else mark


def become_reaper():
    """Orphans below this process become its children: PR_SET_CHILD_SUBREAPER."""
    ctypes.CDLL(None).prctl(36, 1)


def kill_descendants(pid):
    for _ in range(100):
        if not (below := descendants(pid)):
            break
        for child in below:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        time.sleep(0.01)


def needs(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip(f"needs {program}")


def one_of(pattern):
    """The newest file of this pattern."""
    if not (found := sorted(glob.glob(pattern))):
        raise Skip(f"needs {pattern}")
    return found[-1]


def needs_module(name):
    if subprocess.run([PYTHON, "-c", f"import {name}"], capture_output=True).returncode:
        raise Skip(f"needs Python's {name}")


def compiled(source, *options, compiler="gcc"):
    """Build a C or C++ file below the project once; its path."""
    source = os.path.join(ROOT, source)
    binary = os.path.join(BUILD, os.path.splitext(os.path.basename(source))[0])
    if not os.path.exists(binary) or os.path.getmtime(binary) < os.path.getmtime(source):
        os.makedirs(BUILD, exist_ok=True)
        partial = f"{binary}.{os.getpid()}"  # another case may want it too
        subprocess.run([compiler, "-O1", "-g", "-D_GNU_SOURCE", "-pthread", source, "-o", partial, *options], check=True)
        os.rename(partial, binary)
    return binary


def is_patched(pid):
    with open(f"/proc/{pid}/maps") as f:
        return "libvervet" in f.read()


def library_for_all():
    """The library where every user can read it, for servers that change their user; call it before they start."""
    global LIBRARY
    LIBRARY = shutil.copy(LIBRARY, os.path.join(os.getcwd(), "libvervet.so"))
    os.chmod(LIBRARY, 0o755)


def as_user(name):
    """Options of Popen to be another user, for a server that does not run as root."""
    if os.getuid() != 0:
        return {}
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        raise Skip(f"needs the user {name}") from None
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def directory_of(name, path):
    """A directory that belongs to another user."""
    os.mkdir(path, 0o755)
    if owner := as_user(name):
        os.chown(path, owner["user"], owner["group"])
    return os.path.abspath(path)


def wait_for(condition, what, timeout=20):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {timeout} s"
        time.sleep(0.02)


def environment(patched, extra=None):
    env = dict(os.environ, LC_ALL="C.UTF-8", PYTHONDONTWRITEBYTECODE="1", **(extra or {}))
    if patched:
        env["LD_PRELOAD"] = " ".join(filter(None, [LIBRARY, env.get("LD_PRELOAD")]))
    return env


def kill_group(child):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def run(argv, patched=False, env=None, timeout=30, **options):
    """Run to the end, in a process group of its own; returns (status, stdout, stderr), texts as bytes."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(argv, env=environment(patched, env), stdout=out, stderr=err,
                                 stdin=options.pop("stdin", subprocess.DEVNULL), start_new_session=True, **options)
        try:
            status = child.wait(timeout)
        finally:
            kill_group(child)
        out.seek(0)
        err.seek(0)
        return status, out.read(), err.read()


def same(argv, **options):
    """The program answers the same patched as plain, whatever that is; returns the answer."""
    plain = run(argv, **options)
    patched = run(argv, patched=True, **options)
    if patched != plain:
        raise AssertionError(f"{argv}: patched {shorten(patched)}, plain {shorten(plain)}")
    return plain


def shorten(result):
    status, out, err = result
    return f"status {status}, {len(out)} bytes {out[-300:]!r}, stderr {err[-500:]!r}"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A server that listens on a port of its own while the block runs: with Server([...], port, patched) as s."""

    def __init__(self, argv, port, patched, env=None, **options):
        self.argv, self.port, self.patched, self.env, self.options = argv, port, patched, env, options
        self.peak_threads = 0

    def __enter__(self):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.argv, env=environment(self.patched, self.env), stdout=self.log,
                                        stdin=self.options.pop("stdin", subprocess.DEVNULL), stderr=self.log,
                                        start_new_session=True, **self.options)
        try:
            self.wait_until_up()
            assert is_patched(self.process.pid) == self.patched
        except BaseException:
            kill_group(self.process)
            raise
        self.watching = threading.Event()
        self.watcher = threading.Thread(target=self.watch)
        self.watcher.start()
        return self

    def __exit__(self, kind, *_):
        if kind and issubclass(kind, (TimeoutError, subprocess.TimeoutExpired)):
            print(f"{'patched' if self.patched else 'plain'} {self.argv}\n{show_group(self.process.pid)}", flush=True)
        self.watching.set()
        self.watcher.join()
        kill_group(self.process)
        self.log.close()

    def wait_until_up(self):
        for _ in range(600):
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            time.sleep(0.05)
        raise AssertionError(f"{self.argv} did not come up: {self.output()}")

    def output(self):
        self.log.seek(0)
        return self.log.read()[-1500:].decode(errors="replace")

    def threads(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return int(next(line for line in f if line.startswith("Threads:")).split()[1])

    def watch(self):
        while not self.watching.wait(0.02):
            with contextlib.suppress(OSError, StopIteration):
                self.peak_threads = max(self.peak_threads, self.threads())

    def stop(self, sig=signal.SIGTERM, timeout=10):
        """Ask it to end; its status."""
        self.process.send_signal(sig)
        return self.process.wait(timeout)
