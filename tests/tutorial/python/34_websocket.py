# Row 34: a threaded WebSocket server sends {x, y} twice a second. vervet-needs: python3-wsproto
import json
import random
import socket
import threading
import time

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Message, Request, TextMessage


def pump(s, ws):
    ws.receive_data(s.recv(4096) or None)
    return list(ws.events())


def serve(s):
    ws = WSConnection(ConnectionType.SERVER)
    assert isinstance(pump(s, ws)[0], Request)
    s.sendall(ws.send(AcceptConnection()))
    for x in range(4):
        s.sendall(ws.send(Message(data=json.dumps({"x": x, "y": random.randint(1, 5)}))))
        time.sleep(0.25)
    s.sendall(ws.send(CloseConnection(code=1000)))
    s.close()


listener = socket.create_server(("127.0.0.1", 0), backlog=128)


def accept():
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


threading.Thread(target=accept, daemon=True).start()
xs = []


def client(i):
    s = socket.create_connection(listener.getsockname())
    ws = WSConnection(ConnectionType.CLIENT)
    s.sendall(ws.send(Request(host="localhost", target="/")))
    mine = []
    while True:
        for event in pump(s, ws):
            if isinstance(event, TextMessage):
                message = json.loads(event.data)
                assert 1 <= message["y"] <= 5
                mine.append(message["x"])
            elif isinstance(event, CloseConnection):
                xs.append(mine)
                return


threads = [threading.Thread(target=client, args=(i,)) for i in range(50)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(len(xs), all(x == [0, 1, 2, 3] for x in xs))
