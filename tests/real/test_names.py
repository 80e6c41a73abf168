"""Name service: a server that does not answer delays nobody but who asks it.

vervet-needs: util-linux
"""

import socket
import time

from real import Skip, case, compiled, needs, run

NAMESERVER = "127.0.0.77"


def ask_in_vain(patched):
    """The program's output lines, run where /etc/resolv.conf names our silent server."""
    program = compiled("tests/real/look_up.c")
    start = time.monotonic()
    status, out, err = run(["unshare", "--mount", "sh", "-c",
                            f"mount --bind resolv.conf /etc/resolv.conf && exec {program} host.example.com"],
                           patched=patched)
    if not patched and status:
        raise Skip(f"needs a mount namespace: {err.decode().strip()}")
    assert status == 0, (status, err)
    assert time.monotonic() - start > 1.5
    how, numbers = out.decode().splitlines()
    return how, *map(int, numbers.split())


@case
def silent_name_server():
    needs("unshare")
    with open("resolv.conf", "w") as f:
        f.write(f"nameserver {NAMESERVER}\noptions timeout:2 attempts:1\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        try:
            silent.bind((NAMESERVER, 53))
        except PermissionError:
            raise Skip("needs the right to bind port 53") from None
        how, ticks, longest_ms = ask_in_vain(patched=False)
        how_patched, ticks_patched, longest_patched_ms = ask_in_vain(patched=True)
    assert how_patched == how, (how_patched, how)
    assert ticks_patched > ticks / 2, (ticks_patched, ticks)
    assert longest_patched_ms < max(500, 2 * longest_ms), (longest_patched_ms, longest_ms)
