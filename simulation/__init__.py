"""Rolecall's real code in a world full of faults; one integer determines a whole run.

    python -m simulation --seeds 500 --from 70000

A seed determines a *plan* (`plan`: size and severity), what people do (`actors`: the auth site, users, moderators,
operators) and what fails (`faults`: store, queues, Discord, processes that die). `harness` puts them into one world
on a virtual clock; `invariants` are checked at every step of the bot, `final_checks` at the end. Never shipped.
"""
