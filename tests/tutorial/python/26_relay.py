# Row 26: plain Pipes to another process, in threads.
import threading
from multiprocessing import Pipe, Process

a, b = Pipe()
c, d = Pipe()


def relay():
    for i in range(10):
        msg = b.recv()
        c.send(msg + " in " + str(i))


def put_msg():
    for i in range(10):
        a.send("hi")


def get_msg():
    for i in range(10):
        print(d.recv())


if __name__ == "__main__":
    proc = Process(target=relay)
    proc.start()
    threads = [threading.Thread(target=f) for f in (get_msg, put_msg)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    proc.join()
