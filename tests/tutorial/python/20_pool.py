# Row 20: a pool of two: at most two at a time.
import threading
import time
from concurrent.futures import ThreadPoolExecutor

lock = threading.Lock()
now = most = 0


def work(n):
    global now, most
    with lock:
        now += 1
        most = max(most, now)
    time.sleep(0.01)
    with lock:
        now -= 1


with ThreadPoolExecutor(2) as pool:
    list(pool.map(work, range(9)))
print("at most", most)
