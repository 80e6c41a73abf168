# Row 16: three workers share 24 tasks in turn. vervet-runs: 20
import _thread
import queue
import time

tasks = queue.Queue()
left = [3]


def worker(n):
    while not tasks.empty():
        task = tasks.get()
        print("Worker %s got task %s" % (n, task))
        time.sleep(0)
    print("Quitting time!")
    left[0] -= 1


for i in range(1, 25):
    tasks.put_nowait(i)
for name in ("steve", "john", "nancy"):
    _thread.start_new_thread(worker, (name,))
while left[0]:
    time.sleep(0.01)
