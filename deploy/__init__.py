"""Puts Rolecall into an AWS account, and takes it out again: `python -m deploy`, which `make deploy` runs.

Three stacks a stage: what it keeps (`rolecall-<stage>-data`), the functions (by `chalice deploy`, or as the stack
`rolecall-<stage>`), and what rings (`rolecall-<stage>-watch`).
"""
