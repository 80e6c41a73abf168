# Row 3: tasks one after the other, then all at once: in any order, and far faster. vervet-any-order: yes
# vervet-tries: 5
import random
import sys
import threading
import time


def task(pid):
    time.sleep(random.randint(1, 3) * 0.02)
    print("Task %s done\n" % pid, end="")


def synchronous():
    for i in range(1, 10):
        task(i)


def asynchronous():
    threads = [threading.Thread(target=task, args=(i,)) for i in range(10)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


print("Synchronous:")
start = time.time()
synchronous()
middle = time.time()
print("Asynchronous:")
asynchronous()
sys.exit(time.time() - middle > (middle - start) / 2)
