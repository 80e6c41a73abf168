# Row 27: the tutorial's pitfalls: a forked child has only the forking thread; a write that fills a pipe stalls nobody.
import os
import threading
import time

ticks = 0


def ticker():
    global ticks
    while ticks < 1000000:
        ticks += 1
        time.sleep(0.01)


threading.Thread(target=ticker, daemon=True).start()
r, w = os.pipe()
child = os.fork()
if child == 0:
    before = ticks
    time.sleep(0.1)
    os._exit(ticks != before)
print("ticks in the child:", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
writer = threading.Thread(target=os.write, args=(w, b"x" * 200000))
writer.start()
before = ticks
time.sleep(0.3)
print(ticks - before > 3, writer.is_alive())
got = 0
while got < 200000:
    got += len(os.read(r, 65536))
writer.join()
print(got)
