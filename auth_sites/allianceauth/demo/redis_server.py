"""`python -m demo.redis_server PORT`: what Alliance Auth and Celery need of a Redis, in memory."""

import sys

from fakeredis import TcpFakeServer

if __name__ == "__main__":
    server = TcpFakeServer(("127.0.0.1", int(sys.argv[1])), server_version=(7, 0))
    server.daemon_threads = True
    server.serve_forever()
