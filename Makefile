# Everything is set up by the first two: `make demo` shows the main job on real video, `make test` runs the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= auto

.PHONY: demo test test-slow coverage lint format docs install clean

demo: install
	$(BIN)/gifbench demo --out demo

# Python keeps what it compiles, whatever the environment says: each process that a test starts would compile all anew.
test test-slow coverage: export PYTHONDONTWRITEBYTECODE =
test test-slow: export OMP_WAIT_POLICY = PASSIVE

test: install
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow"

# What takes long and finds little that the others do not: to be run before a release.
test-slow: install
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m slow

# The core: reading, writing, scoring and the ledgers. Fails below 95% of its branches.
coverage: install
	$(BIN)/python -m pytest -n $(WORKERS) --cov --cov-report= tests/media tests/dataset tests/builder tests/evaluation tests/cli tests/storage
	$(BIN)/python tests/branches.py

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(f"gifbench needs Python 3.11 or newer, this is {sys.version.split()[0]}: make PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[all,dev]"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps spandrel
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info demo .pytest_cache .mypy_cache .ruff_cache .coverage .coverage.*
