"""`python -m tests.local.conformance.site PORT`: the small auth site as a web server of its own."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3

from tests.local.conformance.recipe import python_recipe
from tests.local.conformance.small_site import SmallSite


def serve(port: int) -> None:
    """Serve the driver on loopback."""
    rolecall = python_recipe()["Rolecall"](
        os.environ["ROLECALL_URL"],
        os.environ["AUTH_SITE_SECRET"],
        boto3.client("sqs"),
        os.environ["JOBS_QUEUE_URL"],
        os.environ["NOTICES_QUEUE_URL"],
    )
    site = SmallSite(rolecall)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(site.ask(asked.pop("do"), **asked)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    HTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
