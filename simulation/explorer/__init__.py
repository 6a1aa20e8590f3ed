"""A systematic search for overlaps that Rolecall does not survive.

    python -m simulation.explorer                    every operation whole inside each other one, at every call it makes
    python -m simulation.explorer --triples 2000     and a sample of three operations
    python -m simulation.explorer --replay "linked: callback | 7 before | delete"

Unlike seeds, schedules are enumerated: `operations` says what can happen, `interleaving` runs one operation inside
another, with a death, a lost answer or a late effect there, `checks` says what must hold at the end, `search` tries
them all and reduces those that fail. Everything is deterministic.
"""
