# Every target makes the environment it needs: `make run` is all that a new machine has to do.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STUDY ?= studies/quick.yaml

.DEFAULT_GOAL := help
.PHONY: help run bench bench-gpu test test-all chaos cluster-test lint format lock clean

help: ## Say what can be made
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 11

run: $(VENV)/ready ## Train studies/quick.yaml (or STUDY=...) to its tables
	$(BIN)/maskgrid run $(STUDY)

bench: $(VENV)/ready ## Measure beside what else there is (25 min; goes on where cut)
	$(BIN)/python -m bench --minutes 40

bench-gpu: $(VENV)/ready ## The same on a GPU, under nine minutes
	$(BIN)/python -m bench --device cuda --minutes 8.5

test: $(VENV)/ready ## Run the tests, but the long ones and clusters (under 10 min)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not ray and not cluster and not long"
	$(BIN)/python -m pytest -m "ray and not cluster and not long"

test-all: test ## Run the long tests too, all but clusters
	$(BIN)/python -m pytest -m "long and not cluster"

chaos: $(VENV)/ready ## Inject every fault into a study and keep what became of it
	$(BIN)/python -m chaos

cluster-test: $(VENV)/ready ## Bring clusters up on this machine and try them (10 min; needs sshd, rsync)
	$(BIN)/python -m pytest tests/live_cluster -m cluster --cluster-report results/cluster-test.md

lint: $(VENV)/ready ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/ready ## Put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python tests/support/file_list.py

lock: $(VENV)/ready ## Choose package versions anew (needs uv on the PATH)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	  --generate-hashes --quiet --custom-compile-command "make lock" -o requirements.lock

clean: ## Remove the environment and caches, never a store or results
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache *.egg-info

# pip compiles what it installs, whatever PYTHONDONTWRITEBYTECODE says: without bytecode every Ray
# worker would spend 20 CPU-seconds on imports.
$(VENV)/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("maskgrid needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@
