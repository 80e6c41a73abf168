# Row 14: one sets an event, five wait for it. vervet-runs: 20
import threading
import time

evt = threading.Event()


def setter():
    print("A: Hey wait for me, I have to do something")
    time.sleep(0.1)
    print("Ok, I'm done")
    evt.set()


def waiter():
    print("I'll wait for you")
    evt.wait()
    print("It's about time")


threads = [threading.Thread(target=f) for f in (setter, waiter, waiter, waiter, waiter, waiter)]
for t in threads:
    t.start()
for t in threads:
    t.join()
