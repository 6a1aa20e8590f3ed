"""Rolecall's real code in a world where everything goes wrong, decided by one integer.

    python -m simulation --seeds 500 --from 70000

A seed decides a *plan* (`plan`: how large, how bad), what the people in it do (`cast`: the auth site, users,
moderators, operators) and what fails (`weather`: store, queues, Discord, workers that die). `storm` puts them into one
world on a virtual clock; `watch` looks at every step of the bot, `verdict` at the end. Never shipped.
"""
