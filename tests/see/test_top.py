"""vervet top, vervet metrics, VERVET_METRICS."""

import os
import re
import socket
import subprocess
import tempfile
import time

from see import PYTHON, VERVET, case, environment, program, running, until, vervet

TICKER = ("import threading,time,sys\n"
          "def f():\n"
          "    while True: time.sleep(0.01)\n"
          "for i in range(5): threading.Thread(target=f,daemon=True).start()\n"
          "print('go',flush=True); sys.stdin.read(1)")


def parse(text):
    """Prometheus text: {name with labels: value}, checked line by line."""
    values, typed = {}, set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            typed.add(line.split()[2])
        elif not line.startswith("#"):
            m = re.fullmatch(r'([a-z_]+)(\{([a-z]+="[^"]*",?)+\}) ([0-9.e+-]+)', line)
            assert m and m[1] in typed, line
            values[m[1] + ("" if "state=" not in m[2] else ":" + re.search('state="([a-z]+)"', m[2])[1])] = float(m[4])
    return values


@case
def top_shows_rates():
    with running([PYTHON, "-c", TICKER]) as p:
        p.stdout.readline()
        out = vervet("top", "--interval=1", "--count=2", p.pid)
        blocks = out.strip().split("\n\n")
        rates = [float(m) for m in re.findall(r"switches (\d+),", out)]
        assert len(rates) == 2 and all(200 < r < 2000 for r in rates), out
        assert re.search(r"6 greenlets:.* 6 parked|5 parked", out) and "run queue" in out and "hub load" in out, out
        assert re.search(r"\n +\d+ python3? +\d+\.\d +(7|8|9|10)\d  ", out), out
        p.stdin.close()
        p.wait(10)
        assert p.returncode == 0 and p.stderr.read() == b""


@case
def top_ends_with_the_process():
    with running([program("many"), "3"]) as p:
        p.stdout.readline()
        top = subprocess.Popen([VERVET, "top", "--interval=0.2", str(p.pid)], stdout=subprocess.PIPE, text=True, env=environment())
        time.sleep(0.6)
        p.kill()
        p.wait()
        out = top.communicate(timeout=10)[0]
        assert top.returncode == 0 and out.endswith("the process has ended\n"), out


@case
def metrics_agree_with_the_process():
    with running([program("many"), "50"]) as p:
        p.stdout.readline()
        time.sleep(0.2)
        m = parse(vervet("metrics", p.pid))
        assert m["vervet_greenlets:parked"] == 51 and m["vervet_greenlets_created_total"] == 50, m
        assert m["vervet_kernel_threads"] <= 4 and m["vervet_parks_total"] >= 51, m


@case
def metrics_are_served_in_a_file_and_on_a_socket():
    with tempfile.TemporaryDirectory() as where:
        path = os.path.join(where, "m.prom")
        with running([PYTHON, "-c", TICKER], ["--metrics=" + path]) as p:
            p.stdout.readline()
            first = parse(until(lambda: os.path.exists(path) and open(path).read()))
            later = until(lambda: (lambda v: v if v["vervet_switches_total"] > first["vervet_switches_total"] + 300 else None)(
                parse(open(path).read())))
            assert later["vervet_greenlets:parked"] + later["vervet_greenlets:running"] + later["vervet_greenlets:runnable"] == 6, later
        until(lambda: os.listdir(where) == [])
        with running([PYTHON, "-c", TICKER], ["--metrics=unix:" + path]) as p:
            p.stdout.readline()
            until(lambda: os.path.exists(path))
            for request in (b"", b"GET /metrics HTTP/1.1\r\n\r\n"):
                with socket.socket(socket.AF_UNIX) as s:
                    s.connect(path)
                    s.sendall(request)
                    text = b"".join(iter(lambda: s.recv(65536), b"")).decode()
                if request:
                    head, text = text.split("\r\n\r\n")
                    assert head.startswith("HTTP/1.0 200 OK"), head
                assert parse(text)["vervet_greenlets_created_total"] == 5, text
        until(lambda: os.listdir(where) == [])


@case
def metrics_replace_only_their_own_kind():
    with tempfile.TemporaryDirectory() as where:
        path = os.path.join(where, "there")
        for kind, make in (("", os.mkfifo), ("unix:", lambda p: open(p, "w").close())):
            make(path)
            with running([PYTHON, "-c", TICKER], ["--metrics=" + kind + path]) as p:
                p.stdout.readline()
                said = p.stderr.readline().decode()
                assert "is there and no " + ("socket" if kind else "file") in said, said
            assert os.listdir(where) == ["there"], os.listdir(where)
            os.unlink(path)


@case
def metrics_say_once_that_they_cannot_be_written():
    with tempfile.TemporaryDirectory() as where:
        path = os.path.join(where, "m.prom")
        os.symlink("/dev/full", path + ".new")
        with running([PYTHON, "-c", TICKER], ["--metrics=" + path]) as p:
            p.stdout.readline()
            assert "No space left" in p.stderr.readline().decode()
            os.unlink(path + ".new")
            until(lambda: os.path.exists(path))
            p.stdin.close()
            p.wait(10)
            assert p.stderr.read() == b""


@case
def bad_words_are_refused():
    assert "not a number" in vervet("top", "--interval=0", 1, status=125)
    assert "no process id" in vervet("metrics", status=125)
    assert "one process" in vervet("top", 1, 2, status=125)
    assert "one process" in vervet("metrics", 1, 2, status=125)
    assert "unknown option" in vervet("metrics", "--x", 1, status=125)
