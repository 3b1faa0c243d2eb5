# make demo: set up and run the starter study. make test: set up and pass the tests.
PYTHON ?= python3
BIN := .venv/bin
RUN := $(BIN)/tunelab

.PHONY: setup demo test lint clean

setup: .venv/ready

# The versions are those of constraints.txt; remove .venv to set up anew.
.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit('tunelab needs Python 3.11 or later; set PYTHON=python3.11' if sys.version_info < (3, 11) else 0)"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch .venv/ready

demo: setup
	$(RUN) run starter

test: lint
	$(BIN)/python -m pytest -n 2

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache
