"""Rolecall: everything that runs in Lambda, and nothing else.

Dependencies point one way, as import-linter checks (pyproject.toml):
`app` → `wiring` → `assembly` → `linking` | `delivery` → `sweeps` → `members` → `services` → `store` → `discord` →
`messages`, `queues` → `errors`. `linking` and `delivery` do not know each other.
"""

VERSION = "0.1.0"
