# Every verb of the project. `make` alone lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
unexport PYTHONDONTWRITEBYTECODE  # what many processes load is compiled once

.DEFAULT_GOAL := help
.PHONY: help browser demo test check soak up bench clean lock docs pictures

help: ## List the verbs
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(STAMP): requirements.lock build.lock pyproject.toml
	@echo "==> installing Pergamon and its pinned parts into $(VENV), which takes a minute or two"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r build.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-build-isolation --only-binary :all: --no-binary pyspark-client -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q src/pergamon  # what runs in a sandbox cannot keep what it compiles
	@touch $@

demo: $(STAMP) ## Run the whole way on a sample hospital: replicate, merge, transform, query, verify
	@$(BIN)/pergamon demo

test: $(STAMP) ## Run every test (unit, property, contract, integration, journeys, docs, architecture)
	@$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder -m "not soak"

check: $(STAMP) ## Run every check (format, lint, types, layers) and count the failures
	@failed=0; for check in "ruff format --check ." "ruff check ." "mypy" "lint-imports"; do \
	  echo "==> $$check"; $(BIN)/$$check || failed=$$((failed+1)); done; \
	  echo "$$failed checks failed"; test $$failed -eq 0

soak: $(STAMP) ## Run the long kill schedules and write their result to bench/results/
	@$(BIN)/python -m pytest -n 2 -m soak --timeout 600

up: $(STAMP) ## Start the platform and leave it running
	@$(BIN)/pergamon up

bench: $(STAMP) ## Run the benchmarks against their baselines and write bench/results/
	@$(BIN)/python -m bench

browser: ## Install the distribution's Chromium, for the tests of the portal (needs root)
	@command -v chromium >/dev/null || { apt-get update && apt-get install -y --no-install-recommends chromium; }

pictures: $(STAMP) ## Take the pictures of the portal anew, into docs/pictures
	@rm -f docs/pictures/*.webp
	@PERGAMON_PICTURES=docs/pictures $(BIN)/python -m pytest -q tests/journeys/test_the_portal_looks.py -k every_page

docs: $(STAMP) ## Draw the generated pages of the documentation anew
	@$(BIN)/python docs/generate.py

clean: ## Remove what was installed and built here (never a data directory)
	@rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

lock: ## Resolve the dependencies anew, with hashes, naming no index
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --only-binary :all: --no-binary pyspark-client --no-emit-index-url --no-header --extra dev pyproject.toml -o requirements.lock
	@echo -e "setuptools\nwheel" | $(BIN)/uv pip compile --quiet --generate-hashes --only-binary :all: --no-emit-index-url --no-header - -o build.lock
