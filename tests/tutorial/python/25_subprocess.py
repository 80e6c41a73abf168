# Row 25: a thread ticks while another waits for a command: five or six times. vervet-tries: 5
import threading
import time
from subprocess import PIPE, Popen

ticks = 0
stop = False


def cron():
    global ticks
    while not stop:
        ticks += 1
        time.sleep(0.2)


g = threading.Thread(target=cron)
g.start()
sub = Popen(["sleep 1; uname"], stdout=PIPE, shell=True)
out, err = sub.communicate()
stop = True
print("cron ticked" if ticks in (5, 6) else ticks)
print(out.rstrip().decode())
g.join()
