"""Iterative servers that nobody here wrote: how they are started on a port, what they are asked.

vervet-needs: openssl perl libhttp-daemon-perl python3 ruby lua5.1 lua-socket guile-3.0 php-cli gnutls-bin ncat netcat-traditional mini-httpd micro-httpd socat nbd-server gawk
"""
import os
import re
import shutil
import subprocess
import tempfile
import time

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "foreign")
HTTP = [b"GET /page HTTP/1.0\r\n\r\n", b"GET /none HTTP/1.0\r\n\r\n", b"POST /page HTTP/1.0\r\n\r\n"]
LINES = [b"one line of %d\n" % i for i in range(3)]
CALL = b"<methodCall><methodName>pow</methodName><params><param><int>7</int></param><param><int>9</int></param></params>" \
       b"</methodCall>"
PAGE = b"".join(b"line %d of the page\n" % i for i in range(3000))
CHANGES = re.compile(rb"(?i)(date|server|last-modified|expires): [^\r\n]*|\d\d:\d\d:\d\d|[0-9A-F]{16}:error")
ALL, PROCESSES = ("greenlet", "fork", "prefork:40"), ("fork", "prefork:40")


class Foreign:
    """
    argv: words, in which {port}, {dir} (holds page, cert.pem, key.pem ...) and {here} stand for what they say.
    modes: those in which 200 clients are served beside 20 that stall; as_plain: those in which clients that come one after
    the other see the plain program. changes: what differs between two answers. enough: where a client need not wait for the end.
    """

    def __init__(self, argv, requests, tls=False, modes=ALL, as_plain=ALL, needs="", changes=CHANGES, once=False, enough=b"^$"):
        self.argv, self.requests, self.tls, self.modes, self.needs = argv, requests, tls, modes, needs
        self.as_plain, self.changes, self.once = as_plain, changes, once
        self.enough = re.compile(b"\\n$" if requests[0] in LINES else enough)


FOREIGN = {
    "s_server": Foreign("openssl s_server -WWW -quiet -accept 127.0.0.1:{port} -cert {dir}/cert.pem -key {dir}/key.pem",
                        HTTP[:2], tls=True),
    "s_server_reverses": Foreign("openssl s_server -rev -quiet -accept 127.0.0.1:{port} -cert {dir}/cert.pem "
                                 "-key {dir}/key.pem", LINES, tls=True),
    "ocsp": Foreign("openssl ocsp -port {port} -index {dir}/index.txt -CA {dir}/cert.pem -rsigner {dir}/cert.pem "
                    "-rkey {dir}/key.pem", ["ocsp.request"], changes=re.compile(rb"(?s)\r\n\r\n.*")),
    "http_daemon": Foreign("/usr/bin/perl {here}/daemon.pl {port} {dir}", HTTP, modes=PROCESSES, as_plain=PROCESSES,
                           needs="perl -MHTTP::Daemon -e 1"),
    "wsgiref": Foreign("/usr/bin/python3 -u {here}/wsgi.py {port}", HTTP, modes=PROCESSES, as_plain=PROCESSES),
    "http_server": Foreign("/usr/bin/python3 -u {here}/files.py {port}", HTTP, modes=PROCESSES, as_plain=PROCESSES),
    "xmlrpc": Foreign("/usr/bin/python3 -u {here}/calls.py {port}",
                      [b"POST /RPC2 HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(CALL) + CALL], modes=PROCESSES,
                      as_plain=PROCESSES),
    "lua": Foreign("lua5.1 {here}/echo.lua {port}", LINES, modes=PROCESSES, as_plain=PROCESSES,
                   needs="lua5.1 -e require('socket')"),
    "guile": Foreign("guile --no-auto-compile {here}/echo.scm {port}", LINES, modes=(), as_plain=PROCESSES),
    # These serve several clients by themselves, with select or processes of their own.
    "php": Foreign("php -S 127.0.0.1:{port} {here}/page.php", HTTP, modes=()),
    "gnutls": Foreign("gnutls-serv --echo -q -p {port} --x509certfile {dir}/cert.pem --x509keyfile {dir}/key.pem", LINES,
                      tls=True, modes=()),
    "ncat": Foreign("ncat -l -k 127.0.0.1 {port} -e /bin/cat", LINES, modes=()),
    "mini_httpd": Foreign("mini_httpd -D -p {port} -h 127.0.0.1 -d {dir}", HTTP[:1], modes=()),
    "micro_httpd": Foreign("socat TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork EXEC:micro-httpd_{dir}", HTTP[:1], modes=(),
                           as_plain=("greenlet", "fork")),  # prefork's processes share the pipe through which it ends
    "nbd": Foreign("nbd-server 127.0.0.1:{port} {dir}/page -r -d", [b""], modes=(), as_plain=("greenlet",), once=True, enough=b"(?s)^.{18}"),
    # It makes a listener for each client.
    "gawk": Foreign("gawk -f {here}/echo.awk -v port={port}", LINES, modes=(), as_plain=("greenlet",)),
    # And these serve one client altogether.
    "socat": Foreign("socat TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr PIPE", LINES[:1], modes=(), as_plain=("greenlet",), once=True),
    "nc": Foreign("nc.traditional -l -s 127.0.0.1 -p {port} -e /bin/cat", LINES[:1], modes=(), as_plain=("greenlet",), once=True),
}


def make_directory():
    """What the servers serve."""
    directory = tempfile.TemporaryDirectory(prefix="vervet-fanout-")
    with open(os.path.join(directory.name, "page"), "wb") as f:
        f.write(PAGE)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "9",
                    "-keyout", "key.pem", "-out", "cert.pem"], cwd=directory.name, check=True, capture_output=True)
    serial = subprocess.run(["openssl", "x509", "-in", "cert.pem", "-noout", "-serial"], cwd=directory.name, check=True,
                            capture_output=True, text=True).stdout.strip().split("=")[1]
    with open(os.path.join(directory.name, "index.txt"), "w") as f:
        f.write(f"V\t350101000000Z\t\t{serial}\tunknown\t/CN=localhost\n")
    subprocess.run(["openssl", "ocsp", "-issuer", "cert.pem", "-cert", "cert.pem", "-reqout", "ocsp.der", "-no_nonce"],
                   cwd=directory.name, check=True, capture_output=True)
    return directory


def request_of(request, directory):
    if isinstance(request, bytes):
        return request
    with open(os.path.join(directory, "ocsp.der"), "rb") as f:
        body = f.read()
    return b"POST / HTTP/1.0\r\nContent-Type: application/ocsp-request\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def listens(port):
    """Without a connection, which the server would count."""
    wanted = f":{port:04X}"
    for table in ("tcp", "tcp6"):
        with open(f"/proc/net/{table}") as f:
            for line in list(f)[1:]:
                words = line.split()
                if words[1].endswith(wanted) and words[3] == "0A":
                    return True
    return False


def await_listener(port, process, patience):
    until = time.monotonic() + patience
    while not listens(port):
        assert process.poll() is None, f"has ended: {process.returncode}: {process.stderr.seek(0)}{process.stderr.read().decode()[:500]}"
        assert time.monotonic() < until, "does not listen"
        time.sleep(0.02)


def installed(f):
    return shutil.which(f.argv.split()[0]) is not None and \
        not (f.needs and subprocess.run(f.needs.split(), capture_output=True).returncode)
