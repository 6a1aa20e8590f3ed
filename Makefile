# What a person runs. `make demo` and `make test` set up everything they need by themselves.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

SEEDS ?= 200
FROM ?= 0

.PHONY: setup demo test simulate check format clean

setup: $(READY)  ## the environment for everything below, in .venv

$(READY): requirements.txt requirements-dev.txt local/aws/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Rolecall needs Python 3.11 or newer; this is " + sys.version.split()[0])'
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "Python lacks its venv module: on Debian and Ubuntu, apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(PYTHON) -m venv .venv/aws
	.venv/aws/bin/python -m pip install --quiet --disable-pip-version-check -r local/aws/requirements.txt
	@touch $@

demo: setup  ## link three people, change groups, damage the guild, repair it: all on this machine
	$(BIN)/python -m local demo

test: setup  ## every test, on loopback only
	$(BIN)/python -m pytest

simulate: setup  ## the real code in worlds where everything goes wrong: make simulate SEEDS=500 FROM=70000
	@$(BIN)/python -m simulation --seeds $(SEEDS) --from $(FROM)

check: setup  ## formatting, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv .build .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
