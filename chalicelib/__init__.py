"""Rolecall: everything that runs in Lambda, and nothing else.

Data flows one way: `app` → `linking`, `syncing` → `discord`, `store`, `queues` → `errors`, `settings`.
"""

VERSION = "0.1.0"
