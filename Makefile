# Everything a person or a machine does with a checkout. `make help` lists it.

BIN := .venv/bin
READY := .venv/.ready
PEERS := .venv/.peers

# The first interpreter that is new enough and can make virtual environments.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& { echo "$$name"; break; }; done)

PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST := $(BIN)/python -m pytest --dist worksteal

# Images for containers often say otherwise: then each of the thousand processes that tests start compiles all anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup ui ui-if-possible screenshots demo test test-wide test-long chaos simulate lint lint-python lint-ui lint-tests format docs bench bench-long lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ui-if-possible ## Make .venv with all that the lock names, and Towpath itself

$(READY): requirements-dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Towpath needs Python 3.11 or newer with its venv module; found none as" \
		"python3 or python3.11 to python3.14 (on Debian: python3-venv; or say make PYTHON=...)" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "setup: a virtual environment from $(PYTHON)"; $(PYTHON) -m venv .venv; }
	@echo "setup: installing what the lock names (a few minutes the first time)"
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

ui: $(READY) ## Build the web UI into the checkout, where its sources have changed
	@$(BIN)/python hatch_build.py

# Where npm reaches no registry, all but the UI works.
ui-if-possible: $(READY)
	@$(BIN)/python hatch_build.py --if-possible

screenshots: $(READY) ui ## Pictures of every screen, from a hub that works, in ui/shots; README=1: the README's too
	@$(BIN)/python -m tests.browser.screenshots $(if $(README),--readme)

# DIR and KEEP, given to make, stand in the environment of what it runs.
demo: $(READY) ui-if-possible ## A hub and two sites do real work on a copy of DIR; KEEP=1 leaves them running
	@$(BIN)/python -m demo

# With four workers on two cores: half of them wait for real processes most of the time.
test: lint ui ## Lint, then the tests that try each thing once; ends with "N passed, N failed"
	@$(PYTEST) -n 4 -q -m "not wide and not long"

test-wide: ui ## The same things in all their breadth: PostgreSQL, other targets, several hubs, every screen and document
	@$(PYTEST) -n 4 -q -m "wide and not long"

test-long: ui ## The tests that take minutes each
	@$(PYTEST) -n 2 -q -m long

chaos: $(READY) ## N rounds in which real processes die, from SEED on; FILES, KILLS: in a round
	@$(BIN)/python -m tests.chaos --rounds $(or $(N),1) $(if $(SEED),--seed $(SEED)) \
		$(if $(FILES),--files $(FILES)) $(if $(KILLS),--kills $(KILLS))

simulate: $(READY) ## SEEDS histories from FIRST on, or one SEED aloud (KEEP: only these entries); BUG: with that bug
	@PYTHONPATH=. $(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),500) --first $(or $(FIRST),0) \
		$(if $(SEED),--seed $(SEED)) $(if $(KEEP),--keep $(KEEP)) $(if $(BUG),--bug $(BUG))

lint: $(READY) ## Style, types and the walls between the rooms
	@$(MAKE) --no-print-directory --jobs 3 --output-sync lint-python lint-ui lint-tests

lint-python: $(READY)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo >.venv/imports.txt || { cat .venv/imports.txt; exit 1; }

# Each worker of a run would else make the tests ready for itself, all at once.
lint-tests: $(READY)
	@$(PYTEST) --collect-only -qq -m "not long" >.venv/tests.txt || { cat .venv/tests.txt; exit 1; }

lint-ui: $(READY) ui
	@$(BIN)/python -c 'import hatch_build; hatch_build.check()'

format: $(READY) ## Lay the code out
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format .

docs: $(READY) ## Write the documents that are made from the code
	@$(BIN)/python -m docs.generate

bench: $(READY) $(PEERS) ui ## Every figure of docs/figures.md that takes less than minutes, each with its peer beside it
	@$(BIN)/python -m bench

bench-long: $(READY) $(PEERS) ## Its other figures: a million paths cancelled, ten million tasks listed
	@$(BIN)/python -m bench --long

$(PEERS): requirements-bench.txt $(READY)
	@$(PIP) install --require-hashes -r requirements-bench.txt
	@touch $@

lock: $(READY) ## Write the lock anew from pyproject.toml
	@$(PIP) install uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
		--no-header --no-emit-index-url pyproject.toml -o requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
		--no-header --no-emit-index-url -c requirements.txt pyproject.toml --group dev -o requirements-dev.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
		--no-header --no-emit-index-url -c requirements-dev.txt --group bench -o requirements-bench.txt

clean: ## Remove what was made here, the virtual environment too
	@rm -rf .venv src/towpath/ui ui/node_modules ui/shots .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
	@find . -name __pycache__ -prune -exec rm -rf {} +
