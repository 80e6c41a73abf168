"""apache2 with threads and nginx with worker processes: asked by ab, reloaded under load, stopped.

vervet-needs: apache2-bin apache2-utils nginx
"""

import concurrent.futures
import hashlib
import http.client
import os
import re
import signal
import socket
import subprocess
import time

from real import Server, Skip, case, environment, free_port, kill_group, library_for_all, needs, run, wait_for

MODULES = "/usr/lib/apache2/modules"


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


def check_ab(out, requests):
    text = out.decode()
    assert re.search(rf"Complete requests: +{requests}\n", text) and re.search(r"Failed requests: +0\n", text), text
    assert "Non-2xx" not in text, text


def ab_command(port, path, requests, clients, *options):
    needs("ab")
    return ["ab", "-q", "-n", str(requests), "-c", str(clients), *options, f"http://127.0.0.1:{port}{path}"]


def ab(port, path, requests, clients, *options):
    status, out, err = run(ab_command(port, path, requests, clients, *options), timeout=60)
    assert status == 0, (out, err)
    check_ab(out, requests)


def reloaded_under_load(server, port, sig):
    """No request fails while the server is told to reload three times."""
    load = subprocess.Popen(ab_command(port, "/index.html", 10000, 20), env=environment(False), stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, start_new_session=True)
    try:
        for _ in range(3):
            time.sleep(0.2)
            server.process.send_signal(sig)
        out = load.communicate(timeout=60)[0]
    finally:
        kill_group(load)
    check_ab(out, 10000)


def bad_lines(log, bad):
    with open(log) as f:
        return [line for line in f if re.search(bad, line)]


def make_files():
    os.makedirs("www", exist_ok=True)
    big = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(60000))
    with open("www/index.html", "w") as f:
        f.write("hello\n" * 100)
    with open("www/big", "wb") as f:
        f.write(big)
    return big


def stalled(port, n):
    """Connections that have sent half a request."""
    connections = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(n)]
    for s in connections:
        s.sendall(b"GET /index.html HT")
    return connections


def finish(connections):
    for s in connections:
        s.sendall(b"TP/1.0\r\n\r\n")
    for s in connections:
        with s, s.makefile("rb") as f:
            got = f.read()
            assert got.startswith(b"HTTP/1.1 200") and got.endswith(b"hello\n" * 100), got[:100]


def apache_configuration(mpm, port):
    names = ["mpm_" + mpm, "authz_core", "mime", "dir", "cgid", "deflate", "filter"]
    if not all(os.path.exists(f"{MODULES}/mod_{name}.so") for name in names):
        raise Skip("needs Debian's apache2-bin")
    here = os.getcwd()
    os.makedirs("run", exist_ok=True)
    with open("www/program.cgi", "w") as f:
        f.write("#!/bin/sh\nprintf 'Content-type: text/plain\\n\\n'\necho query $QUERY_STRING\n")
    os.chmod("www/program.cgi", 0o755)
    with open("mime.types", "w") as f:
        f.write("text/html html\n")
    with open("apache.conf", "w") as f:
        f.write("".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so\n" for name in names))
        f.write(f"""
ServerName localhost
ServerRoot {here}
DefaultRuntimeDir {here}/run
PidFile {here}/run/pid
Listen 127.0.0.1:{port}
User www-data
Group www-data
ErrorLog {here}/errors
ScriptSock {here}/run/cgi
TypesConfig {here}/mime.types
StartServers 2
ThreadsPerChild 25
MinSpareThreads 25
MaxSpareThreads 75
MaxRequestWorkers 150
KeepAliveTimeout 2
DocumentRoot {here}/www
<Directory {here}/www>
Require all granted
Options +ExecCGI
AddHandler cgi-script .cgi
</Directory>
""")


def apache(mpm):
    needs("apache2")
    library_for_all()
    big = make_files()
    answers = []
    for patched in (False, True):
        port = free_port()
        apache_configuration(mpm, port)
        with Server(["apache2", "-f", os.path.abspath("apache.conf"), "-DFOREGROUND"], port, patched) as s:
            ab(port, "/index.html", 5000, 100)
            ab(port, "/index.html", 5000, 20, "-k")
            with concurrent.futures.ThreadPoolExecutor(10) as pool:
                queries = list(pool.map(lambda n: get(port, f"/program.cgi?{n}"), range(10)))
            assert queries == [(200, b"query %d\n" % n) for n in range(10)], queries
            assert get(port, "/big") == (200, big) and get(port, "/none")[0] == 404
            connections = stalled(port, 60)
            assert get(port, "/index.html")[0] == 200
            finish(connections)
            reloaded_under_load(s, port, signal.SIGUSR1)
            # what tells it to end while it restarts is forgotten, plain too
            wait_for(lambda: len(bad_lines("errors", "resuming normal operations")) == 4, "the last restart")
            answers.append(s.stop(signal.SIGTERM, timeout=30))
        assert bad_lines("errors", "Doing graceful restart") and bad_lines("errors", "caught SIGTERM")
        assert not (bad := bad_lines("errors", "exit signal|did not exit|error|emerg")), bad
        os.remove("errors")
    assert answers == [0, 0], answers


@case
def apache_with_a_thread_per_connection():
    apache("worker")


@case
def apache_with_events_and_threads():
    apache("event")


def nginx_configuration(port, back, text):
    here = os.getcwd()
    directories = "".join(f"{kind}_temp_path {here}/{kind}; " for kind in
                          ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    with open("nginx.conf.new", "w") as f:
        f.write(f"""
daemon off; worker_processes 2; error_log {here}/errors info; pid {here}/pid; user www-data;
events {{ worker_connections 512; }}
http {{
    access_log off; aio threads; {directories}
    server {{
        listen 127.0.0.1:{port}; root {here}/www;
        location /text {{ return 200 "{text}"; }}
        location /slowly {{ limit_rate 500k; alias {here}/www/big; }}
        location /proxy/ {{ proxy_pass http://127.0.0.1:{back}/; }}
    }}
    server {{ listen 127.0.0.1:{back}; location / {{ return 200 "behind"; }} }}
}}
""")
    os.rename("nginx.conf.new", "nginx.conf")  # a reload may be under way


@case
def nginx_with_two_workers():
    needs("nginx")
    library_for_all()
    big = make_files()
    answers = []
    for patched in (False, True):
        port, back = free_port(), free_port()
        nginx_configuration(port, back, "one")
        with Server(["nginx", "-p", os.getcwd(), "-c", os.path.abspath("nginx.conf")], port, patched) as s, \
                concurrent.futures.ThreadPoolExecutor(10) as pool:
            ab(port, "/index.html", 3000, 100)
            ab(port, "/index.html", 3000, 100, "-k")
            ab(port, "/proxy/", 1000, 50)
            assert list(pool.map(lambda _: get(port, "/big"), range(10))) == [(200, big)] * 10
            connections = stalled(port, 60)
            assert get(port, "/text") == (200, b"one")
            finish(connections)
            slow = pool.submit(get, port, "/slowly")  # must end in a worker of before the reload
            reloaded_under_load(s, port, signal.SIGHUP)
            nginx_configuration(port, back, "two")
            s.process.send_signal(signal.SIGHUP)
            wait_for(lambda: get(port, "/text") == (200, b"two"), "reloaded")
            assert slow.result(40) == (200, big)
            answers.append(s.stop(signal.SIGQUIT, timeout=30))
        assert not (bad := bad_lines("errors", r"exited on signal|\[(alert|emerg|crit|error)\]")), bad
        os.remove("errors")
    assert answers == [0, 0], answers
