"""Daemons that fork for every connection, git daemon and rsync, with their clients; sftp-server through pipes.

vervet-needs: git rsync openssh-client openssh-sftp-server
"""

import concurrent.futures
import hashlib
import os
import signal

from real import Server, case, free_port, needs, one_of, run

GIT = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_PAGER": "cat"}
for role in ("AUTHOR", "COMMITTER"):
    GIT.update({f"GIT_{role}_NAME": "x", f"GIT_{role}_EMAIL": "x@example.org", f"GIT_{role}_DATE": "@1 +0000"})


def write_tree(where, files):
    os.makedirs(where)
    for i in range(files):
        with open(f"{where}/f{i}", "wb") as f:
            for n in range(100 + i * 40 % 3000):
                f.write(hashlib.sha256(b"%d %d" % (i, n // 2)).digest())


def succeed(argv, patched, env=None):
    status, out, err = run(argv, patched=patched, env=env, timeout=40)
    assert status == 0, (argv, patched, out, err)
    return out


@case
def git_daemon_and_clones():
    needs("git")
    write_tree("served/r.git", 60)
    succeed(["bash", "-ec", "cd served/r.git; git init -q; for i in 1 2 3; do git add f$i*; git commit -qm $i; done; git add ."
             "; git commit -qm all"], False, GIT)
    answers = []
    for patched in (False, True):
        port = free_port()
        url = f"git://127.0.0.1:{port}/r.git"

        def git(*args):
            return succeed(["git", *args], patched, GIT)

        def clone(n):
            git("clone", "-q", url, f"{patched}-{n}")
            git("-C", f"{patched}-{n}", "fsck", "--full", "--strict")
            return git("-C", f"{patched}-{n}", "log", "--stat"), git("-C", f"{patched}-{n}", "grep", "-ac", "a")

        daemon = ["git", "daemon", "--reuseaddr", "--export-all", "--enable=receive-pack", "--listen=127.0.0.1",
                  f"--port={port}", f"--base-path={os.getcwd()}/served", os.getcwd() + "/served"]
        with Server(daemon, port, patched, env=GIT) as s, concurrent.futures.ThreadPoolExecutor(6) as pool:
            got = list(pool.map(clone, range(6)))
            assert got == got[:1] * 6
            first, second = f"{patched}-0", f"{patched}-1"
            with open(first + "/new", "w") as f:
                f.write("new\n")
            git("-C", first, "add", "new")
            git("-C", first, "commit", "-qm", "new")
            git("-C", first, "push", "-q", "origin", f"HEAD:refs/heads/pushed-{patched}")
            git("-C", second, "pull", "-q", "origin", f"pushed-{patched}")
            git("-C", second, "gc", "-q")
            answers.append((got[0], git("-C", second, "rev-parse", "HEAD"), s.stop(signal.SIGTERM)))
    assert answers[0] == answers[1], answers


def listing(where):
    """Every file's path, mode, time and content."""
    found = []
    for directory, _, files in os.walk(where):
        for name in files:
            path = os.path.join(directory, name)
            with open(path, "rb") as f:
                state = os.stat(path)
                found.append((path[len(where):], state.st_mode, int(state.st_mtime), hashlib.md5(f.read()).digest()))
    return sorted(found)


@case
def rsync_daemon_and_clients():
    needs("rsync")
    write_tree("served", 60)
    with open("served/sparse", "wb") as f:
        f.truncate(5 << 20)
    with open("rsyncd.conf", "w") as f:
        user = "uid = root\ngid = root\n" if os.getuid() == 0 else ""
        f.write(f"use chroot = no\n{user}pid file = {os.getcwd()}/pid\n[files]\npath = {os.getcwd()}/served\n"
                f"[upload]\npath = {os.getcwd()}/upload\nread only = no\n")
    answers = []
    for patched in (False, True):
        os.makedirs("upload", exist_ok=True)
        port = free_port()
        url = f"rsync://127.0.0.1:{port}"
        argv = ["rsync", "--daemon", "--no-detach", "--address=127.0.0.1", f"--port={port}", "--config=rsyncd.conf"]
        with Server(argv, port, patched) as s, concurrent.futures.ThreadPoolExecutor(4) as pool:
            def fetch(n):
                succeed(["rsync", "-a", *(["-z"] if n % 2 else []), f"{url}/files/", f"{patched}-{n}/"], patched)
                return listing(f"{patched}-{n}") == listing("served")
            assert all(pool.map(fetch, range(4)))
            copy = f"{patched}-0"
            succeed(["rsync", "-a", "--delete", copy + "/", f"{url}/upload/"], patched)
            assert listing("upload") == listing("served")
            with open(copy + "/f3", "ab") as f:
                f.write(b"more")
            os.remove(copy + "/f5")
            for changed in (copy + "/f3", copy):
                os.utime(changed, (1, 1))
            delta = succeed(["rsync", "-ai", "--delete", f"{url}/files/", copy + "/"], patched)
            assert listing(copy) == listing("served")
            succeed(["rsync", "-a", "served/", f"{patched}-local/"], patched)
            assert listing(f"{patched}-local") == listing("served")
            missing = run(["rsync", "-a", f"{url}/no-such/", "none/"], patched=patched)
            answers.append((delta, missing, s.stop(signal.SIGTERM)))
    assert answers[0] == answers[1], answers


@case
def sftp_through_pipes():
    """Client and server, both plain or both patched."""
    needs("sftp")
    server = one_of("/usr/lib/openssh/sftp-server")
    write_tree("tree", 40)
    with open("big", "wb") as f:
        f.write(b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(150000)))
    answers = []
    for patched in (False, True):
        os.mkdir(f"{patched}")
        with open("batch", "w") as f:
            f.write(f"cd {os.getcwd()}/{patched}\nput big up\nget up {patched}/back\nmkdir n\nput -r tree n\nls n/tree\n"
                    f"rename up up2\nchmod 600 up2\nln -s up2 link\nget -r n/tree {patched}/back-tree\nrm n/tree/f3\n"
                    "-rm n/none\nbye\n")
        result = run(["sftp", "-b", "batch", "-D", server], patched=patched)
        assert result[0] == 0, result
        with open("big", "rb") as big, open(f"{patched}/back", "rb") as back, open(f"{patched}/up2", "rb") as up:
            assert big.read() == back.read() == up.read()
        names = [[entry[0], entry[1], entry[3]] for entry in listing("tree")]
        assert [[entry[0], entry[1], entry[3]] for entry in listing(f"{patched}/back-tree")] == names
        assert os.readlink(f"{patched}/link") == "up2" and os.stat(f"{patched}/up2").st_mode & 0o777 == 0o600
        assert not os.path.exists(f"{patched}/n/tree/f3")
        answers.append([part.replace(b"%s" % str(patched).encode(), b"") if isinstance(part, bytes) else part
                        for part in result])
    assert answers[0] == answers[1], answers
