"""threads.c with gevent: create, grow, pingpong, yield, mutex, memory."""
import os
import re
import resource
import sys
import time

import gevent
from gevent.event import AsyncResult, Event
from gevent.lock import BoundedSemaphore
from gevent.os import nb_read

GROWN, BLOCKED = 5000, 1000


def memory_kib():
    with open("/proc/self/status") as f:
        s = dict(re.findall(r"^(\w+):\s+(\d+)", f.read(), re.M))
    return int(s["RssAnon"]) + int(s["VmPTE"]) + 16 * int(s["Threads"])


def each(op, n):
    op(n)
    took = 0
    while took < 0.2:
        begun = time.process_time()
        op(n)
        took = time.process_time() - begun
        if took < 0.2:
            n = int(n * 0.24 / took) if took > 0.01 else n * 10
    print(f"{took / n * 1e9:.2f}")


def create(n):
    for _ in range(n):
        gevent.spawn(int).join()


def pingpong(n):
    turns = [Event(), Event()]

    def play(me):
        for _ in range(n // 2):
            turns[me].wait()
            turns[me].clear()
            turns[1 - me].set()

    turns[0].set()
    other = gevent.spawn(play, 1)
    play(0)
    other.join()


def yields(n):
    for _ in range(n // 2):
        gevent.sleep(0)


def yield_(n):
    other = gevent.spawn(yields, n)
    yields(n)
    other.join()


def lock(n):
    mutex = BoundedSemaphore(1)
    for _ in range(n):
        mutex.acquire()
        mutex.release()


def grow():
    gate, here = AsyncResult(), []

    def guest():
        here.append(1)
        gate.wait()

    begun = time.process_time()
    for _ in range(GROWN):
        gevent.spawn(guest)
    while len(here) < GROWN:
        gevent.sleep(0)
    print(f"{(time.process_time() - begun) / GROWN * 1e9:.1f}")


def memory():
    pipes = [os.pipe() for _ in range(BLOCKED)]
    for r, _ in pipes:
        os.set_blocking(r, False)
    before = memory_kib()
    for r, _ in pipes:
        gevent.spawn(nb_read, r, 1)
    gevent.sleep(0.2)
    print(f"{(memory_kib() - before) / BLOCKED:.2f}")


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    what = {"create": lambda: each(create, 200), "grow": grow, "pingpong": lambda: each(pingpong, 200),
            "yield": lambda: each(yield_, 200), "mutex": lambda: each(lock, 2000), "memory": memory}.get(sys.argv[1])
    if not what:
        return 77
    what()
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
