# Rows 11 and 12: four ways to give up, on time. vervet-below: 1.5
# vervet-tries: 5
import concurrent.futures
import queue
import threading
import time

t = threading.Thread(target=time.sleep, args=(1,), daemon=True)
t.start()
t.join(0.1)
if t.is_alive():
    print("Thread 1 timed out")
if not threading.Event().wait(0.1):
    print("Thread 2 timed out")
try:
    queue.Queue().get(timeout=0.1)
except queue.Empty:
    print("Thread 3 timed out")
try:
    concurrent.futures.Future().result(timeout=0.1)
except concurrent.futures.TimeoutError:
    print("Thread 4 timed out")
