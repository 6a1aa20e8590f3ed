"""The table of routes; the other modules of this package register theirs."""

from local.discord.router import Router
from local.discord.world import Call

routes: Router[Call] = Router()
