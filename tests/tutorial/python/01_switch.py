# Row 1: two threads give way to each other. (_thread: threading waits for a thread's start, another order.)
import _thread
import time

left = [2]


def foo():
    print("Running in foo")
    time.sleep(0)
    print("Explicit context switch to foo again")
    left[0] -= 1


def bar():
    print("Explicit context to bar")
    time.sleep(0)
    print("Implicit context switch back to bar")
    left[0] -= 1


_thread.start_new_thread(foo, ())
_thread.start_new_thread(bar, ())
while left[0]:
    time.sleep(0.001)
