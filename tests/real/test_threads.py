"""C programs with threads that plain blocking calls, forks and signals must not hold up, driven from outside."""

import concurrent.futures
import contextlib
import ctypes
import mmap
import os
import re
import signal
import socket
import statistics
import struct
import time

from real import Server, case, compiled, free_port, run


def ask(f, number, rounds):
    for i in range(rounds):
        f.write(b"sum %d %d %d\n" % (number, i, i * i) if i % 2 else b"x" * (number + i) + b"\n")
        f.flush()
        expected = b"%d\n" % (number + i + i * i) if i % 2 else b"%d bytes\n" % (number + i + 1)
        assert (got := f.readline()) == expected, (got, expected)


def client(port, number):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s, s.makefile("rwb") as f:
        ask(f, number, 20)


@case
def streams_beside_five_hundred_that_stall():
    """500 clients that have sent half a line delay no other; they get their answers when they send the rest."""
    program = compiled("tests/real/stdio_server.c")
    for patched in (False, True):
        port = free_port()
        with Server([program, str(port)], port, patched), concurrent.futures.ThreadPoolExecutor(50) as pool:
            stalled = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(500)]
            for number, s in enumerate(stalled):
                s.sendall(b"sum %d " % number)
            list(pool.map(lambda n: client(port, n), range(50)))
            for s in stalled:
                s.sendall(b"1000\n")
            for number, s in enumerate(stalled):
                with s, s.makefile("rwb") as f:
                    assert f.readline() == b"%d\n" % (number + 1000)
                    ask(f, number % 50, 2)


@case
def forks_beside_conversations():
    program = compiled("tests/real/fork_storm.c")
    for patched in (False, True):
        assert (got := run([program], patched=patched)) == (0, b"500 children ended well, 20000 messages arrived\n", b""), got


def before_others():
    """Other programs on a busy machine must not be what makes ticks late. In the child; needs privileges."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


@case(alone=True)
def ticks_beside_fifty_that_wait_for_children():
    """The latest tick of the middle run is no more than 10 ms later than the plain run's."""
    program = compiled("tests/real/waiting_parent.c")
    late = {False: [], True: []}
    for _ in range(7):
        for patched in (False, True):
            status, out, err = run([program], patched=patched, preexec_fn=before_others)
            assert status == 0 and out.split() == [b"%d" % i for i in range(50)], (patched, status, out)
            late[patched].append(float(err))
        if len(late[True]) >= 3 and statistics.median(late[True]) <= statistics.median(late[False]) + 0.01:
            return
    raise AssertionError(f"seconds that ticks were late: {late}")


@case
def forks_of_fifty_queue_up():
    """Each would need a kernel thread, and all of them the lock of the address space, which the hub needs, too."""
    program = compiled("tests/real/waiting_parent.c")
    status, _, err = run([program], patched=True, env={"VERVET_STATS": "1"})
    most = max(int(n) for n in re.findall(rb"carriers at peak (\d+)", err))
    assert status == 0 and most < 10, (status, most)


class Counts:
    """What the server of signals has counted: a file that both map."""

    def __init__(self, path):
        with open(path, "w+b") as f:
            f.write(bytes(16))
            f.flush()
            self.memory = mmap.mmap(f.fileno(), 16)

    def handled_and_sum(self):
        return struct.unpack("qq", self.memory)


def send_counted(pid, counts, n):
    """Signals with values, each sent when the last one has been handled: they are not queued."""
    sigqueue = ctypes.CDLL(None).sigqueue
    sigqueue.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_void_p]
    for i in range(n):
        assert sigqueue(pid, signal.SIGUSR1, i) == 0
        end = time.monotonic() + 10
        while counts.handled_and_sum()[0] <= i:
            assert time.monotonic() < end, f"signal {i} is not handled"
            time.sleep(0)
    assert counts.handled_and_sum() == (n, n * (n - 1) // 2), counts.handled_and_sum()


def echo_until(port, stop):
    message, rounds = os.urandom(3000), 0
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s, s.makefile("rb") as f:
        while rounds == 0 or not stop():
            s.sendall(message)
            assert f.read(len(message)) == message
            rounds += 1
    return rounds


@case
def ten_thousand_signals_to_a_busy_server():
    program = compiled("tests/real/signal_server.c")
    for patched in (False, True):
        port, counts = free_port(), Counts("counts")
        with Server([program, str(port), "counts"], port, patched) as s, concurrent.futures.ThreadPoolExecutor(9) as pool:
            sending = pool.submit(send_counted, s.process.pid, counts, 10000)
            rounds = list(pool.map(lambda _: echo_until(port, sending.done), range(8)))
            sending.result()
            assert min(rounds) > 10 and s.process.poll() is None, rounds
