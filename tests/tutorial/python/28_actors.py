# Row 28: two actors play ping-pong; the first lines. vervet-runs: 20
import queue
import threading


class Actor(threading.Thread):
    def __init__(self, answer):
        super().__init__()
        self.inbox = queue.Queue()
        self.answer = answer

    def run(self):
        while True:
            message = self.inbox.get()
            if message is None or lines[0] == 9:
                self.other.inbox.put(None)
                return
            lines[0] += 1
            print(message)
            self.other.inbox.put(self.answer)


lines = [0]
ping, pong = Actor("ping"), Actor("pong")
ping.other, pong.other = pong, ping
ping.start()
pong.start()
ping.inbox.put("start")
ping.join()
pong.join()
