# make demo: set up and run the starter study. make test: set up and pass the tests.
PYTHON ?= python3
BIN := .venv/bin
RUN := $(BIN)/tunelab

.PHONY: setup demo test scale lint bench docs notebook faults sbom audit lock lock-check clean

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

# What takes several processes and minutes: Ray with workers that are killed, torchrun.
scale: setup
	$(BIN)/python -m pytest -n 0 -m scale

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The reference pages are written from the code; a warning is an error.
docs: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[docs]"
	$(BIN)/python docs/generate.py --check
	$(BIN)/zensical build --clean --strict --config-file mkdocs.yml

# Execute the notebook, offline once its models are in the cache; TUNELAB_NOTEBOOK=short for a trial.
notebook: setup
	$(BIN)/python notebooks/execute.py

# The peers that tunelab is measured beside live in an environment of their own.
.venv-peers/ready: benchmarks/peers.txt constraints.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --requirement benchmarks/peers.txt
	touch .venv-peers/ready

bench: setup .venv-peers/ready
	$(BIN)/python benchmarks/tuning/compare.py --peers .venv-peers/bin/python --json benchmarks/results/tuning.json
	$(BIN)/python benchmarks/tuning/compare.py --peers .venv-peers/bin/python --skip trl notebook --batch-size 64 --turn-rows 256 --json benchmarks/results/tuning-64.json
	$(BIN)/python benchmarks/scoring/compare.py --peers .venv-peers/bin/python --json benchmarks/results/scoring.json

# Kill, starve and damage every command; the table is printed, and kept beside the harness.
faults: setup
	$(BIN)/python -m faults --json faults/results.json

# What tunelab is made of, and whether it is what was tested. The tools have their own environment.
.venv-supply/ready: supply/tools.txt
	$(PYTHON) -m venv .venv-supply
	.venv-supply/bin/python -m pip install --quiet --disable-pip-version-check --requirement supply/tools.txt
	touch .venv-supply/ready

# A bill of materials of the environment, in CycloneDX's JSON.
sbom: setup .venv-supply/ready
	mkdir -p build
	.venv-supply/bin/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml --output-file build/sbom.raw.json $(BIN)/python
	$(BIN)/python supply/sbom.py build/sbom.raw.json build/sbom.json

# Known faults of the packages, where pip-audit's data can be reached.
audit: setup .venv-supply/ready
	.venv-supply/bin/pip-audit --requirement requirements.lock --no-deps --disable-pip

# The files that pip takes here, pinned by hash.
lock: setup
	mkdir -p build
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --dry-run --ignore-installed --no-deps --report build/lock.json --requirement constraints.txt
	$(BIN)/python supply/lock.py build/lock.json requirements.lock

# Ask pip for every package of the lock again; another file than the one that was tested is refused.
lock-check: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --dry-run --ignore-installed --no-deps --require-hashes --requirement requirements.lock

clean:
	rm -rf .venv .venv-peers .venv-supply build dist .mypy_cache .ruff_cache .pytest_cache
