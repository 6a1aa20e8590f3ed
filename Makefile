# What a person runs. `make demo` and `make test` set up everything they need by themselves.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
ALLIANCEAUTH := .venv/allianceauth
ALLIANCEAUTH_VERSION := 5.5.0

SEEDS ?= 200
N ?= 100000
FROM ?= 0
TRIPLES ?=
STAGE ?= dev
BUCKET ?=
CHECK ?=
EMAIL ?=
AUTH_SITE ?=
PROTECTION ?=
HOURS_WITHOUT_SWEEP ?=
OLDEST_CHANGE ?=
VISIBILITY_TIMEOUT ?=
REVERT_DRIFT ?=
DEPLOY := $(BIN)/python -m deploy
CHOSEN = $(if $(EMAIL),--email '$(EMAIL)') $(if $(AUTH_SITE),--auth-site '$(AUTH_SITE)') \
	$(if $(PROTECTION),--protection $(PROTECTION)) $(if $(HOURS_WITHOUT_SWEEP),--hours-without-sweep $(HOURS_WITHOUT_SWEEP)) \
	$(if $(OLDEST_CHANGE),--oldest-change $(OLDEST_CHANGE)) $(if $(VISIBILITY_TIMEOUT),--visibility-timeout $(VISIBILITY_TIMEOUT)) \
	$(if $(REVERT_DRIFT),--revert-drift)

ifdef AWS_REGION  # most AWS programs read it; boto3 knows the other name only, and secrets must lie where functions run
export AWS_DEFAULT_REGION ?= $(AWS_REGION)
endif

.PHONY: help setup demo demo-allianceauth test test-pythons test-all test-allianceauth resilience simulate
.PHONY: explore mutation fuzz bench check format docs secrets deploy package deploy-package rollback destroy clean

help:  ## what there is to make
	@sed -nE 's/^([a-z-]+):.*  ## (.*)/\1 \2/p' $(MAKEFILE_LIST) | while read -r name says; do printf '%-18s%s\n' "$$name" "$$says"; done

setup: $(READY)  ## the environment for everything below, in .venv

$(READY): requirements.txt requirements-dev.txt local/aws/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14) and "Rolecall needs a Python that Lambda has, 3.11 to 3.14 (3.13 is recommended); this is " + sys.version.split()[0])'
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "Python lacks its venv module: on Debian and Ubuntu, apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(PYTHON) -m venv .venv/aws
	.venv/aws/bin/python -m pip install --quiet --disable-pip-version-check -r local/aws/requirements.txt
	@touch $@

demo: setup  ## link three people, change groups, damage the guild, repair it: all on this machine
	$(BIN)/python -m local demo

demo-allianceauth: $(ALLIANCEAUTH)/.demo setup  ## a real Alliance Auth with its app, all of Rolecall and a local Discord; CHECK=1 drives it in Chromium
	$(BIN)/python -m local demo-allianceauth $(if $(CHECK),--check)

test: setup  ## every test but the slowest, on loopback only
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadgroup

test-pythons:  ## the tests that need no local AWS, on every Python from 3.11 to 3.14 that is at hand
	.ci/pythons.sh

test-all: setup  ## every test
	$(BIN)/python -m pytest

test-allianceauth: $(ALLIANCEAUTH)/.ready setup  ## the Alliance Auth app, on the real Alliance Auth and on all of Rolecall
	cd auth_sites/allianceauth && $(CURDIR)/$(ALLIANCEAUTH)/bin/python -m pytest
	cd auth_sites/allianceauth && ROLECALL_WITHOUT_OWN_APP=1 $(CURDIR)/$(ALLIANCEAUTH)/bin/python -m pytest -m "not stack"

# Alliance Auth's own pins must not meet Rolecall's: an environment of its own. Without its dependency mysqlclient.
$(ALLIANCEAUTH)/.ready: $(READY) auth_sites/allianceauth/requirements-test.txt auth_sites/allianceauth/pyproject.toml
	$(PYTHON) -m venv $(ALLIANCEAUTH)
	$(ALLIANCEAUTH)/bin/python -m pip install --quiet --disable-pip-version-check -r auth_sites/allianceauth/requirements-test.txt
	$(ALLIANCEAUTH)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps allianceauth==$(ALLIANCEAUTH_VERSION)
	$(ALLIANCEAUTH)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps ./auth_sites/allianceauth
	@touch $@

# What Alliance Auth's pages load from a CDN, from npm packages: see auth_sites/allianceauth/demo/assets.py.
$(ALLIANCEAUTH)/.demo: $(ALLIANCEAUTH)/.ready $(addprefix auth_sites/allianceauth/demo/,assets.py package.json package-lock.json)
	@command -v npm > /dev/null || { echo "npm is missing: on Debian and Ubuntu, apt install npm"; exit 1; }
	rm -rf $(ALLIANCEAUTH)/npm && mkdir $(ALLIANCEAUTH)/npm
	cp auth_sites/allianceauth/demo/package.json auth_sites/allianceauth/demo/package-lock.json $(ALLIANCEAUTH)/npm
	cd $(ALLIANCEAUTH)/npm && npm ci --ignore-scripts --no-audit --no-fund --silent
	$(ALLIANCEAUTH)/bin/python auth_sites/allianceauth/demo/assets.py $(ALLIANCEAUTH)/npm/node_modules $(ALLIANCEAUTH)/cdn
	rm -rf $(ALLIANCEAUTH)/npm
	@touch $@

resilience: setup  ## the test of tests/stack_resilience in full: 500 changes, half a minute without Discord
	RESILIENCE=full $(BIN)/python -m pytest tests/stack_resilience

simulate: setup  ## the real code in worlds where everything goes wrong: make simulate SEEDS=500 FROM=70000
	@$(BIN)/python -m simulation --seeds $(SEEDS) --from $(FROM)

explore: setup  ## every operation inside each other one, at every call it makes; TRIPLES=2000 for three
	@$(BIN)/python -m simulation.explorer $(if $(TRIPLES),--triples $(TRIPLES))

mutation: setup  ## change the pure modules, one operator or number at a time, and see whether their tests notice; ONLY=chalicelib/settings.py for one
	$(BIN)/pip install -q -r tools/requirements-mutation.txt
	$(BIN)/python -m tools.mutation $(if $(ONLY),--only $(ONLY))

fuzz: setup  ## odd input by the hundred thousand: make fuzz N=100000
	$(BIN)/python -m tests.fuzz --examples $(N)

check: setup  ## formatting, lint, types, imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: setup  ## what it costs: one table; QUICK=1 for the part that fits into two minutes
	$(BIN)/python -m bench $(if $(QUICK),--quick)

format: setup  ## put right what `make check` finds, where a program can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: setup  ## write docs/reference anew from the code
	@$(BIN)/python -m tools.reference

secrets: setup  ## ask for the three secrets and store them: make secrets STAGE=prod
	@for name in DISCORD_APP_SECRET DISCORD_BOT_TOKEN AUTH_SITE_SECRET; do $(BIN)/python -m ops --stage $(STAGE) secrets put $$name || exit 1; done

deploy: setup  ## tables and queues, the functions, alarms: make deploy STAGE=prod EMAIL=you@example.org
	$(DEPLOY) up $(STAGE) $(CHOSEN)

package: setup  ## the functions' zip and CloudFormation template, for a pipeline: make package STAGE=prod
	$(DEPLOY) package $(STAGE)

deploy-package: setup  ## like deploy, with the functions as a CloudFormation stack
	$(DEPLOY) up $(STAGE) --packaged $(if $(BUCKET),--bucket $(BUCKET)) $(CHOSEN)

rollback: setup  ## put the version before back, code and settings, where deploy-package deployed: make rollback STAGE=prod
	$(DEPLOY) rollback $(STAGE) $(if $(BUCKET),--bucket $(BUCKET))

destroy: setup  ## delete a stage and all that it keeps: make destroy STAGE=dev
	$(DEPLOY) down $(STAGE) $(if $(BUCKET),--bucket $(BUCKET))

clean:  ## remove all that was made here, .venv too
	rm -rf .venv .build .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
