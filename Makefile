# Everything installs into .venv, once; a second call finds its stamp and starts at once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := scripts/install.py
INPUTS := pyproject.toml constraints.txt $(INSTALL)

.DEFAULT_GOAL := help
.PHONY: help demo test lint tables clean
.DELETE_ON_ERROR:
.NOTPARALLEL:

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.train $(VENV)/.browser ## collect, learn offline and evaluate, in about 20 minutes on 2 cores
	@$(BIN)/agentenv demo

test: lint $(VENV)/.browser $(VENV)/.android ## lint, then every test
	@$(BIN)/pytest -q

lint: $(VENV)/.dev ## style (ruff) and types (mypy)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

tables: $(VENV)/.train ## write the README's tables from benchmarks/results
	@$(BIN)/python -m scripts.tables

clean: ## remove .venv, runs/ and every cache
	@rm -rf $(VENV) runs .agentenv build dist *.egg-info
	@rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.train: $(INPUTS)
	@$(PYTHON) $(INSTALL) packages --venv $(VENV) --extras train
	@touch $@

$(VENV)/.dev: $(INPUTS)
	@$(PYTHON) $(INSTALL) packages --venv $(VENV) --extras train android docker ocr dev
	@touch $@ $(VENV)/.train

# After the packages: whether a browser is found is for agentenv itself to say.
$(VENV)/.browser: $(INSTALL) | $(VENV)/.train
	@$(PYTHON) $(INSTALL) browser --venv $(VENV)
	@touch $@

# adb and an Appium server, for the tests: without them those that need them are skipped.
$(VENV)/.android: $(INSTALL) | $(VENV)/.train
	@$(PYTHON) $(INSTALL) android --venv $(VENV)
	@touch $@
