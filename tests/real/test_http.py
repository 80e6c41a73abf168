"""Python's own HTTP server under 200 clients, and curl against it.

vervet-needs: curl
"""

import concurrent.futures
import contextlib
import hashlib
import os
import signal
import socket
import threading
import time

from real import PYTHON, Server, case, free_port, needs, run, same

CLIENTS = 200


def make_files():
    sums = {}
    for i in range(8):
        data = b"".join(hashlib.sha256(b"%d %d" % (i, n)).digest() for n in range(50 + 900 * i))
        with open(f"file{i}", "wb") as f:
            f.write(data)
        sums[f"/file{i}"] = hashlib.sha256(data).digest()
    return sums


def http_server(patched):
    port = free_port()
    return Server([PYTHON, "-m", "http.server", str(port), "--protocol", "HTTP/1.1", "--bind", "127.0.0.1"], port,
                  patched)


def fetch(stream, s, path, slowly):
    request = f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode()
    for part in ([request[:9], request[9:20], request[20:]] if slowly else [request]):
        s.sendall(part)
        if slowly:
            time.sleep(0.1)
    status = stream.readline()
    assert status.startswith(b"HTTP/1.1 200"), status
    length = None
    while (line := stream.readline()) != b"\r\n":
        assert line, "closed in the headers"
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    body = stream.read(length)
    assert len(body) == length
    return hashlib.sha256(body).digest()


@contextlib.contextmanager
def accepted(port):
    """A connection that has been answered once: the server's backlog is 5, so they come one by one."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as s, s.makefile("rb") as stream:
        fetch(stream, s, "/file0", False)
        yield s, stream


def client(number, port, sums, connecting, barrier):
    """One kept-alive connection; every fourth client is slow."""
    wrong = 0
    with contextlib.ExitStack() as stack:
        with connecting:
            s, stream = stack.enter_context(accepted(port))
        barrier.wait(30)
        for round in range(3):
            path = f"/file{(number + round) % 8}"
            wrong += fetch(stream, s, path, number % 4 == 0) != sums[path]
    return wrong


def serve_all(patched):
    sums = make_files()
    with http_server(patched) as server, concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        connecting, barrier = threading.Lock(), threading.Barrier(CLIENTS, lambda: setattr(server, "peak_threads", 0))
        wrong = sum(pool.map(lambda n: client(n, server.port, sums, connecting, barrier), range(CLIENTS)))
        assert wrong == 0, f"{wrong} wrong bodies"
        return server.peak_threads


@case(alone=True)
def two_hundred_clients_plain():
    assert serve_all(False) > 100


@case(alone=True)
def two_hundred_clients_patched():
    """200 connections asked one after the other, then all at once, are served by no more than 4 kernel threads."""
    sums = make_files()
    with http_server(True) as server, contextlib.ExitStack() as stack:
        connections = [stack.enter_context(accepted(server.port)) for _ in range(CLIENTS)]
        server.peak_threads = 0  # shells have been made
        for round in range(3):
            for number, (s, stream) in enumerate(connections):
                path = f"/file{(number + round) % 8}"
                assert fetch(stream, s, path, False) == sums[path]
        assert 0 < server.peak_threads <= 4, f"{server.peak_threads} kernel threads"
    peak = serve_all(True)
    assert 0 < peak <= 4, f"{peak} kernel threads while 200 clients asked at once"


@case
def ends_like_plain():
    status = {}
    for patched in (False, True):
        with http_server(patched) as server:
            with socket.create_connection(("127.0.0.1", server.port)):
                time.sleep(0.2)
                status[patched] = server.stop(signal.SIGTERM)
    assert status[True] == status[False] == -signal.SIGTERM, status
    for patched in (False, True):
        with http_server(patched) as server:
            time.sleep(0.2)
            status[patched] = server.stop(signal.SIGINT), "Keyboard interrupt" in server.output()
    assert status[True] == status[False], status


@case
def curl_parallel():
    needs("curl")
    make_files()
    os.mkdir("out")
    for server_patched in (False, True):
        with http_server(server_patched) as server:
            for patched in (False, True):
                urls = []
                for i in range(50):
                    urls += ["-o", f"out/{i}", f"http://localhost:{server.port}/file{i % 8}"]
                status, out, err = run(["curl", "-sS", "--parallel", "--parallel-max", "20", *urls], patched=patched)
                assert status == 0, (patched, err)
                for i in range(50):
                    with open(f"out/{i}", "rb") as a, open(f"file{i % 8}", "rb") as b:
                        assert a.read() == b.read(), (patched, i)
                    os.remove(f"out/{i}")
            same(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}\n", f"http://localhost:{server.port}/missing"])
    same(["curl", "-sS", "http://no-such-host.invalid/"])
    same(["curl", "-s", f"http://127.0.0.1:{free_port()}/"])


PYTHON_SLEEPERS = """
import threading, time
start = time.monotonic()
threads = [threading.Thread(target=time.sleep, args=(1,)) for _ in range(100)]
for t in threads: t.start()
for t in threads: t.join()
took = time.monotonic() - start
assert 1 <= took < 1.5, took
print("slept")
"""


@case(alone=True)
def a_hundred_sleepers():
    assert same([PYTHON, "-c", PYTHON_SLEEPERS])[0] == 0
