"""The table that the modules beside this one fill."""

from ..router import Router
from ..world import Call

routes: Router[Call] = Router()
