# Row 2: two threads in select() do not keep a third from its work. vervet-below: 3.5
# vervet-tries: 5
import select
import threading
import time

start = time.time()


def tic():
    return "at %1.1f seconds" % (time.time() - start)


def gr():
    print("Started Polling: %s" % tic())
    select.select([], [], [], 2)
    print("Ended Polling: %s" % tic())


def gr3():
    print("Hey lets do some stuff while the greenlets poll, %s" % tic())
    time.sleep(1)


threads = [threading.Thread(target=f) for f in (gr, gr, gr3)]
for t in threads:
    t.start()
for t in threads:
    t.join()
