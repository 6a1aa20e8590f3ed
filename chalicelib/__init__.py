"""Rolecall: everything that runs in Lambda, and nothing else.

Data flows one way: `app` → `linking`, `delivery` → `sweeps` → `members` → `discord`, `store`, `queues` → `errors`.
"""

VERSION = "0.1.0"
