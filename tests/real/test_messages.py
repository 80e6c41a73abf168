"""Libraries that have threads and polls of their own: libzmq and gRPC.

vervet-needs: libzmq3-dev python3-grpcio
"""

import os
import subprocess

from real import PYTHON, ROOT, Server, Skip, case, compiled, free_port, needs_module, run


@case
def zmq_requests_and_subscriptions():
    if not os.path.exists("/usr/include/zmq.h"):
        raise Skip("needs Debian's libzmq3-dev")
    program = compiled("tests/real/zmq.c", "-lzmq")
    answers = []
    for patched in (False, True):
        first, second = (f"tcp://127.0.0.1:{free_port()}" for _ in range(2))
        answers.append(run([program, first, f"ipc://{os.getcwd()}/{patched}", second], patched=patched, timeout=40))
    assert answers[0][0] == 0 and answers[0] == answers[1], answers


@case
def grpc_server_and_client():
    needs_module("grpc")
    program = [PYTHON, os.path.join(ROOT, "tests", "real", "grpc_program.py")]
    answers = []
    for patched in (False, True):
        port = free_port()
        with Server([*program, "server", str(port)], port, patched, stdin=subprocess.PIPE) as s:
            for patched_client in (False, True):
                status, out, err = run([*program, "client", str(port)], patched=patched_client, timeout=40)
                assert status == 0 and b"together" in out, (patched, patched_client, out, err)
                answers.append(out)
            s.process.stdin.close()
            assert s.process.wait(20) == 0 and s.output().endswith("stopped\n"), s.output()
    assert len(set(answers)) == 1, answers
