"""CPython's own tests, unmodified: every method ends patched as it ends plain. Both runs go on side by side.

A method that ends otherwise is run again, alone, twice on both sides: one that also varies plain is not counted.

vervet-needs: libpython3.11-testsuite
"""

import concurrent.futures
import os
import signal
import subprocess

from real import PYTHON, ROOT, case, environment, kill_group, needs_module

WATCHER = os.path.join(ROOT, "tests", "real", "methods.py")
BAD = ("FAILED", "ERROR", "unexpected success")
IGNORED = ["*ThreadedVSOCKSocketStreamTest*"]  # waits for ever where vsock has no peer


def read_results(path):
    """What each method ended with; "started" for the one that was cut off."""
    ended = {}
    with open(path, errors="replace") as f:
        for line in f:
            name, _, what = line.rstrip("\n").rpartition("\t")
            if name and ended.get(name) not in BAD:
                ended[name] = what
    return ended


def run_methods(module, patched, timeout, only=()):
    """Results, the run's status, and its last lines."""
    where = os.path.abspath(f"{module}-{patched}")
    os.makedirs(where, exist_ok=True)
    path = os.path.join(where, "results")
    with open(path, "w"), open(os.path.join(where, "out"), "w+b") as out:
        argv = [PYTHON, WATCHER, path, "-v", "--tempdir", where, "-u", "network" if module == "test_socketserver" else "none"]
        for pattern in IGNORED:
            argv += ["-i", pattern]
        for name in only:
            argv += ["-m", name]
        child = subprocess.Popen([*argv, module], cwd=where, env=environment(patched), stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=out, start_new_session=True)
        try:
            status = child.wait(timeout)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGABRT)  # faulthandler shows where the threads are
            status = child.wait(10)
        finally:
            kill_group(child)
        out.seek(0)
        return read_results(path), status, out.read().decode(errors="replace")[-3000:]


def endings(module, name, first, patched):
    """What a method ends with in three runs."""
    return {first, *(run_methods(module, patched, 60, [name])[0].get(name) for _ in range(2))}


def same_methods(module, timeout=100):
    needs_module("test." + module)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        (plain, status, text), (patched, patched_status, patched_text) = pool.map(
            lambda patched: run_methods(module, patched, timeout), (False, True))
    assert plain and status in (0, 1, 2), f"plain: {module} {status} {text}"
    different = {}
    for name in sorted(plain.keys() | patched.keys()):
        if plain.get(name) != patched.get(name):
            usual = endings(module, name, plain.get(name), False)
            if not endings(module, name, patched.get(name), True) <= usual:
                different[name] = (plain.get(name), patched.get(name))
    assert not different, f"{different}\n{patched_text}"
    assert patched_status == status or status != 0, f"{module} ends with {patched_status}\n{patched_text}"


def add(module, long):
    def test():
        same_methods(module, 400 if long else 100)
    test.__name__, test.__module__ = module[5:], __name__
    case(long=long, limit=1000 if long else 240)(test)


for name in ("test_signal", "test_ssl", "test_socket", "test_subprocess", "test_selectors", "test_poll", "test_threading",
             "test_queue", "test_eintr", "test_fork1", "test_wait3", "test_wait4", "test_select", "test_epoll",
             "test_thread", "test_threading_local", "test_pty"):
    add(name, long=False)
for name in ("test_concurrent_futures", "test_asyncio", "test_multiprocessing_spawn", "test_multiprocessing_fork",
             "test_io", "test_faulthandler", "test_httpservers", "test_socketserver", "test_context", "test_os",
             "test_posix"):
    add(name, long=True)
