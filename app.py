"""The entry points of Rolecall: routes, queues, schedules, tasks. Each decodes, calls, encodes.

The only file that imports Chalice; what can be read or written without it is in `chalicelib/http.py`. Every function
imports all of this file, so it imports no library of AWS or of HTTP: `chalicelib.wiring` does, when a function first
uses one. `chalicelib.web`, with its template library, is imported within the functions that serve a page.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

from chalice.app import Chalice, CloudWatchEvent, Request, Response, SQSEvent

from chalicelib import VERSION, http, log, settings
from chalicelib.errors import BadSettings, LinkRefused, Reason, RolecallError
from chalicelib.linking.cookie import LIFE, cookie_name
from chalicelib.linking.purpose import Purpose
from chalicelib.queues import message_of
from chalicelib.wiring import count_outage, deferral, flush, outage_will_pass, prepare, wired

if TYPE_CHECKING:
    from chalicelib.linking.entrance import Started

prepare(settings.handler())
app = Chalice(app_name="rolecall", configure_logs=False)
STAGE = settings.stage()
ANY_CONTENT_TYPE = "*/*"  # so that unsupported content types get our error page, too, not a bare 415
# Functions that read each queue at once. Discord's limits set the pace, not their number; and a new AWS account runs
# ten functions, of which three are left for people and schedules.
JOBS_AT_ONCE = settings.queue_limit("jobs", 4)
BULK_AT_ONCE = settings.queue_limit("bulk", 3)
Headers = dict[str, str | list[str]]
Handler = Callable[..., Response]
JSON_HEADERS: Headers = {"Cache-Control": "no-store", "Content-Type": http.JSON}


# --- HTTP -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ErrorResponses:
    """How a route says that it failed: the request was refused, Discord or AWS is away, we are broken."""

    refused: Callable[[Reason], Response]
    unavailable: Callable[[], Response]
    broken: Callable[[], Response]


def answers(errors: ErrorResponses) -> Callable[[Handler], Handler]:
    """Log every error, and answer it with one of `errors`; nobody ever sees a traceback."""

    def decorate(handler: Handler) -> Handler:
        @wraps(handler)
        def answer(**path_parameters: str) -> Response:
            log.bind(request_id())
            try:
                return handler(**path_parameters)
            except LinkRefused as refused:
                log.warning("refused", reason=refused.reason, detail=refused.detail)
                return errors.refused(refused.reason)
            except BadSettings as error:
                log.error("misconfigured", faults=error.faults)
                return errors.broken()
            except RolecallError as error:
                log.error("unexpected", why=str(error))
                return errors.unavailable()
            except Exception as error:  # noqa: BLE001 - the caller gets an answer, the log the traceback
                log.error("broken")
                count_outage(error)
                return errors.unavailable() if outage_will_pass(error) else errors.broken()
            finally:
                flush()

        return answer

    return decorate


def current() -> Request:
    """Return the request that is being answered."""
    request = app.current_request
    if request is None:
        raise RuntimeError("no request is being answered")
    return request


def query(name: str) -> str | None:
    """Return a query parameter, the last one if it came several times; None if it is absent."""
    return dict(current().query_params or {}).get(name)


def header(name: str) -> str:
    """Return a header of the request; empty if it is absent. `name` is in lower case."""
    found: str = current().headers.get(name, "")
    return found


def body() -> bytes:
    """Return the body of the request; empty if it cannot be read."""
    try:
        return bytes(current().raw_body)  # type: ignore[arg-type]  # bytes, always
    except ValueError:  # not base64, although the event says so
        return b""


def fields() -> dict[str, str]:
    """Return the text fields of the form or JSON object that was sent; empty if it cannot be read."""
    return http.read_fields(current().headers.get("content-type"), body())


def request_id() -> str:
    """Return API Gateway's id of this request: the correlation id of all that follows from it."""
    found: str = current().context.get("requestId") or "-"
    return found


def redirect(url: str, headers: Headers | None = None) -> Response:
    """Send the browser to `url`, without a referrer."""
    kept: Headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return Response("", {"Location": url, "Content-Type": "text/plain"} | kept | (headers or {}), 302)


def page(html: str, status: int, *form_targets: str) -> Response:
    """Answer with a page of our own; its forms may lead to those addresses."""
    from chalicelib.web import pages

    return Response(html, pages.security_headers(*form_targets), status)


def outcome(word: str) -> Response:
    """Go back to the auth site with what happened, or show a page that says it."""
    target = wired().settings.auth_site_url
    if target:
        return redirect(http.way_back(target, word))
    from chalicelib.web import pages

    return page(pages.done_page(word, header("accept-language")), 200)


def refusal(reason: Reason) -> Response:
    """Go back to the auth site with the reason, or show a page that says what to do."""
    target = wired().settings.auth_site_url
    if not target:
        return refusal_page(reason, 400)
    return redirect(http.way_back(target, "denied" if reason is Reason.DENIED else "failed", reason))


def refusal_page(reason: Reason, status: int) -> Response:
    """Show a page that says what to do."""
    from chalicelib.web import pages

    return page(pages.refusal_page(reason, header("accept-language")), status)


def json_error(word: str, status: int, headers: Headers | None = None) -> Response:
    """Answer a program with an error as JSON."""
    return Response({"error": word}, JSON_HEADERS | (headers or {}), status)


PAGES = ErrorResponses(  # for people
    refused=refusal,
    unavailable=lambda: refusal(Reason.DISCORD_UNAVAILABLE),
    broken=lambda: refusal_page(Reason.MISCONFIGURED, 500),
)
PLAIN_JSON = ErrorResponses(  # for programs
    refused=lambda reason: json_error(reason, 401, {"WWW-Authenticate": "Bearer"}),
    unavailable=lambda: json_error(Reason.MISCONFIGURED, 500),
    broken=lambda: json_error(Reason.MISCONFIGURED, 500),
)


# --- routes ---------------------------------------------------------------------------------------------------


@app.route("/discord/link", methods=["GET"])
@answers(PAGES)
def link() -> Response:
    """Begin to link: check the auth site's token and send the person to Discord."""
    if http.is_prefetch(header):
        return Response("", {"Cache-Control": "no-store"}, 503)  # the token is for the click that may follow
    return to_discord(wired().entrance.start(query("token")))


def to_discord(started: "Started") -> Response:
    """Send the person to Discord's page; a cookie binds the attempt to their browser."""
    callback = urlsplit(wired().settings.callback_url)
    secure, path = callback.scheme == "https", callback.path or "/"
    cookie = http.set_cookie(cookie_name(started.state), started.cookie, max_age=LIFE, path=path, secure=secure)
    return redirect(started.url, {"Set-Cookie": cookie})


@app.route("/discord/callback", methods=["GET"])
@answers(PAGES)
def callback() -> Response:
    """Finish linking: Discord has sent the person back."""
    state = query("state")
    cookie = http.read_cookies(header("cookie")).get(cookie_name(state)) if state else None
    wired().linking.finish(code=query("code"), state=state, error=query("error"), cookie=cookie)
    return outcome("linked")


@app.route("/discord/unlink", methods=["GET"])
@answers(PAGES)
def ask_to_unlink() -> Response:
    """Show the page that asks for confirmation; nothing is unlinked yet."""
    token = query("token")
    wired().entrance.token(token, Purpose.UNLINK, use=False)
    from chalicelib.web import pages

    return page(pages.unlink_page(token or "", header("accept-language")), 200, wired().settings.auth_site_url)


@app.route("/discord/unlink", methods=["POST"], content_types=[ANY_CONTENT_TYPE])
@answers(PAGES)
def unlink() -> Response:
    """Unlink, after confirmation."""
    wired().linking.unlink(fields().get("token"))
    return outcome("unlinked")


@app.route("/discord/add_bot", methods=["GET"])
@answers(PAGES)
def add_bot() -> Response:
    """Send the guild's administrator to Discord's page that adds the bot."""
    return redirect(wired().entrance.add_bot_url(query("token")))


@app.route("/discord/users/{user_id}", methods=["GET"])
@answers(PLAIN_JSON)
def user(user_id: str) -> Response:
    """The linked account, for the auth site's own page."""
    token = http.bearer_token(header("authorization"))
    found = wired().linking.account(token, *http.path_readings(user_id))
    return Response(found, JSON_HEADERS, 200) if found else json_error("not_linked", 404)


@app.route("/discord/me", methods=["GET"])
@answers(PAGES)
def my_discord() -> Response:
    """The member's own page; a token opens a session of it."""
    if query("token") is not None:
        return open_session(Purpose.ME)
    from chalicelib.web import entry

    parts = wired()
    return page(entry.show_member(parts, request_of_page(), query("done")), 200, *entry.form_targets(parts))


@app.route("/discord/me", methods=["POST"], content_types=[ANY_CONTENT_TYPE])
@answers(PAGES)
def change_my_discord() -> Response:
    """A button of the member's own page."""
    from chalicelib.web import entry

    did = entry.act_for_member(wired(), request_of_page(), fields())
    if did.started:
        return to_discord(did.started)
    return outcome(did.outcome) if did.outcome else redirect(did.address)


@app.route("/discord/admin", methods=["GET"])
@answers(PAGES)
def officers() -> Response:
    """The officers' page; a token opens a session of it. `part=live` is the part of it that changes by itself."""
    if query("token") is not None:
        return open_session(Purpose.ADMIN)
    from chalicelib.web import entry, pages

    parts, browser = wired(), request_of_page()
    headers = pages.security_headers(*entry.form_targets(parts), script=True)
    if query("part") != "live":
        asked = dict(current().query_params or {})
        return Response(entry.show_officers(parts, browser, asked), headers, 200)
    news = entry.show_officers_news(parts, browser, header("if-none-match"))
    return Response(news.html, headers | {"ETag": f'"{news.digest}"'}, 200) if news else Response("", headers, 304)


@app.route("/discord/admin", methods=["POST"], content_types=[ANY_CONTENT_TYPE])
@answers(PAGES)
def answer_for_officer() -> Response:
    """A button of the officers' page."""
    from chalicelib.web import entry

    return redirect(entry.act_for_officer(wired(), request_of_page(), fields()).address)


def open_session(purpose: Purpose) -> Response:
    """Use the token of the query up, and come back to the same address with a session in its place."""
    from chalicelib.web import entry
    from chalicelib.web.render import SAME_ADDRESS

    token = wired().entrance.token(query("token"), purpose)
    return redirect(SAME_ADDRESS, {"Set-Cookie": entry.opened(wired(), token)})


def request_of_page() -> tuple[str, str]:
    """What a page needs of the request: its cookies and languages."""
    return header("cookie"), header("accept-language")


@app.route("/discord/interactions", methods=["POST"], content_types=[ANY_CONTENT_TYPE])
@answers(PLAIN_JSON)
def interactions() -> Response:
    """Slash commands, as Discord posts them."""
    signature, timestamp = header("x-signature-ed25519"), header("x-signature-timestamp")
    reply = wired().commands.receive(signature=signature, timestamp=timestamp, body=body())
    return Response(reply.body, JSON_HEADERS, reply.status)


@app.route("/health", methods=["GET"])
def health() -> dict[str, str]:
    """Say that the function runs; touches nothing."""
    return {"status": "ok", "version": VERSION}


# --- queues ---------------------------------------------------------------------------------------------------


@app.on_sqs_message(queue=f"rolecall-{STAGE}-jobs", batch_size=10, maximum_concurrency=JOBS_AT_ONCE, name="sync_jobs")
def sync_jobs(event: SQSEvent) -> None:
    """Changes of single users, as the auth site posts them."""
    deliver(event, bulk=False)


@app.on_sqs_message(queue=f"rolecall-{STAGE}-bulk", batch_size=10, maximum_concurrency=BULK_AT_ONCE, name="sync_bulk")
def sync_bulk(event: SQSEvent) -> None:
    """Steps of sweeps, and repairs of the members who were found to differ."""
    deliver(event, bulk=True)


def deliver(event: SQSEvent, *, bulk: bool) -> None:
    """Settle every message of the batch; defer them all if the services cannot be built."""
    messages = [message_of(record) for record in event.to_dict()["Records"]]
    left = event.context.get_remaining_time_in_millis  # type: ignore[union-attr]  # Chalice types it as a dict
    try:
        delivery = wired().delivery
    except Exception as why:  # noqa: BLE001 - whatever it is, the messages must outlast it
        deferral().defer_all(messages, why, bulk=bulk)
    else:
        delivery.batch(messages, bulk=bulk, seconds_left=lambda: left() / 1000)


# --- tasks and schedules --------------------------------------------------------------------------------------


@app.lambda_function(name="update_all")
def update_all(event: Any, context: object) -> dict[str, Any]:
    """Repair groups, usernames and nicknames of the whole guild."""
    return sweep("ALL", event, context)


@app.lambda_function(name="update_all_groups")
def update_all_groups(event: Any, context: object) -> dict[str, Any]:
    """Repair the roles of the whole guild."""
    return sweep("GROUPS", event, context)


@app.lambda_function(name="update_all_nicknames")
def update_all_nicknames(event: Any, context: object) -> dict[str, Any]:
    """Repair the nicknames of the whole guild."""
    return sweep("NICKNAME", event, context)


@app.lambda_function(name="update_all_usernames")
def update_all_usernames(event: Any, context: object) -> dict[str, Any]:
    """Refresh the usernames of the whole guild, and the name of the server."""
    return sweep("USERNAME", event, context)


@app.schedule(settings.schedule("UPDATE_ALL_SCHEDULE", "rate(1 hour)"))
def update_all_on_schedule(event: CloudWatchEvent) -> None:
    """The same as `update_all`."""
    sweep("ALL", None, event.context)


@app.schedule(settings.schedule("UPDATE_ALL_USERNAMES_SCHEDULE", "rate(12 hours)"))
def update_all_usernames_on_schedule(event: CloudWatchEvent) -> None:
    """The same as `update_all_usernames`."""
    sweep("USERNAME", None, event.context)


def sweep(parts: str, options: Any, context: object) -> dict[str, Any]:
    """Start a sweep and return its state; `options` may be `{"dry_run": true}` or `{"force": true}`.

    `parts` is a name of `Parts`.
    """
    from chalicelib.messages import Parts

    log.bind(getattr(context, "aws_request_id", None) or uuid4().hex)
    try:
        return wired().delivery.sweeper.start(Parts[parts], **sweep_options(options))
    except Exception as error:
        count_outage(error)
        raise
    finally:
        flush()


def sweep_options(options: Any) -> dict[str, bool]:
    """Return the options. Raises ValueError for any other, since a misspelt `dry_run` must not become a real run."""
    options = {} if options is None else options
    if not isinstance(options, dict) or not all(
        name in ("dry_run", "force") and isinstance(value, bool) for name, value in options.items()
    ):
        raise ValueError('give nothing, {"dry_run": true} or {"force": true}')
    return options
