# Row 13, turned round: socket and select look as ever, and yet cooperate: no thread of the kernel's for each of these.
import os
import select
import socket
import threading
import time

print(socket.socket, select.select)
pairs = [socket.socketpair() for _ in range(50)]
threads = [threading.Thread(target=a.recv, args=(1,)) for a, b in pairs]
for t in threads:
    t.start()
time.sleep(0.1)
print(len(os.listdir("/proc/self/task")) < 10)
for a, b in pairs:
    b.send(b"x")
for t in threads:
    t.join()
