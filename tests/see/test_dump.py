"""vervet dump."""

import http.client
import os
import re
import resource
import socket
import subprocess
import threading
import time

from see import PYTHON, case, dump, dump_until, program, running, vervet


def named(seen, name):
    return next(g for g in seen["greenlets"] if g["name"] == name)


@case
def deadlock_is_named_with_holders_and_places():
    with running([program("deadlock")]) as p:
        seen = dump_until(p.pid, lambda s: s["deadlocks"] == 1)
        alice, bob = named(seen, "alice"), named(seen, "bob")
        assert alice["owner"] == bob["id"] and bob["owner"] == alice["id"], seen
        assert any("take_one_first" in f and "deadlock.c:" in f for f in alice["frames"]), alice
        assert any("take_two_first" in f for f in bob["frames"]), bob
        text = vervet("dump", p.pid)
        assert re.search(r"deadlock 1:\n +greenlet \d+ \(alice\) waits for mutex 0x[0-9a-f]+ held by greenlet \d+ \(bob\)", text), text
        assert named(seen, "deadlock")["text"].endswith(f"waits for the end of greenlet {alice['id']} (alice)"), seen


@case
def ten_thousand_are_quick():
    with running([program("many"), "10000"]) as p:
        assert p.stdout.readline() == b"ready\n"
        dump_until(p.pid, lambda s: sum(g["text"].count(": read from") for g in s["greenlets"]) == 10001, "--no-stacks")
        start = time.monotonic()
        seen = dump(p.pid)
        took = time.monotonic() - start
        assert len(seen["greenlets"]) == 10001, len(seen["greenlets"])
        readers = [g for g in seen["greenlets"] if g["id"] > 1 and re.search(r"parked .*: read from descriptor \d+ pipe:", g["text"])]
        assert len(readers) >= 10000, len(readers)
        assert all(any("reader (many" in f for f in g["frames"]) for g in readers[:10000]), readers[0]
        assert took < 10, took  # 0.3 s where nothing else runs
        assert len(dump(p.pid, "--greenlet=17")["greenlets"]) == 1
        assert [g["id"] for g in dump(p.pid, "--only=descriptor 0")["greenlets"]] == [1]
        out, err = p.communicate(timeout=120)
        assert p.returncode == 0 and err == b"", (p.returncode, err)


@case
def nothing_is_disturbed():
    code = ("import threading,time\n"
            "n=[0]*20\n"
            "def f(i):\n"
            "    for _ in range(200): n[i]+=1; time.sleep(0.005)\n"
            "t=[threading.Thread(target=f,args=(i,)) for i in range(20)]\n"
            "print('go',flush=True)\n"
            "[x.start() for x in t]; [x.join() for x in t]; print(sum(n))")
    with running([PYTHON, "-c", code]) as p:
        assert p.stdout.readline() == b"go\n"
        while p.poll() is None:
            subprocess.run([os.path.join(os.path.dirname(__file__), "../../build/vervet"), "dump", "--running", str(p.pid)],
                           capture_output=True)
        assert p.stdout.read() == b"4000\n" and p.returncode == 0 and p.stderr.read() == b""


@case
def running_and_hopping_are_seen_on_their_kernel_threads():
    with running([program("spin")]) as p:
        def there(s):
            return any("flock" in g["text"] for g in s["greenlets"]) and any(g["state"] == "running" for g in s["greenlets"])
        seen = dump_until(p.pid, there, "--running")
        hopping = next(g for g in seen["greenlets"] if "flock" in g["text"])
        assert hopping["state"] == "hopping" and any("locker" in f for f in hopping["frames"]), hopping
        spinning = next(g for g in seen["greenlets"] if g["state"] == "running")
        assert any("spinner" in f for f in spinning["frames"]), spinning


@case
def peers_of_connections_are_shown():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(5)
        port = listener.getsockname()[1]
        code = ("import socket,threading\n"
                f"s=socket.create_connection(('127.0.0.1',{port}))\n"
                "t=threading.Thread(target=s.recv,args=(1,)); t.start(); t.join()")
        with running([PYTHON, "-c", code]) as p:
            seen = dump_until(p.pid, lambda s: any("recv from tcp" in g["text"] for g in s["greenlets"]))
            text = next(g["text"] for g in seen["greenlets"] if "recv from tcp" in g["text"])
            assert re.search(rf"tcp 127\.0\.0\.1:\d+ <- 127\.0\.0\.1:{port} ", text), text


@case
def bad_words_are_refused():
    assert "no process id" in vervet("dump", status=125)
    assert "not a process id" in vervet("dump", "x", status=125)
    assert "unknown option" in vervet("dump", "--nonsense", "1", status=125)
    assert "not a greenlet's number" in vervet("dump", "--greenlet=2x", "1", status=125)
    assert "one process" in vervet("dump", "1", "2", status=125)
    assert "no such process" in vervet("dump", 2 ** 22 + 1, status=125)
    plain = subprocess.Popen(["sleep", "60"])
    try:
        time.sleep(0.2)
        assert "not patched" in vervet("dump", plain.pid, status=125)
    finally:
        plain.kill()
        plain.wait()


@case
def a_program_without_threads_is_shown():
    with running(["sleep", "60"]) as p:
        dump_until(p.pid, lambda s: len(s["greenlets"]) == 1)
        assert vervet("dump", "--greenlet=7", p.pid).endswith("\nno such greenlet\n")
        assert vervet("dump", "--deadlocks", p.pid).endswith("\nno deadlock\n")
        seen = dump_until(p.pid, lambda s: len(s["greenlets"]) == 1 and "nanosleep" in s["greenlets"][0]["text"])
        assert seen["hub"].startswith("no hub"), seen


SERVER = """
import http.server, sys
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 500
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = self.path.encode() * 100
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): pass
s = Server(("127.0.0.1", 0), Handler)
print(s.server_port, flush=True)
s.serve_forever()
"""


@case
def a_server_with_200_connections_goes_on_unharmed():
    with running([PYTHON, "-c", SERVER]) as p:
        port = int(p.stdout.readline())
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
        busy = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        bad, stop = [], threading.Event()

        def client():
            while not stop.is_set():
                busy.request("GET", "/abc")
                if busy.getresponse().read() != b"/abc" * 100:
                    bad.append(1)

        thread = threading.Thread(target=client)
        thread.start()
        seen = dump_until(p.pid, lambda s: sum(bool(re.search(r"recv from tcp 127", g["text"])) for g in s["greenlets"]) >= 200)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        for _ in range(5):
            seen = dump(p.pid)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 5
        stop.set()
        thread.join()
        ports = {s.getsockname()[1] for s in idle}
        parked = [g for g in seen["greenlets"] if (m := re.search(r"<- 127\.0\.0\.1:(\d+) ", g["text"])) and int(m[1]) in ports]
        assert len(parked) == 200 and not bad and p.poll() is None, (len(parked), bad)
        assert all(any("_PyEval_EvalFrameDefault" in f for f in g["frames"]) for g in parked), parked[0]
        assert took < 0.5, took  # of CPU, which other programs do not add to; 0.1 s
        for s in idle:
            s.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        for s in idle:
            text = b"".join(iter(lambda: s.recv(65536), b""))
            assert text.endswith(b"/x" * 100), text
            s.close()
