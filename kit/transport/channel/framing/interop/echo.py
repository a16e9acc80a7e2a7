"""The server of interop.test.ts with Python's grpcio: echo.py <port>."""

import signal
import sys
import threading
from concurrent import futures

import grpc


def fail(request, context):
    context.set_trailing_metadata((("x-last", "trailer"), ("x-bytes-bin", b"\x00\xff")))
    context.abort(grpc.StatusCode.NOT_FOUND, "no caf\u00e9, 100%")


def echo(request, context):
    context.send_initial_metadata((("x-first", dict(context.invocation_metadata()).get("x-name", "")),))
    context.set_trailing_metadata((("x-last", "trailer"),))
    return request


def wait(request, context):
    done = threading.Event()
    context.add_callback(done.set)
    done.wait(60)
    return request


server = grpc.server(futures.ThreadPoolExecutor(max_workers=32))
methods = {"Echo": echo, "Fail": fail, "Wait": wait}
handlers = {name: grpc.unary_unary_rpc_method_handler(method) for name, method in methods.items()}
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", handlers),))
server.add_insecure_port("127.0.0.1:" + sys.argv[1])
server.start()
signal.signal(signal.SIGTERM, lambda *_: server.stop(5))
print("ready", flush=True)
server.wait_for_termination()
