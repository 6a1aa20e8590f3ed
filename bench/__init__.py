"""What Rolecall costs: requests, calls, seconds, bytes, money. `make bench`; `make bench QUICK=1` in two minutes.

Counts are exact. Long runs are in virtual time, over the same code paths: only clock, queue, store and network are
replaced. Times are ratios inside one run, since machines differ and are noisy.
"""
