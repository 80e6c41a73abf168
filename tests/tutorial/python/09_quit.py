# Row 9: SIGQUIT: a handler runs promptly while main waits in join(); without one it ends the program. vervet-below: 8
import os
import signal
import subprocess
import sys
import threading
import time

if sys.argv[1:] == ["plain"]:
    threading.Thread(target=time.sleep, args=(1000,)).start()
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGQUIT)).start()
    time.sleep(1000)


class Quit(Exception):
    pass


def on_quit(number, frame):
    raise Quit


signal.signal(signal.SIGQUIT, on_quit)
blocked = threading.Thread(target=time.sleep, args=(1000,), daemon=True)
blocked.start()
threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGQUIT)).start()
try:
    blocked.join()
except Quit:
    print("the handler ran")
child = subprocess.run([sys.executable, __file__, "plain"], preexec_fn=lambda: signal.signal(signal.SIGQUIT, signal.SIG_DFL))
print(child.returncode == -signal.SIGQUIT)
