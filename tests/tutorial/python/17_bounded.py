# Row 17: a queue with room for three holds its boss up. vervet-runs: 20
import queue
import threading
import time

tasks = queue.Queue(maxsize=3)


def worker(name):
    try:
        while True:
            task = tasks.get(timeout=0.3)
            print("Worker %s got task %s" % (name, task))
            time.sleep(0)
    except queue.Empty:
        print("Quitting time!")


def boss():
    for i in range(1, 10):
        tasks.put(i)
    print("Assigned all work in iteration 1")
    for i in range(10, 20):
        tasks.put(i)
    print("Assigned all work in iteration 2")


threads = [threading.Thread(target=boss)] + [threading.Thread(target=worker, args=(n,)) for n in ("steve", "john", "bob")]
for t in threads:
    t.start()
for t in threads:
    t.join()
