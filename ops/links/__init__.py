"""Moving in from Alliance Auth, and out again: `table` reads and writes files, `bulk` the store."""
