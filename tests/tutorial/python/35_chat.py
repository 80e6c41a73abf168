# Row 35: the chat server: 200 pollers wait for a room's messages; one post wakes them all. vervet-needs: python3-flask
import json
import queue
import time

from flask import Flask, request

import web

app = Flask(__name__)


class Room:
    def __init__(self):
        self.users = []
        self.messages = []

    def backlog(self, size=25):
        return self.messages[-size:]

    def subscribe(self, user):
        if user not in self.users:
            self.users.append(user)

    def add(self, message):
        for user in self.users:
            user.queue.put_nowait(message)
        self.messages.append(message)


class User:
    def __init__(self):
        self.queue = queue.Queue()


rooms = {"topic1": Room(), "topic2": Room()}
users = {}


@app.route("/<room>/<uid>")
def join(room, uid):
    user = users.setdefault(uid, User())
    rooms[room].subscribe(user)
    return json.dumps(rooms[room].backlog())


@app.route("/put/<room>/<uid>", methods=["POST"])
def put(room, uid):
    rooms[room].add(":".join([uid, request.form["message"]]))
    return ""


@app.route("/poll/<uid>", methods=["POST"])
def poll(uid):
    try:
        msg = users[uid].queue.get(timeout=10)
    except queue.Empty:
        msg = []
    return json.dumps(msg)


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
port = web.serve(app)
got = {}


def client(i):
    uid = "user%d" % i
    if i == 200:
        while len(rooms["topic1"].users) < 200:
            time.sleep(0.05)
        time.sleep(0.5)
        web.request(port, "POST", "/put/topic1/anna", "message=hello", FORM).read()
        return
    web.request(port, "GET", "/topic1/" + uid).read()
    got[uid] = json.loads(web.request(port, "POST", "/poll/" + uid).read())


web.at_once(201, client)
print(len(got), set(got.values()))
print(json.loads(web.request(port, "GET", "/topic1/late").read()))
