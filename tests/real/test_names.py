"""Name service: a server that does not answer delays nobody but who asks it.

vervet-needs: util-linux
"""

import os
import socket

from real import Skip, case, compiled, needs, run


def silent_name_server():
    """A socket that takes questions for names and never answers, and its address."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    address = f"127.53.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
    try:
        s.bind((address, 53))
    except PermissionError:
        raise Skip("needs the right to listen on port 53") from None
    return s, address


@case(alone=True)
def names_that_nobody_knows():
    """Look-ups that take 3 s hold up neither one another nor a thread that ticks."""
    needs("unshare")
    program = compiled("tests/real/look_up.c")
    if not os.path.exists("/etc/resolv.conf") or run(["unshare", "-m", "true"])[0]:
        raise Skip("needs /etc/resolv.conf and the right to make a mount namespace")
    server, address = silent_name_server()
    with open("resolv.conf", "w") as f:
        f.write(f"nameserver {address}\noptions timeout:3 attempts:1\n")
    command = ["unshare", "-m", "sh", "-c",
               'mount --bind resolv.conf /etc/resolv.conf && exec "$0" one.example.org. two.example.org.', program]
    answers = []
    for patched in (False, True):
        status, out, err = run(command, patched=patched, timeout=20)
        assert status == 0, (status, out, err)
        answers.append(out)
        seconds, ticks, longest = map(float, err.split())
        assert 2.9 < seconds < 5.5 and ticks > 100 and longest < 0.5, (patched, err)
    assert answers[0] == answers[1] and answers[0].count(b"Temporary failure") == 2, answers
    assert server.recv(2000)
