"""Debian's threaded servers and clients: stunnel, redis and memcached, checked plain and patched.

vervet-needs: stunnel4 redis-server redis-tools memcached openssl
"""

import concurrent.futures
import contextlib
import hashlib
import os
import signal
import socket
import ssl
import subprocess
import threading

from real import Server, case, free_port, needs, run

CLIENTS = 200


class Echo:
    """A plain echo server in this process."""

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=CLIENTS)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=(self.listener.accept()[0],), daemon=True).start()

    @staticmethod
    def serve(s):
        with s, contextlib.suppress(OSError):
            while data := s.recv(65536):
                s.sendall(data)


def make_certificate():
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
                    "-days", "2", "-subj", "/CN=localhost"], check=True, capture_output=True)


def tls_client(number, port, context, barrier):
    sent = hashlib.sha256(b"%d" % number).digest() * (1 + number * 37 % 700)
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=40)) as s:
        barrier.wait(40)
        for _ in range(3):
            s.sendall(sent)
            got = b""
            while len(got) < len(sent):
                data = s.recv(65536)
                assert data, "closed early"
                got += data
            assert got == sent, f"client {number}: wrong bytes"
    return len(sent)


@case
def stunnel_with_two_hundred_clients():
    needs("stunnel4", "openssl")
    make_certificate()
    context = ssl.create_default_context(cafile="cert.pem")
    context.check_hostname = False
    sums = []
    for patched in (False, True):
        port = free_port()
        with Echo() as echo:
            with open("stunnel.conf", "w") as f:
                f.write(f"foreground = yes\npid =\nsyslog = no\ndebug = err\n[echo]\naccept = 127.0.0.1:{port}\n"
                        f"connect = 127.0.0.1:{echo.port}\ncert = cert.pem\nkey = key.pem\n")
            with Server(["stunnel4", "stunnel.conf"], port, patched) as server:
                barrier = threading.Barrier(CLIENTS)
                with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
                    sums.append(sum(pool.map(lambda n: tls_client(n, port, context, barrier), range(CLIENTS))))
                status = server.stop(signal.SIGTERM)
                sums.append(status)
    assert sums[:2] == sums[2:], sums


@case
def redis_under_its_benchmark():
    needs("redis-server", "redis-benchmark", "redis-cli")
    answers = []
    for patched in (False, True):
        port = str(free_port())
        argv = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--dir",
                os.getcwd(), "--appendfsync", "everysec"]
        with Server(argv, int(port), patched) as server:
            status, out, err = run(["redis-benchmark", "-p", port, "--threads", "4", "-c", "50", "-n", "10000", "-q", "-t",
                                    "set,get,incr,lpush,rpop"], patched=patched, timeout=60)
            assert status == 0 and b"ERR" not in out + err, (patched, out[-500:], err[-500:])
            cli = ["redis-cli", "-p", port]
            run([*cli, "eval", "for i=1,1000 do redis.call('set', 'k'..i, i) end", "0"], patched=patched)
            got = [run([*cli, *command.split()], patched=patched)[:2] for command in
                   ("get k77", "get counter:__rand_int__", "llen mylist", "dbsize", "bgrewriteaof", "object encoding k1",
                    "no-such-command")]
            answers.append((got, server.stop(signal.SIGTERM)))
        for name in os.listdir("."):
            if os.path.isdir(name):
                for file in os.listdir(name):
                    os.remove(os.path.join(name, file))
    assert answers[0] == answers[1], answers


@case
def memcached_with_four_threads():
    needs("memcached")
    for patched in (False, True):
        port = free_port()
        argv = ["memcached", "-p", str(port), "-U", "0", "-l", "127.0.0.1", "-t", "4", "-u", "nobody"]
        with Server(argv, port, patched) as server:
            def client(number):
                with socket.create_connection(("127.0.0.1", port), timeout=30) as s, s.makefile("rwb") as f:
                    for i in range(100):
                        value = b"%d-%d" % (number, i) * 50
                        f.write(b"set k%d-%d 0 0 %d\r\n%b\r\n" % (number, i, len(value), value))
                        f.flush()
                        assert f.readline() == b"STORED\r\n"
                        f.write(b"get k%d-%d\r\n" % (number, i))
                        f.flush()
                        assert f.readline().startswith(b"VALUE") and f.readline() == value + b"\r\n"
                        assert f.readline() == b"END\r\n"
                return 1
            with concurrent.futures.ThreadPoolExecutor(50) as pool:
                assert sum(pool.map(client, range(50))) == 50
            assert server.stop(signal.SIGTERM) in (0, -signal.SIGTERM)
