"""What `make docs` runs: writes the reference pages and the machine-readable contract from the code.

A page of docs/ is written by hand, except for blocks such as

    <!-- generated: settings -->
    …
    <!-- end -->

`blocks` names what fills each. Whole files (OpenAPI, JSON Schemas) are in `files`. Each module holds one theme:

settings   the tables of chalicelib/settings.py
commands   the parsers of ops, deploy and local; the Makefile
resources  functions, queues and tables, from app.py and the data stack
alarms     .chalice/watch-stack.yaml
logs       events, from the calls that write them; metrics, from chalicelib/metrics.py
contract   tokens, messages and notices: tables, examples, JSON Schemas
http       routes: table and OpenAPI
markdown   tables and code blocks
"""
