"""A thread per connection in C: 1,000 and 5,000 connections at once, 64 beside 10,000 idle ones; every byte checked."""

import resource
import subprocess

from real import Skip, Server, case, compiled, free_port, kill_group


def echo(connections, rounds, idle, patched):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < connections + idle + 200:
        raise Skip(f"needs {connections + idle + 200} descriptors, the limit is {hard}")
    port = free_port()
    server = Server([compiled("scripts/bench/echo_threads.c"), str(port)], port, patched)
    clients = [compiled("tests/real/clients.c"), str(port), str(connections), str(rounds), str(idle)]
    with server:
        child = subprocess.Popen(clients, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        try:
            out, err = child.communicate(timeout=60)
        finally:
            kill_group(child)
        assert child.returncode == 0, err
        assert server.process.poll() is None, "the server ended"
    return out


def both(connections, rounds, idle=0):
    assert echo(connections, rounds, idle, False) == echo(connections, rounds, idle, True)


@case
def a_thousand_connections():
    both(1000, 10)


@case
def five_thousand_connections():
    both(5000, 3)


@case
def sixty_four_beside_ten_thousand_idle_ones():
    both(64, 200, 10000)
