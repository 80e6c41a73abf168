# Row 18: joins.
import threading


def talk(msg):
    for i in range(3):
        print(msg)


g1, g2, g3 = (threading.Thread(target=talk, args=(m,)) for m in ("bar", "foo", "fizz"))
g1.start()
g2.start()
g1.join()
g2.join()
g3.start()
g3.join()
