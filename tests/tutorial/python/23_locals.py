# Row 23: what one thread stores is not there for another.
import threading

stash = threading.local()


def f1():
    stash.x = 1
    print(stash.x)


def f2():
    stash.y = 2
    print(stash.y)
    try:
        stash.x
    except AttributeError:
        print("x is not local to f2")


threads = [threading.Thread(target=f) for f in (f1, f2)]
for t in threads:
    t.start()
for t in threads:
    t.join()
