# Row 24: Flask's request and session locals: 100 slow requests at once, no cross-talk. vervet-needs: python3-flask
import time

from flask import Flask, g, request

import web

app = Flask(__name__)


@app.route("/<name>")
def hello(name):
    g.name = name
    time.sleep(0.2)
    assert g.name == name == request.path[1:]
    return "Hello " + request.remote_addr + " " + g.name


port = web.serve(app)
answers = [None] * 100


def client(i):
    answers[i] = web.request(port, "GET", "/%d" % i).read().decode()


start = time.time()
web.at_once(100, client)
print(answers == ["Hello 127.0.0.1 %d" % i for i in range(100)], time.time() - start < 10)
