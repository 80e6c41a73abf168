"""Programs without threads, or with a few that compute: byte-identical output, same status.

vervet-needs: git xz-utils zstd pigz
"""

import hashlib
import os

from real import case, needs, run, same

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
