# Row 8: a thread that raises ends alone: others go on, and the status is 0. vervet-stderr: Exception: You fail at failing.
import threading

done = []


def win():
    done.append("You win!")


def fail():
    raise Exception("You fail at failing.")


threads = [threading.Thread(target=f) for f in (fail, win)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(done, [t.is_alive() for t in threads])
