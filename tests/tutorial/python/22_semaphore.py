# Row 22: two at a time. vervet-runs: 20
import threading
import time

sem = threading.BoundedSemaphore(2)


def worker(n):
    with sem:
        print("Worker %i acquired semaphore" % n)
        time.sleep(0)
    print("Worker %i released semaphore" % n)


for numbers in (range(0, 2), range(3, 6)):
    threads = [threading.Thread(target=worker, args=(n,)) for n in numbers]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
