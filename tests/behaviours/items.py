"""Alliance Auth's numbered behaviours: KEEP gives the same result, FIX a better one. In our own words, one line each.

`auth_site` says why nothing of an item is Rolecall's; an item with it needs no test here.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """One behaviour."""

    number: str
    mark: str
    title: str
    auth_site: str = ""


_TEXT = """
1 KEEP groups and state match roles by exact name
2 KEEP without groups the state alone is left
3 KEEP names are cut to 100 characters; equal after the cut is one role
4 KEEP a state that is not stored yet counts
5 KEEP managed roles stay and are no drift
6 KEEP reserved roles stay, in any case, and are no drift
7 KEEP every other unwanted role is taken
8 KEEP no write where nothing differs, one where something does
9 KEEP an unknown role id makes the list be read again
10 KEEP a role id that stays unknown does not stop the update
11 FIX nothing wanted and nothing to keep empties the roles
12 KEEP a missing role is created and used at once
13 KEEP with role creation off the rest is still applied
14 KEEP the list of roles is cached; a bad answer is not
15 KEEP a change of roles is seen at once by who made it
16 KEEP an empty answer to a creation is no role
17 KEEP looking a role up never creates one
18 FIX one missing role, many workers: one role
19 FIX of two roles with one name always the same is used
20 FIX a renamed role stays the group's role
21 FIX a role deleted while cached is made again
22 KEEP drifted roles are written
23 KEEP roles in order are not written
24 KEEP who left is unlinked, and the auth site told
25 KEEP a 404 without Discord's own code removes nobody
26 KEEP a lasting refusal is recorded, nothing deleted
27 KEEP a user without an account costs nothing
28 FIX any 2xx is success
29 KEEP the nickname is the main character's, 32 characters
30 KEEP without a main character no nickname is sent
31 KEEP a nickname in the message counts; who left is unlinked
32 KEEP nicknames only with DISCORD_SYNC_NAMES
33 FIX a nickname that matches is not written
34 FIX the owner's nickname is reported once, not retried
35 KEEP the username is read and stored
36 KEEP a username of someone who left unlinks them
37 KEEP usernames are shown in both of Discord's ways
38 KEEP a deleted account is removed; told only if asked
39 KEEP who is gone already is unlinked all the same
40 KEEP a failed removal keeps the link
41 KEEP a link that is gone already: nothing, and no notice
42 KEEP a removal that meets an error is tried again
43 KEEP several are deleted at once
44 FIX deleting the auth user removes the member for sure
45 KEEP a new member joins with roles and nickname at once
46 KEEP an existing member is made right on linking
47 KEEP a failed join leaves no link and a clear message
48 KEEP a callback without a code is refused without a call
49 KEEP unlinking and linking again
50 KEEP the client tells joined, was in, gone and wrong use apart
51 KEEP each touched user's groups follow
52 KEEP a changed state swaps roles
53 KEEP permission lost: removed and told; regained: not restored
54 KEEP a renamed main character renames the member
55 KEEP main character lost: removed without a notice
55b FIX a deactivated user is removed
56 KEEP without permission removed, without account nothing
57 KEEP one broken hook does not stop the others
58 KEEP the four bulk tasks, and for chosen users
59 KEEP a single change goes before bulk work
60 KEEP who left is found by the bulk; the rest goes on
60b KEEP a whole state loses permission: all are removed
61 FIX bulk work runs in parallel, at Discord's pace
62 FIX a user deleted meanwhile stops nobody else
63 FIX an overlapping bulk task loses nobody
64 FIX a killed worker's work goes on
65 FIX one failing user holds nobody up
66 KEEP 5xx is tried again after the pause, so often
67 KEEP waiting for a limit is unlimited
68 FIX waits and failures are counted apart
69 FIX cut connections and time-outs are tried again
70 FIX a 429 that is no JSON makes everybody wait
71 KEEP a 429 holds for all workers; without a number 5 s
72 FIX retry_after is in seconds
73 KEEP our own limiter is shared and atomic
74 FIX rate-limit headers are used, a bucket each
75 KEEP a fault of ours never takes the neighbours along
76 KEEP guild-wide work is tried again as well
77 KEEP authorization, JSON, user agent and time-outs on every request
78 KEEP the server's name is cached; failing, it is empty
79 KEEP defaults for settings; no access token is an error
80 KEEP the guild's id is a number; the page that adds the bot
"""

_AUTH_SITE = {
    "57": "its signal handlers call the hooks of all its services; Rolecall is one service and hears messages only",
}


def _read(line: str) -> Item:
    number, mark, title = line.split(" ", 2)
    return Item(number, mark, title, _AUTH_SITE.get(number, ""))


ITEMS = tuple(_read(line) for line in _TEXT.strip().splitlines())
