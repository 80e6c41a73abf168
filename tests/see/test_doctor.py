"""vervet doctor: verdicts on Debian's programs.

vervet-needs: busybox-static sudo iputils-ping redis-server
"""

import json
import os
import shutil
import subprocess

from see import BUILD, PYTHON, VERVET, Skip, case, environment, program, vervet


def doctor(name):
    done = subprocess.run([VERVET, "doctor", "--json", name], capture_output=True, text=True, env=environment())
    seen = json.loads(done.stdout)
    assert seen["status"] == done.returncode, seen
    return seen


# program: verdict, words of the reason or of a note ("": none needed), a function that must be on a rung
EXPECTED = {
    "busybox": ("not fit", "statically linked", None),
    "gofmt": ("not fit", "statically linked", None),
    "sudo": ("not fit", "setuid", None),
    "su": ("not fit", "setuid", None),
    "passwd": ("not fit", "setuid", None),
    "ping": ("not fit", "file capabilities", None),
    "go": ("fit with notes", "made by Go", None),
    "bash": ("fit with notes", "make threads", ("park", "read")),
    "/usr/bin/perl": ("fit with notes", "", ("park", "read")),
    "/usr/bin/python3": ("fit", "", ("park", "recv")),
    "/usr/bin/ldd": ("fit with notes", "a shell script", None),
    "gcc": ("fit with notes", "make threads", None),
    "nginx": (None, "", ("park", "epoll_wait")),
    "java": ("fit with notes", "Java", ("park", "pthread_cond_wait")),
    "redis-server": (None, "", ("park", "pthread_cond_wait")),
    "xz": ("fit", "", ("pass", "pthread_create")),
    "ls": (None, "", None),
    "curl": (None, "", ("hop", "getaddrinfo")),
    "git": (None, "", ("park", "pthread_mutex_lock")),
    "/etc/passwd": ("not fit", "cannot be executed", None),
    "no-such-program": ("not fit", "not found", None),
}


@case
def verdicts_on_debians_programs():
    seen = 0
    for name, (verdict, words, function) in EXPECTED.items():
        if name not in ("no-such-program",) and not shutil.which(name) and not os.path.exists(name):
            continue
        d = doctor(name)
        assert verdict in (None, d["verdict"]), (name, d["verdict"], d["why"], d["notes"])
        assert words in d["why"] + " ".join(d["notes"]), (name, d)
        assert not d["missing"], (name, d["missing"])
        if function:
            assert function[1] in d[function[0]], (name, function)
        runs = subprocess.run([VERVET, name, "--nonsense"], capture_output=True, stdin=subprocess.DEVNULL, env=environment())
        if d["status"]:
            assert runs.returncode == d["status"], (name, runs)
        seen += 1
    if seen < 12:
        raise Skip(f"only {seen} of the programs are here")


@case
def inline_system_calls_and_clone_are_noted():
    source = os.path.join(BUILD, "bypass.c")
    os.makedirs(BUILD, exist_ok=True)
    with open(source, "w") as f:
        f.write("#define _GNU_SOURCE\n#include <sched.h>\n#include <pthread.h>\n#include <sys/mount.h>\n"
                "static void *f(void *x) { long r; __asm__ volatile(\"mov $34, %%eax; syscall\" : \"=a\"(r) :: \"rcx\", \"r11\"); umount2(0, 0); return x; }\n"
                "static int g(void *x) { return 0; }\n"
                "int main(void) { pthread_t t; pthread_create(&t, 0, f, 0); return clone(g, 0, 0, 0); }\n")
    binary = os.path.join(BUILD, "bypass")
    subprocess.run(["gcc", "-w", source, "-o", binary, "-pthread"], check=True)
    notes = " ".join(doctor(binary)["notes"])
    assert not any("made past libc" in n for name in ("/bin/bash", PYTHON, program("many")) for n in doctor(name)["notes"])
    assert "bypass calls clone" in notes and "bypass (1)" in notes and "umount2 (mounts)" in notes, notes


@case
def scripts_are_followed_through_env():
    def script(text):
        path = os.path.join(BUILD, "script")
        os.makedirs(BUILD, exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, 0o755)
        return doctor(path)
    many = program("many")
    for line in (f"#!/usr/bin/env {many}", f"#!/usr/bin/env -S A=b {many} -u", f"#! {many}"):
        seen = script(line + "\n")
        assert seen["interpreter"] == many and seen["verdict"] == "fit" and "pthread_create" in seen["pass"], seen
    assert any("no-such-program: not found" in n for n in script("#!/usr/bin/env no-such-program\n")["notes"])
    assert any("a shell script" in n for n in script("#!/bin/sh\n")["notes"])


@case
def loader_and_libc_are_programs_too():
    libc = "/lib/x86_64-linux-gnu/libc.so.6"
    if not os.access(libc, os.X_OK):
        raise Skip("another place for libc")
    for argv in ([libc], ["/lib64/ld-linux-x86-64.so.2", "/bin/echo", "hi"]):
        plain, patched = (subprocess.run([*words, *argv], capture_output=True, env=environment()) for words in ([], [VERVET, "--"]))
        assert plain.stdout and (plain.stdout, plain.returncode) == (patched.stdout, patched.returncode), patched


@case
def a_missing_library_is_named():
    library = os.path.join(BUILD, "libgone.so")
    binary = os.path.join(BUILD, "lonely")
    os.makedirs(BUILD, exist_ok=True)
    subprocess.run(["gcc", "-shared", "-x", "c", "/dev/null", "-o", library], check=True)
    subprocess.run(["gcc", "-x", "c", "-", "-o", binary, "-Wl,--no-as-needed", "-L" + BUILD, "-l:libgone.so"], check=True,
                   input=b"int main(void) { return 0; }")
    os.unlink(library)
    seen = doctor(binary)
    assert any("libgone.so" in m for m in seen["missing"]), seen


@case
def text_is_for_people():
    text = vervet("doctor", program("many"))
    assert ": fit\n" in text and "pthread_create" in text and " park " in text, text
    assert "no program given" in vervet("doctor", status=125)
    assert "unknown option" in vervet("doctor", "--nonsense", status=125)
