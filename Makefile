# Everything starts here: `make demo` to look, `make test` to trust.
.DEFAULT_GOAL := help
PYTHON ?= python3
PORT ?= $(or $(TOT_PORT),8000)
SPEED ?= 10
RESET ?=
WIPE := $(filter-out 0 no false,$(RESET))
WORKERS ?= 2
BIN := .venv/bin
STAMP := .venv/.installed
SOURCES := api backoffice models services sandbox tests benchmarks alembic

.PHONY: help setup demo serve worker test prove lint bench migrate lock

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make the virtual environment from the locked packages

$(STAMP): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; set PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "This Python lacks venv: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip --disable-pip-version-check check
	@touch $(STAMP)

demo: $(STAMP) ## Watch a live day: PORT=8000 SPEED=10 RESET=1
	@$(BIN)/python -m backoffice demo --port $(PORT) --speed $(SPEED) $(if $(WIPE),--reset)

serve: $(STAMP) ## Run the application (and a worker unless WORKER=0)
	@$(BIN)/python -m backoffice serve --port $(PORT)

worker: $(STAMP) ## Run a worker by itself
	@$(BIN)/python -m backoffice worker

test: $(STAMP) ## Run all tests with their coverage floors
	$(BIN)/python -m pytest -n $(WORKERS) --cov --cov-report=
	$(BIN)/python -m coverage report --skip-covered --show-missing --fail-under=95
	$(BIN)/python -m coverage report --skip-covered --show-missing --fail-under=100 \
		--include='services/*,models/*'

prove: $(STAMP) ## Run the races, kills and random walks in full
	TOT_PROVE=1 $(BIN)/python -m pytest -n $(WORKERS) -m "race or prove"

lint: $(STAMP) ## Check style, types, layers, migrations and catalogs
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy api backoffice models services sandbox benchmarks
	$(BIN)/lint-imports
	$(BIN)/python -m backoffice check-migrations
	$(BIN)/python -m backoffice check-catalogs

bench: $(STAMP) ## Measure the figures kept in benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks

migrate: $(STAMP) ## Bring the database to the newest schema
	@$(BIN)/python -m backoffice migrate

lock: $(STAMP) ## Resolve the newest versions into requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --upgrade \
		--python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-annotate --no-header --quiet -o requirements.lock
	@! grep -nE '://|--(index|find)' requirements.lock
