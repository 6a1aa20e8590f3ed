"""The doors of Rolecall: routes, queues, schedules, tasks. Each decodes, calls, encodes. The only file with Chalice."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4

from chalice.app import Chalice, CloudWatchEvent, Request, Response, SQSEvent

from chalicelib import VERSION, log, settings
from chalicelib.errors import BadSettings, LinkRefused, Reason, RolecallError
from chalicelib.linking import pages
from chalicelib.linking.attempts import LIFE, cookie_name
from chalicelib.linking.tokens import Purpose
from chalicelib.messages import Parts
from chalicelib.queues import message_of
from chalicelib.wiring import deferral, flush, wired

app = Chalice(app_name="rolecall", configure_logs=False)
STAGE = settings.stage()
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
ANY_CONTENT_TYPE = "*/*"  # what is none of ours gets our page too, not a bare 415
MAX_FORM = 64 * 1024  # bytes
MAX_FIELDS = 10  # of a form; ours has one
JOBS_AT_ONCE = 5  # functions on the jobs queue; Discord's limits set the pace, not their number
BULK_AT_ONCE = 5
Headers = dict[str, str | list[str]]


# --- people ---------------------------------------------------------------------------------------------------


def answers_people(handler: Callable[..., Response]) -> Callable[..., Response]:
    """A refusal becomes the page, or the way back, that says why; nobody ever sees a traceback."""

    @wraps(handler)
    def answer(*arguments: str) -> Response:
        log.bind(request_id())
        try:
            return handler(*arguments)
        except LinkRefused as refused:
            log.warning("refused", reason=refused.reason, detail=refused.detail)
            return refusal(refused.reason)
        except BadSettings as error:
            log.error("misconfigured", faults=error.faults)
            return page(pages.refusal_page(Reason.MISCONFIGURED), 500)
        except RolecallError as error:
            log.error("unexpected", why=str(error))
            return refusal(Reason.DISCORD_UNAVAILABLE)
        except Exception:  # noqa: BLE001 - the caller gets a page, the log the traceback
            log.error("broken")
            return page(pages.refusal_page(Reason.MISCONFIGURED), 500)
        finally:
            flush()

    return answer


@app.route("/discord/link", methods=["GET"])
@answers_people
def link() -> Response:
    """Begin to link: check the auth site's token, send the person to Discord."""
    started = wired().linking.start(query("token"))
    callback = urlsplit(wired().services.settings.callback_url)
    secure = "; Secure" if callback.scheme == "https" else ""
    cookie = (
        f"{cookie_name(started.state)}={started.cookie}; Max-Age={LIFE}; Path={callback.path or '/'}; HttpOnly; "
        f"SameSite=Lax{secure}"
    )
    return redirect(started.url, {"Set-Cookie": cookie})


@app.route("/discord/callback", methods=["GET"])
@answers_people
def callback() -> Response:
    """Finish: Discord sent the person back."""
    state = query("state")
    cookie = cookies().get(cookie_name(state)) if state else None
    wired().linking.finish(code=query("code"), state=state, error=query("error"), cookie=cookie)
    return outcome("linked")


@app.route("/discord/unlink", methods=["GET"])
@answers_people
def ask_to_unlink() -> Response:
    """Ask before anything is done."""
    token = query("token")
    wired().linking.token(token, Purpose.UNLINK, use=False)
    target = wired().services.settings.auth_site_url
    return page(pages.unlink_page(token or ""), 200, form_target=target)


@app.route("/discord/unlink", methods=["POST"], content_types=[ANY_CONTENT_TYPE])
@answers_people
def unlink() -> Response:
    """Do it."""
    wired().linking.unlink(fields().get("token"))
    return outcome("unlinked")


@app.route("/discord/add_bot", methods=["GET"])
@answers_people
def add_bot() -> Response:
    """Send the guild's administrator to Discord's page that adds the bot."""
    return redirect(wired().linking.add_bot_url(query("token")))


@app.route("/discord/users/{user_id}", methods=["GET"])
def user(user_id: str) -> Response:
    """The linked account, for the auth site's own page."""
    log.bind(request_id())
    headers: Headers = {"Cache-Control": "no-store", "Content-Type": "application/json"}
    try:
        found = wired().linking.account(bearer(), *readings(user_id))
    except LinkRefused as refused:
        log.warning("refused", reason=refused.reason, detail=refused.detail)
        return Response({"error": str(refused.reason)}, headers | {"WWW-Authenticate": "Bearer"}, 401)
    except Exception:  # noqa: BLE001 - the caller gets an answer, the log the traceback
        log.error("broken")
        return Response({"error": str(Reason.MISCONFIGURED)}, headers, 500)
    finally:
        flush()
    return Response(found, headers, 200) if found else Response({"error": "not_linked"}, headers, 404)


@app.route("/health", methods=["GET"])
def health() -> dict[str, str]:
    """Alive; touches nothing."""
    return {"status": "ok", "version": VERSION}


# --- queues ---------------------------------------------------------------------------------------------------


@app.on_sqs_message(queue=f"rolecall-{STAGE}-jobs", batch_size=10, maximum_concurrency=JOBS_AT_ONCE, name="sync_jobs")
def sync_jobs(event: SQSEvent) -> None:
    """Changes of single users, as the auth site posts them."""
    deliver(event, bulk=False)


@app.on_sqs_message(queue=f"rolecall-{STAGE}-bulk", batch_size=10, maximum_concurrency=BULK_AT_ONCE, name="sync_bulk")
def sync_bulk(event: SQSEvent) -> None:
    """Steps of sweeps, and the members that they found to differ."""
    deliver(event, bulk=True)


def deliver(event: SQSEvent, *, bulk: bool) -> None:
    """Settle every message of the batch; put them off where nothing can be built to do so."""
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
    return sweep(Parts.ALL, event, context)


@app.lambda_function(name="update_all_groups")
def update_all_groups(event: Any, context: object) -> dict[str, Any]:
    """Repair the roles of the whole guild."""
    return sweep(Parts.GROUPS, event, context)


@app.lambda_function(name="update_all_nicknames")
def update_all_nicknames(event: Any, context: object) -> dict[str, Any]:
    """Repair the nicknames of the whole guild."""
    return sweep(Parts.NICKNAME, event, context)


@app.lambda_function(name="update_all_usernames")
def update_all_usernames(event: Any, context: object) -> dict[str, Any]:
    """Renew the usernames of the whole guild, and the server's name."""
    return sweep(Parts.USERNAME, event, context)


@app.schedule(settings.schedule("UPDATE_ALL_SCHEDULE", "rate(1 hour)"))
def update_all_on_schedule(event: CloudWatchEvent) -> None:
    """The same as `update_all`."""
    sweep(Parts.ALL, None, event.context)


@app.schedule(settings.schedule("UPDATE_ALL_USERNAMES_SCHEDULE", "rate(12 hours)"))
def update_all_usernames_on_schedule(event: CloudWatchEvent) -> None:
    """The same as `update_all_usernames`."""
    sweep(Parts.USERNAME, None, event.context)


def sweep(parts: Parts, options: Any, context: object) -> dict[str, Any]:
    """Start a sweep; `options` may be `{"dry_run": true}` or `{"force": true}`, `context` is Lambda's."""
    log.bind(getattr(context, "aws_request_id", None) or uuid4().hex)
    try:
        return wired().delivery.sweeper.start(parts, **sweep_options(options))
    finally:
        flush()


def sweep_options(options: Any) -> dict[str, bool]:
    """The options, or a clear error: a misspelt `dry_run` must not become a real run."""
    options = {} if options is None else options
    if not isinstance(options, dict) or not all(
        name in ("dry_run", "force") and isinstance(value, bool) for name, value in options.items()
    ):
        raise ValueError('give nothing, {"dry_run": true} or {"force": true}')
    return options


# --- HTTP, in and out -----------------------------------------------------------------------------------------


def current() -> Request:
    """The request that is being answered."""
    request = app.current_request
    if request is None:
        raise RuntimeError("no request is being answered")
    return request


def query(name: str) -> str | None:
    """A query parameter; None where it is absent. The last one where it came several times."""
    return dict(current().query_params or {}).get(name)


def cookies() -> dict[str, str]:
    """The request's cookies. Split by hand: the standard library drops them all where another site's is odd."""
    pairs = (pair.partition("=") for pair in current().headers.get("cookie", "").split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def fields() -> dict[str, str]:
    """The texts of the form, or of the JSON object, that was sent.

    Empty where it is neither, cannot be read, or is larger than any of ours. JSON needs no Content-Type.
    """
    kind = current().headers.get("content-type", JSON).partition(";")[0].strip().lower()
    try:
        body = bytes(current().raw_body)  # type: ignore[arg-type]  # bytes, always
        if len(body) > MAX_FORM or kind not in (FORM, JSON):
            return {}
        if kind == FORM:
            return dict(parse_qsl(body.decode(), max_num_fields=MAX_FIELDS))
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return {name: text for name, text in found.items() if isinstance(text, str)} if isinstance(found, dict) else {}


def bearer() -> str | None:
    """The token of the Authorization header."""
    scheme, _, token = current().headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def readings(parameter: str) -> frozenset[str]:
    """What a part of the path may mean.

    A REST API of API Gateway gives it as it was sent, still quoted (https://github.com/aws/chalice/issues/511). What
    stands in for one may have unquoted it: then `a%2Fb` is meant as it is.
    """
    return frozenset({parameter, unquote(parameter)})


def request_id() -> str:
    """What API Gateway calls this request; the correlation id of all that follows from it."""
    found: str = current().context.get("requestId") or "-"
    return found


def redirect(url: str, headers: Headers | None = None) -> Response:
    """Send the browser elsewhere, telling nobody where it came from."""
    kept: Headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return Response("", {"Location": url, "Content-Type": "text/plain"} | kept | (headers or {}), 302)


def page(html: str, status: int, *, form_target: str = "") -> Response:
    """A page of our own."""
    return Response(html, pages.security_headers(form_target), status)


def outcome(word: str) -> Response:
    """Back to the auth site with what happened, or a page that says it."""
    target = wired().services.settings.auth_site_url
    return redirect(pages.way_back(target, word)) if target else page(pages.done_page(word), 200)


def refusal(reason: Reason) -> Response:
    """Back to the auth site with the reason, or a page that says what to do."""
    target = wired().services.settings.auth_site_url
    if not target:
        return page(pages.refusal_page(reason), 400)
    return redirect(pages.way_back(target, "denied" if reason is Reason.DENIED else "failed", reason))
