# CPython's threading, queue, select, socket and concurrent.futures, with output that does not depend on speed.
# vervet-needs: python3
import concurrent.futures
import queue
import select
import socket
import threading
import time


def locks():
    total, lock, condition = [0], threading.RLock(), threading.Condition()

    def add():
        for i in range(300):
            with lock, lock:
                before = total[0]
                if i % 50 == 0:
                    time.sleep(0)
                total[0] = before + 1

    threads = [threading.Thread(target=add) for _ in range(10)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print("total", total[0])

    turn, order = [0], []

    def wait_for(n):
        with condition:
            condition.wait_for(lambda: turn[0] == n, timeout=20)
            order.append(n)
            turn[0] += 1
            condition.notify_all()

    threads = [threading.Thread(target=wait_for, args=(n,)) for n in reversed(range(10))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print("order", order)


def events():
    event, barrier, semaphore = threading.Event(), threading.Barrier(5), threading.BoundedSemaphore(2)
    inside, most, ended = [0], [0], []
    guard = threading.Lock()

    def body(n):
        event.wait()
        barrier.wait()
        with semaphore:
            with guard:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            time.sleep(0.002)
            with guard:
                inside[0] -= 1
                ended.append(n)

    threads = [threading.Thread(target=body, args=(n,)) for n in range(5)]
    for t in threads:
        t.start()
    print("not yet:", event.wait(0.01), len(ended))
    event.set()
    for t in threads:
        t.join()
    print("ended", sorted(ended), "at most two:", most[0] <= 2)
    print("try:", guard.acquire(blocking=False), guard.acquire(timeout=0.01))


def queues():
    q, results, stop = queue.Queue(maxsize=3), queue.Queue(), object()

    def worker():
        while (item := q.get()) is not stop:
            results.put(item * item)
            q.task_done()
        q.task_done()

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for t in threads:
        t.start()
    for n in range(100):
        q.put(n)
    q.join()
    for _ in threads:
        q.put(stop)
    for t in threads:
        t.join()
    print("squares", sum(results.get() for _ in range(100)))
    try:
        results.get(timeout=0.01)
    except queue.Empty:
        print("empty in time")


def sockets():
    def echo(s):
        with s:
            while data := s.recv(1000):
                s.sendall(data)

    def serve(listener, n):
        for _ in range(n):
            threading.Thread(target=echo, args=(listener.accept()[0],)).start()

    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        server = threading.Thread(target=serve, args=(listener, 20))
        server.start()

        def client(n):
            with socket.create_connection(listener.getsockname()) as s, s.makefile("rwb") as f:
                got = []
                for i in range(10):
                    f.write(b"%d %d\n" % (n, i))
                    f.flush()
                    got.append(f.readline())
                return b"".join(got)

        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            for n, got in enumerate(pool.map(client, range(20))):
                assert got == b"".join(b"%d %d\n" % (n, i) for i in range(10)), got
        server.join()
    print("echoed")
    a, b = socket.socketpair()
    a.settimeout(0.02)
    try:
        a.recv(1)
    except TimeoutError:
        print("timed out")
    a.setblocking(False)
    try:
        a.recv(1)
    except BlockingIOError:
        print("would block")
    threading.Timer(0.02, b.send, (b"x",)).start()
    print("select", [len(x) for x in select.select([a], [b], [], 10)])
    poll = select.poll()
    poll.register(a, select.POLLIN)
    print("poll", [e for _, e in poll.poll(10000)])
    with select.epoll() as epoll:
        epoll.register(a, select.EPOLLIN)
        print("epoll", [e for _, e in epoll.poll(10)])


def pools():
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(lambda n=n: time.sleep(0.05 - 0.01 * n) or n) for n in range(4)]
        print("all", sorted(f.result() for f in concurrent.futures.as_completed(futures)))
        failing = pool.submit(lambda: 1 // 0)
        print(type(failing.exception()).__name__)
        slow = pool.submit(time.sleep, 0.1)
        try:
            slow.result(timeout=0.01)
        except concurrent.futures.TimeoutError:
            print("result timed out")


def locals_and_errors():
    local = threading.local()
    found = []

    def body(n):
        local.x = n
        time.sleep(0.001)
        found.append(local.x == n and not hasattr(local, "y"))

    threads = [threading.Thread(target=body, args=(n,)) for n in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print("locals", all(found), hasattr(local, "x"))
    caught = []
    threading.excepthook = lambda args: caught.append(str(args.exc_value))

    def fails():
        raise ValueError("in a thread")

    t = threading.Thread(target=fails, name="failing")
    t.start()
    t.join()
    print(caught, threading.active_count(), threading.current_thread().name)
    ids = {threading.get_native_id()}
    for _ in range(3):
        t = threading.Thread(target=lambda: ids.add(threading.get_native_id()))
        t.start()
        t.join()
    print("main is its process:", threading.get_native_id() == __import__("os").getpid(), len(ids) >= 2)


for f in locks, events, queues, sockets, pools, locals_and_errors:
    f()
