"""Programs without threads, or with a few that compute: byte-identical output, same status; shells, make, terminals.

vervet-needs: git xz-utils zstd pigz make tmux bsdutils faketime
"""

import hashlib
import os
import re
import shutil
import time

from real import case, compiled, needs, run, same, wait_for

SCRIPT = r"""
set -e
mkdir -p d/e && cd d
for i in $(seq 50); do echo "line $i $((i * i))" > f$i; done
ls -lR --time-style=+ . | sort | md5sum
cat f* | sort -k2n | tail -3
tar --sort=name --mtime=@0 --owner=0 --group=0 -cf - f* | gzip -n | md5sum
find . -type f | xargs -P 4 -n 5 cat | sort | md5sum
diff <(seq 10) <(seq 11) || echo "differ $?"
(sleep 0.1; echo later) & wait
trap 'echo bye' EXIT
read -t 0.1 x < <(sleep 1) || echo "timed out"
exit 7
"""


@case
def shell_script():
    assert same(["bash", "-c", "rm -rf d; " + SCRIPT])[0] == 7


@case
def listing_and_sorting():
    same(["ls", "-lR", "/usr/include", "/etc"])
    same(["find", "/usr/lib", "-name", "*.so*"])
    with open("words", "w") as f:
        for i in range(60000):
            f.write(f"{i * 7919 % 60000} some words to be sorted\n")
    same(["sort", "-n", "words"])
    same(["sort", "--parallel=4", "-S", "1M", "-T", ".", "words"])
    same(["bash", "-c", "tar -cf - /usr/include/linux 2>/dev/null | gzip -n | sha256sum"])


@case
def git_history():
    needs("git")
    env = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_PAGER": "cat"}
    for role in ("AUTHOR", "COMMITTER"):
        env.update({f"GIT_{role}_NAME": "x", f"GIT_{role}_EMAIL": "x@example.org", f"GIT_{role}_DATE": "@1 +0000"})
    run(["bash", "-c", "git init -q r && cd r && for i in $(seq 30); do seq $i > f$i; git add .; "
         "git commit -qm \"change $i\"; done"], env=env)
    same(["git", "-C", "r", "log", "-p", "--stat"], env=env)
    same(["git", "-C", "r", "grep", "-c", "1"], env=env)
    same(["git", "-C", "r", "fsck", "--full"], env=env)
    same(["bash", "-c", "rm -rf c && git clone -q r c && git -C c log --oneline | sha256sum"], env=env)


def sample():
    """A few MB that compress neither too well nor too badly."""
    with open("data", "wb") as f:
        block = b""
        for i in range(60000):
            block = hashlib.md5(block + bytes([i % 7])).digest()
            f.write(block[:6] + b"some text that repeats" + block[:2] + b"\n" * (i % 3))


@case
def compressors_with_threads():
    needs("xz", "zstd", "pigz")
    sample()
    same(["bash", "-c", "xz -T2 --block-size=256KiB -1 -c data | sha256sum"])
    same(["bash", "-c", "zstd -T2 -q -9 -c data | sha256sum"])
    same(["bash", "-c", "pigz -p2 -n -c data | sha256sum"])
    same(["bash", "-c", "xz -T2 -1 -c data | xz -dc -T2 | cmp - data && zstd -T2 -qc data | zstd -dqc | cmp - data"])
    assert os.path.getsize("data") > 1000000


PIPELINES = r"""
seq 1 100000 | awk '{s += $1} END {print s}'
seq 1 50000 | tac | sort -n | uniq | head -n 3 | tr '\n' ,; echo
set -o pipefail; yes | head -n 1 >/dev/null; echo ${PIPESTATUS[*]}
diff <(seq 5) <(seq 5 | tee >(cat >/dev/null)) && echo same
for i in 1 2 3 4 5; do (sleep 0.$i; exit $i) & done; for p in $(jobs -p); do wait $p; echo -n $?; done; echo
sleep 0.5 & (sleep 0.1; exit 7) & wait -n; echo $?; wait
trap 'echo usr1' USR1; (sleep 0.2; kill -USR1 $$) & sleep 0.5; wait; echo after
(sleep 0.1; kill -INT $BASHPID; sleep 5); echo $?
coproc C { while read line; do echo "<$line>"; done; }; echo hi >&${C[1]}; read answer <&${C[0]}; echo $answer
timeout 0.2 sleep 10; echo $?; (timeout -s KILL 0.2 sleep 10; echo $?) 2>/dev/null
timeout --preserve-status -s INT 0.2 bash -c 'trap "exit 9" INT; while :; do sleep 0.05; done'; echo $?
seq 20 | xargs -P4 -n1 sh -c 'sleep 0.05; echo $0' | sort -n | paste -sd+
mkfifo fifo; (sleep 0.1; echo through >fifo) & cat fifo; wait $!
for i in 1 2 3 4 5 6; do (flock 9; n=$(cat n 2>/dev/null || echo 0); sleep 0.02; echo $((n + 1)) >n) 9>lock & done
wait $(jobs -p | tail -n 6); cat n
v=$(head -c 300000 /dev/zero | tr '\0' x); echo ${#v}
sleep 0.4 & p=$!; kill -STOP $p; sleep 0.1; kill -CONT $p; wait $p; echo $?
(ulimit -n 64; ulimit -n); (umask 077; touch u; stat -c %a u)
exec 3<>/dev/null; exec sh -c 'echo ${#$} >/dev/null 2>&1; echo the end'
"""


@case
def pipelines_and_jobs():
    status, out, err = same(["bash", "-c", "rm -rf d; mkdir d; cd d; " + PIPELINES])
    lines = out.decode().split("\n")
    assert lines[:4] == ["5000050000", "1,2,3,", "141 0", "same"] and "12345" in lines and "124" in lines, (out, err)


@case
def interactive_shell_in_a_script():
    """Job control on a terminal: a job is stopped by the terminal's key, put into the background, and ended."""
    needs("script")
    with open("typed", "w") as f:
        f.write("PS1=\nsleep 100\n\x1abg\njobs\nkill %1\nwait\necho answer $((6*7))\nexit 5\n")
    answers = []
    for patched in (False, True):
        with open("typed") as typed:
            status, out, err = run(["script", "-qec", "bash --norc -i", "/dev/null"], patched=patched, stdin=typed,
                                   env={"TERM": "dumb"})
        answers.append((status, sorted(set(re.findall(rb"answer 42|Stopped|Terminated|Running", out))), err))
    assert answers[0] == answers[1] and answers[0][0] == 5 and b"answer 42" in answers[0][1], answers


def make_project():
    os.makedirs("project/sub")
    sources = range(16)
    for i in sources:
        with open(f"project/m{i}.c", "w") as f:
            f.write(f"int f{i}(int x);\nint f{i}(int x)\n{{\n\treturn x + {i};\n}}\n")
    with open("project/main.c", "w") as f:
        f.write("#include <stdio.h>\n" + "".join(f"int f{i}(int);\n" for i in sources) + "int main(void)\n{\n\tint x = 0;\n" +
                "".join(f"\tx = f{i}(x);\n" for i in sources) + '\tprintf("%d\\n", x);\n\treturn 0;\n}\n')
    objects = "main.o " + " ".join(f"m{i}.o" for i in sources)
    with open("project/Makefile", "w") as f:
        f.write(f"prog: {objects}\n\t@$(CC) -o $@ {objects}\n\t@./prog\n\t@$(MAKE) -s -C sub\n"
                "%.o: %.c\n\t@$(CC) -O1 -c -o $@ $<\n"
                "bad: bad1 bad2 bad3\nbad1:\n\t@sleep 0.2; exit 3\nbad2 bad3:\n\t@sleep 0.1; echo built\n")
    with open("project/sub/Makefile", "w") as f:
        f.write("all: a b c d\na b c d:\n\t@sleep 0.1\n\t@echo built >$@\n")


@case
def make_with_four_jobs():
    needs("make", "gcc")
    make_project()
    answers = []
    for patched in (False, True):
        shutil.rmtree("copy", ignore_errors=True)
        shutil.copytree("project", "copy")
        built = run(["make", "-s", "-C", "copy", "-j4"], patched=patched, timeout=60)
        again = run(["make", "-s", "-C", "copy", "-q", "prog"], patched=patched)
        failed = run(["make", "-s", "-C", "copy", "-j4", "-k", "bad"], patched=patched)
        answers.append((built, again, failed, sorted(os.listdir("copy/sub"))))
    (built, again, failed, files), _ = answers
    assert answers[0] == answers[1], answers
    assert built == (0, b"120\n", b"") and again[0] == 0 and failed[:2] == (2, b"built\nbuilt\n"), answers
    assert files == ["Makefile", "a", "b", "c", "d"]


@case
def faked_time():
    """Time-outs by clocks that libfaketime, preloaded after us, has put forward, or that stand still."""
    needs("faketime")
    program = compiled("tests/real/faked_time.c")
    for shift in "+2d", "2020-02-02 02:02:02":
        status, out, _ = same(["faketime", "-f", shift, program], timeout=20)
        assert status == 0 and out.count(b"timed out") == 9, out


@case
def tmux_session():
    needs("tmux")
    for patched in (False, True):
        def tmux(*args):
            status, out, err = run(["tmux", "-S", f"{os.getcwd()}/socket-{patched}", "-f", "/dev/null", *args],
                                   patched=patched, env={"TERM": "xterm", "HOME": os.getcwd()})
            assert status == 0, (patched, args, out, err)
            return out.decode()

        def shows(pane, text):
            wait_for(lambda: text in tmux("capture-pane", "-p", "-t", pane), f"{text} on the screen")

        tmux("new-session", "-d", "-s", "s", "-x", "100", "-y", "30", "bash --norc")
        tmux("send-keys", "-t", "s:0.0", "PS1=; echo an$((40+2))swer", "Enter")
        shows("s:0.0", "an42swer")
        tmux("split-window", "-t", "s", "seq 1 20; sleep 60")
        shows("s:0.1", "20")
        assert tmux("list-panes", "-t", "s").count("\n") == 2
        tmux("send-keys", "-t", "s:0.0", "echo begun; sleep 50", "Enter")
        shows("s:0.0", "\nbegun")
        time.sleep(0.3)
        tmux("send-keys", "-t", "s:0.0", "C-c")
        tmux("send-keys", "-t", "s:0.0", "echo status $?", "Enter")
        shows("s:0.0", "status 130")
        tmux("run-shell", "sleep 0.2; echo done >ran")
        with open("ran") as f:
            assert f.read() == "done\n"
        os.remove("ran")
        tmux("kill-server")
        wait_for(lambda: run(["tmux", "-S", f"{os.getcwd()}/socket-{patched}", "ls"])[0] != 0, "the server has ended")
