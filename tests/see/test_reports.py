"""Reports: deadlocks, stalls, a signal of the user's choice."""

import os
import re
import signal
import subprocess
import tempfile
import time

from see import BUILD, PYTHON, ROOT, VERVET, case, environment, program, running, until, vervet


def report(argv, *options, good, seconds=10, act=None):
    """Run argv with --report; the report, once good(it)."""
    with tempfile.NamedTemporaryFile(mode="r") as f, running(argv, ["--report=" + f.name, *options]) as p:
        def look():
            if act:
                act(p)
            f.seek(0)
            text = f.read()
            return text if good(text) else None
        return until(look, seconds)


@case
def a_deadlock_among_some_is_named():
    text = report([program("deadlock")], good=lambda t: "take_two_first" in t)
    assert re.search(r"vervet: deadlock: greenlet 2 and others wait", text), text
    assert re.search(r"greenlet 2 \(alice\) waits for mutex 0x[0-9a-f]+ held by greenlet 3 \(bob\)", text), text
    assert "sleeper" not in text and "take_one_first (deadlock, deadlock.c:" in text, text


@case
def a_deadlock_is_reported_once():
    with running([program("deadlock")]) as p:
        time.sleep(4)
        p.kill()
        err = p.communicate()[1].decode()
    assert err.count("vervet: deadlock:") == 1 and err.count("deadlock 1:") == 1, err


@case
def blocked_for_ever_comes_with_backtraces():
    text = report([program("deadlock"), "alone"], good=lambda t: "take_two_first" in t)
    assert "would block forever" in text and "deadlock 1:" in text and "main (deadlock" in text, text
    assert "vervet: deadlock:" not in text, text


@case
def quiet_is_quiet():
    with running([program("deadlock")], ["--quiet"]) as p:
        time.sleep(3)
        p.kill()
        assert p.communicate()[1] == b""


@case
def the_program_hears_nothing_of_the_command():
    with running([program("children")]) as p:
        out, err = p.communicate(timeout=120)
        assert out == b"0 children, 0 strange\n" and b"deadlock 1:" in err, (out, err)


@case
def a_signal_asks_for_a_dump():
    code = ("import threading,time\nt=threading.Thread(target=time.sleep,args=(4,),name='x')\nt.start(); print('go',flush=True)\n"
            "t.join(); print('done')")
    with running([PYTHON, "-c", code], ["--dump-signal=USR1"]) as p:
        p.stdout.readline()
        time.sleep(0.3)
        p.send_signal(signal.SIGUSR1)
        out, err = p.communicate(timeout=120)
        assert p.returncode == 0 and out == b"done\n", (p.returncode, out)
        assert b"asked for by a signal" in err and re.search(rb"parked .*: sleep, .* left", err), err
    assert "not a signal" in vervet("--dump-signal=KILL", "true", status=125)
    assert "not a number" in vervet("--stall-ms=x", "true", status=125)


def api_program(name):
    binary = os.path.join(BUILD, name)
    os.makedirs(BUILD, exist_ok=True)
    subprocess.run(["gcc", "-g", "-O1", "-D_GNU_SOURCE", "-I" + ROOT + "/core", ROOT + f"/tests/see/programs/{name}.c", "-o", binary,
                    "-pthread", "-L" + ROOT + "/build", "-lvervet", "-Wl,-rpath," + ROOT + "/build"], check=True)
    return binary


@case
def greenlets_that_keep_the_hub_are_named_once_with_their_place():
    for ms, says in ((300, 2), (0, 0)):
        done = subprocess.run([api_program("staller")], capture_output=True, text=True, timeout=120,
                              env=environment(VERVET_STALL_MS=str(ms)))
        assert done.stdout == "done\n", done
        assert done.stderr.count("has kept the hub for") == says, done.stderr
        assert ("compute (staller, staller.c:" in done.stderr) == bool(says), done.stderr
        assert len(re.findall(r"stalled: greenlet \d+ cruncher has kept the hub for \d+ ms", done.stderr)) == bool(says), done.stderr


@case
def without_the_command_the_line_is_still_there():
    with tempfile.TemporaryDirectory() as where:
        library = os.path.join(where, "libvervet.so")
        subprocess.run(["cp", os.path.join(ROOT, "build", "libvervet.so"), library], check=True)
        child = subprocess.Popen([program("deadlock")], stderr=subprocess.PIPE, env=environment(LD_PRELOAD=library))
        time.sleep(2.5)
        child.kill()
        err = child.communicate()[1]
        assert err.startswith(b"vervet: deadlock: greenlet 2") and err.count(b"\n") == 1, err


@case
def calls_that_nobody_hooked_are_listed():
    binary = program("unhooked")
    subprocess.run(["gcc", "-g", "-O1", "-rdynamic", "-pthread", ROOT + "/tests/see/programs/unhooked.c", "-o", binary], check=True)
    done = subprocess.run([VERVET, "--stats", binary], capture_output=True, text=True, timeout=120, env=environment())
    assert done.stdout == "done\n", done
    found = re.search(r"vervet: handed over while blocked in read: own_read \(unhooked, unhooked.c:\d+\) <- reader \(unhooked, "
                      r"unhooked.c:\d+\): (\d+) time", done.stderr)
    assert found and 1 <= int(found[1]) <= 20, done.stderr
    done = subprocess.run([VERVET, "--stats", program("many"), "10"], capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL, env=environment())
    assert "handed over while" not in done.stderr, done.stderr


@case
def an_exhausted_stack_is_named():
    for options, words, says in ((["--overflow"], [], 1), (["--overflow"], ["wild"], 0), ([], [], 0)):
        done = subprocess.run([VERVET, *options, program("overflow"), *words], capture_output=True, text=True, timeout=120, env=environment())
        assert done.returncode == -signal.SIGSEGV, done
        assert done.stderr.count("stack exhausted: greenlet 2 digger has used its") == says, done.stderr
        assert ("recurse (overflow, overflow.c:" in done.stderr) == bool(says), done.stderr
