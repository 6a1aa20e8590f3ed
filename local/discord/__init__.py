"""A Discord on this machine: one guild, one application and its bot, over HTTP or in process.

It answers as Discord's API v10 does, as far as Rolecall uses it: OAuth2 with a page to click, members, roles, error
codes, hierarchy, rate limits. The guild and its rules are simcord's; what simcord lacks (an HTTP server, OAuth2,
joining by PUT, rate limits, faults on demand) is here. Where to find what:

    config       the settings it starts with, and the switches that can be turned while it runs
    core         Discord: `handle(Request) -> Answer`; no sockets, no wall clock; everything else hangs on it
    messages     Request, Answer, and the errors of the API
    cloudflare   what Cloudflare does in front of the API
    api/         the API: `pipeline` leads a request through its checks to a route of the other modules
    oauth/       the authorise page, codes, tokens
    guild        the guild and its rules (simcord, kept in `store`); `payloads` is its wire form
    validation   checks of what a request carries
    limits       the arithmetic of rate limits, pure; `limiter` decides which request falls under which limit
    faults       injected faults
    request_log  every request received, and counts
    admin        what people do without the API; `test_controls`: what only tests do; `lookup` finds people
    control      the client of `admin`; `control_server` serves it, `views` is what both show
    server       threads and sockets; `python -m local.discord` runs it
    adapter      the same for `requests`, without sockets

Nothing here imports simcord (which takes half a second) before a Discord is made.
"""
