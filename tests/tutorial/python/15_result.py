# Row 15: a value that will come.
import threading
import time
from concurrent.futures import Future

a = Future()


def setter():
    time.sleep(0.1)
    a.set_result("Hello!")


def waiter():
    print(a.result())


threads = [threading.Thread(target=f) for f in (setter, waiter)]
for t in threads:
    t.start()
for t in threads:
    t.join()
