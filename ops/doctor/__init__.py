"""The set-up, checked end to end: what is wrong, and how to fix it. `base` says what a check is."""
