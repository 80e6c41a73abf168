# Row 7: a subclass of Thread.
import threading
import time


class MyThread(threading.Thread):
    def __init__(self, message, n):
        super().__init__()
        self.message = message
        self.n = n

    def run(self):
        print(self.message)
        time.sleep(self.n)


t = MyThread("Hi there!", 0.3)
t.start()
t.join()
