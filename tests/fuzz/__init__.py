"""Bad input by the hundred thousand; `python -m tests.fuzz --examples N` runs as much of it as you like."""
