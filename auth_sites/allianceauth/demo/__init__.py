"""A small alliance on a real Alliance Auth, for `make demo-allianceauth`. Runs in `.venv/allianceauth`."""
