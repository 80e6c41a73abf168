"""gRPC: a server with a pool of 20 threads that ends when its input does, and a client with 20 threads.

Usage: grpc_program.py server|client PORT
"""

import concurrent.futures
import sys
import threading
import time

import grpc


class Handler(grpc.GenericRpcHandler):
    def service(self, details):
        return {
            "/t/reverse": grpc.unary_unary_rpc_method_handler(lambda message, _: message[::-1]),
            "/t/slow": grpc.unary_unary_rpc_method_handler(lambda message, _: (time.sleep(0.3), message)[1]),
            "/t/quote": grpc.stream_stream_rpc_method_handler(lambda messages, _: (b"<%b>" % m for m in messages)),
            "/t/refuse": grpc.unary_unary_rpc_method_handler(lambda _, c: c.abort(grpc.StatusCode.NOT_FOUND, "none")),
        }.get(details.method)


def server(port):
    s = grpc.server(concurrent.futures.ThreadPoolExecutor(20), handlers=(Handler(),))
    assert s.add_insecure_port(f"127.0.0.1:{port}")
    s.start()
    sys.stdin.read()
    s.stop(1).wait()
    print("stopped")


def fails(call, timeout):
    try:
        call(b"x", timeout=timeout)
    except grpc.RpcError as e:
        return e.code().name, e.details()


def talk(channel, number):
    reverse, quote = channel.unary_unary("/t/reverse"), channel.stream_stream("/t/quote")
    for i in range(20):
        message = b"%d-%d" % (number, i)
        assert reverse(message, timeout=20) == message[::-1]
    assert list(quote(iter([b"%d" % i for i in range(50)]), timeout=20)) == [b"<%d>" % i for i in range(50)]
    done.append(number)


def client(port):
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    grpc.channel_ready_future(channel).result(20)
    threads = [threading.Thread(target=talk, args=(channel, i)) for i in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print("talked", sorted(done))
    slow, start = channel.unary_unary("/t/slow"), time.monotonic()
    futures = [slow.future(b"%d" % i, timeout=20) for i in range(20)]
    print("slow", [f.result() for f in futures], "together" if time.monotonic() - start < 3 else "in turn")
    print(fails(slow, 0.05)[0], fails(channel.unary_unary("/t/refuse"), 5), fails(channel.unary_unary("/t/none"), 5))
    channel.close()


done = []
{"server": server, "client": client}[sys.argv[1]](sys.argv[2])
