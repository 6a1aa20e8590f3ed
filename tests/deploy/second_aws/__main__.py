# mypy: ignore-errors
"""A second AWS, independent of the local one: moto's server, with rules of AWS that neither has, on a clock of its own.

    python tests/deploy/second_aws PORT

Runs in the environment of the emulators, so it imports nothing of the project. Besides AWS it answers a tester:

- `/tester/begin?group=G&before=N` (or `after=N`): the calls of the process group G are counted from here on, and the
  group is killed before call N (from 0) is done, or after, but before it is answered. With `record=FOLDER&into=OTHER`
  nobody is killed: see moments.py.
- `/tester/calls`, `/tester/moments`: the calls since then, each with what it was; the moments that were recorded.
- `/tester/visit?moment=N`, `/tester/leave`: everything as it was at that moment, and back to now.
- `/tester/sleep?seconds=S`: time passes.
- `/tester/quota?functions=N`: the account may run so many functions at once.
- `/tester/fail?create=A&delete=A&update=B`: those resources of stacks fail from here on: see failures.py. Without any,
  nothing does.
- `/tester/save`, `/tester/restore`: everything as it is now, and as it was then. What is saved is a process that waits
  while a copy of it goes on, so restoring takes no time; it can be done again and again.
- `/tester/reset`: everything is gone.
"""

import json
import os
import signal
import sys
from contextlib import suppress
from io import BytesIO
from urllib.parse import parse_qs, parse_qsl

import clock
import drift  # noqa: F401
import failures
import moments
import packages  # noqa: F401 - its rules hold once it is imported
import rules
import stacks  # noqa: F401 - its rules hold once it is imported
import watch  # noqa: F401
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

HOST = "127.0.0.1"
TESTER = "/tester/"


class Tester:
    """Counts calls, kills who makes them or records the moments, and notes what is asked of the process itself."""

    def __init__(self, aws):
        self._aws = aws
        self._calls, self._options = [], {}
        self.moments = moments.Moments()
        self.asked = ("", {})

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"].startswith(TESTER):
            said = self._command(environ["PATH_INFO"].removeprefix(TESTER), dict(parse_qsl(environ["QUERY_STRING"])))
            start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(said)))])
            return [said]
        number = str(len(self._calls))
        self._calls.append(_operation(environ))
        if number == self._options.get("before"):
            self._kill()
            start_response("500 Killed", [])
            return []
        answer = list(self._aws(environ, start_response))
        if number == self._options.get("after"):
            self._kill()
        self.moments.note(int(number), self._calls[-1])
        return answer

    def _command(self, command, options):
        if command == "begin":
            self._calls, self._options = [], options
            self.moments.begin(options.get("record"), options.get("into"))
        if command == "sleep":
            clock.sleep(float(options["seconds"]))
        if command == "quota":
            rules.quota = int(options["functions"])
        if command == "fail":
            failures.failing = {what: [logical] for what, logical in options.items()}
        if command == "reset":
            failures.failing = {}
            rules.reset()
        self.asked = (command, options)
        return json.dumps({"calls": self._calls, "moments": self.moments.recorded}.get(command, [])).encode()

    def _kill(self):
        os.killpg(int(self._options["group"]), signal.SIGKILL)


def _operation(environ):
    """What is called, in AWS's words; of those services that have none on the wire, the method and path."""
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return target.rpartition(".")[2]
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        return parse_qs(body.decode())["Action"][0]
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"


def saved():
    """Return in a copy of this process; whenever it ends, in another one."""
    while True:
        copy = os.fork()
        if not copy:
            return
        _, status = os.waitpid(copy, 0)
        if status:
            os._exit(1)


def main(port):
    tester = Tester(DomainDispatcherApplication(create_backend_app))
    server = make_server(HOST, port, tester, request_handler=MotoRequestHandler)
    while True:
        with suppress(BrokenPipeError, ConnectionResetError):  # the one who asked was killed
            server.handle_request()
        tester.moments.park()
        (asked, options), tester.asked = tester.asked, ("", {})
        if asked == "save":
            saved()
        elif asked == "visit":
            tester.moments.visit(int(options["moment"]))
        elif asked in ("restore", "leave"):
            os._exit(0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
