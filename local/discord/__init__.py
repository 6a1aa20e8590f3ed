"""A Discord on this machine: one guild, one application and its bot, over HTTP or in process.

It answers as Discord's API v10 does, as far as Rolecall uses it: OAuth2 with a page to click, members, roles,
error codes, hierarchy, rate limits. The guild and its rules are simcord's; what simcord lacks (an HTTP
server, OAuth2, joining by PUT, rate limits, faults on demand) is here. Where to find what:

    config      the settings it starts with and the switches that can be turned while it runs core
    Discord: `handle(Request) -> Answer`, no sockets, no wall clock; everything else hangs on it messages
    Request, Answer and the errors of the API limits      the arithmetic of rate limits; pure.  limiter: which
    request falls under which limit guild       the guild (simcord), payloads (wire form), forms (checks of
    what was sent), api/ (the routes) oauth/      authorise page, codes, tokens faults      what goes wrong on
    demand.  journal: every request received backstage   what people do behind the API's back; control_routes
    serves it, control is the client for it server      threads and sockets; `python -m local.discord`.
    adapter: the same for `requests`, without sockets

Nothing here imports simcord (half a second) before a Discord is made.
"""
