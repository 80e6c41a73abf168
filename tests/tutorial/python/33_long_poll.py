# Row 33: long polling: a chunk whenever there is one; five seconds of silence do not end it. vervet-needs: python3-flask
import json
import queue
import threading
import time

from flask import Flask, Response

import web

app = Flask(__name__)
data_source = queue.Queue()


def producer():
    for pause in (0, 0.3, 0.3, 6):
        time.sleep(pause)
        data_source.put_nowait("Hello World")
    data_source.put(None)


@app.route("/")
def ajax_endpoint():
    def stream():
        while True:
            try:
                datum = data_source.get(timeout=5)
            except queue.Empty:
                yield " \n"
                continue
            if datum is None:
                return
            yield json.dumps(datum) + "\n"

    return Response(stream(), mimetype="application/json")


port = web.serve(app)
threading.Thread(target=producer, daemon=True).start()
start = time.time()
for line in web.request(port, "GET", "/"):
    print(line)
print(time.time() - start > 6)
