# Remote calls: xmlrpc.server's.
import sys
from xmlrpc.server import SimpleXMLRPCServer

SimpleXMLRPCServer.request_queue_size = 1024
server = SimpleXMLRPCServer(("127.0.0.1", int(sys.argv[1])), logRequests=False)
server.register_function(pow)
server.serve_forever()
