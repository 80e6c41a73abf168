# Row 21: 1000 threads blocked in recv, then shutdown.
import socket
import threading

threading.stack_size(128 * 1024)
pairs = [socket.socketpair() for _ in range(400)]
ended = []


def listen(s):
    while s.recv(10):
        pass
    ended.append(s)


threads = [threading.Thread(target=listen, args=(pairs[i % 400][0],)) for i in range(1000)]
for t in threads:
    t.start()
for a, b in pairs:
    a.shutdown(socket.SHUT_RDWR)
for t in threads:
    t.join()
print(len(ended))
