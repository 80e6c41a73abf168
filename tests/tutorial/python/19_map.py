# Row 19: mapping: in order, and as they come.
import time
from concurrent.futures import ThreadPoolExecutor, as_completed


def intensive(n):
    time.sleep((3 - n) / 5)
    return "task", n


with ThreadPoolExecutor(3) as executor:
    print("Ordered")
    for i in executor.map(intensive, range(3)):
        print(i)
    print("Unordered")
    for f in as_completed([executor.submit(intensive, n) for n in range(3)]):
        print(f.result())
