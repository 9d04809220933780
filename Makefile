# The tasks of this house. Each needs Python 3.11 or newer and make, nothing else; `make setup` comes first by itself.

BIN := .venv/bin
READY := .venv/.ready
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test ordeal check migrate docs screens replay bench soak audit lock clean

help: ## List the tasks
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Make the environment in .venv, once, and again when requirements change
	@:

$(READY): requirements-dev.txt .ci/setup
	@.ci/setup
	@touch $@

demo: setup ## Try it: PostgreSQL, Valkey, five stores, API, worker and shoppers (ARGS="--port 9000")
	@exec $(BIN)/python -m demo $(ARGS)

test: setup ## Run the tests (ARGS="tests/service -k hold")
	@.ci/test $(ARGS)

ordeal: setup ## Break everything that can break, and see what holds: some twenty minutes (ARGS="--seed 7 --only 18")
	@$(BIN)/python -m tests.ordeal $(ARGS)

check: setup ## What CI asks: style, types, imports, migrations, advisories, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	.ci/lint-migrations
	@$(BIN)/python .ci/audit || [ $$? -eq 2 ] # 2: no advisories answer here; it says so, and somebody asks elsewhere
	.ci/test

migrate: setup ## Bring the database named by DATABASE_URL up to date
	@$(BIN)/python -m service.manage migrate

docs: setup ## Draw what is drawn from the code: docs/*.md, docs/openapi.json, sql/schema.sql, .env.example
	@$(BIN)/python -m docs.draw

screens: setup ## Make the pictures of every screen from the demo, docs/screens/ (needs a Chromium)
	@$(BIN)/python -m docs.screens $(ARGS)

replay: setup ## Send every real basket through a fresh shop and count what came of it
	@$(BIN)/python -m demo --replay --headless

bench: setup ## Measure holds side by side, on a machine with nothing else to do (needs wrk)
	@$(BIN)/python -m bench

soak: setup ## Ten minutes of mixed life: does anything grow? (ARGS="--minutes 1")
	@$(BIN)/python -m bench.soak $(ARGS)

audit: setup ## Ask the public advisories about what runs in production (needs the network)
	@$(BIN)/python .ci/audit

lock: setup ## Pin every dependency anew, with hashes (needs the network)
	$(BIN)/pip-compile --quiet --upgrade --output-file requirements.txt pyproject.toml
	$(BIN)/pip-compile --quiet --upgrade --extra demo --extra otel --extra dev --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml
	@for file in requirements.txt requirements-dev.txt; do grep -v -e '^#' -e '^$$' $$file > $$file.new && mv $$file.new $$file; done

clean: ## Remove the environment and every cache
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
