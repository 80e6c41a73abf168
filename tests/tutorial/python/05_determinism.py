# Row 5: a pool of threads gives its results in the same order each time. vervet-runs: 20
import multiprocessing.pool
import time
from concurrent.futures import ThreadPoolExecutor, as_completed


def echo(i):
    time.sleep(0.001)
    return i


with multiprocessing.pool.ThreadPool(10) as pool:
    for _ in range(2):
        print(list(pool.imap_unordered(echo, range(10))))


def later(i):
    time.sleep(0.02 * (i * 7 % 10))
    return i


with ThreadPoolExecutor(10) as executor:
    print([f.result() for f in as_completed([executor.submit(later, i) for i in range(10)])])
