# Two commands on a fresh machine with Python 3.11 and make: `make reproduce` and `make test`. Both set up .venv first.
VENV ?= .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := $(VENV)/bin
# A chosen results folder name, say: make reproduce RUN="--machine my-board --runtime openvino"
RUN ?=

.PHONY: setup test-fast test test-slow check gate reproduce benchmark docs

setup: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# Measure this machine; write figures, tables and report.html to results/<machine>/. What is there already is not measured again.
reproduce: setup
	$(BIN)/microbench run all $(RUN)

# Tests in two processes side by side. The slow ones run alone, as some of them time what they start.
PYTEST := $(BIN)/pytest --quiet --durations=10
SIDE_BY_SIDE := --numprocesses 2 --dist worksteal
COVERAGE := $(foreach package,blocks interactions lpsnet microbench,--cov=$(package)) --cov-report=term:skip-covered

# While you change something: what takes under a second and needs neither a process of its own nor a browser. Under 90 seconds
# on two cores.
test-fast: setup
	$(PYTEST) $(SIDE_BY_SIDE) -m "not slow and not heavy and not subprocess and not browser"

# Before each commit: all but the slow ones. Under 8 minutes on two cores.
test: setup
	$(PYTEST) $(SIDE_BY_SIDE) -m "not slow" $(COVERAGE)

# What `make test` leaves out: killed runs, real gates, trainings, compilers. Under 30 minutes on two cores.
test-slow: setup
	$(PYTEST) -m slow

# What CI checks besides the tests.
check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Has what the code exports today become slower than the models that are kept in results/gate? A machine too noisy to say
# (exit code 3) is reported, and does not fail. After a wanted change: .venv/bin/python -m microbench.gate.suite results/gate
gate: setup
	$(BIN)/python -m microbench.gate.suite gate/models
	$(BIN)/microbench gate results/gate gate/models || test $$? -eq 3

benchmark: setup
	$(BIN)/pytest --benchmark-only

# The documentation as a website, in docs/_build/html. Warnings, broken links between pages among them, are errors.
docs: setup
	$(BIN)/sphinx-build --fail-on-warning --fresh-env --quiet docs docs/_build/html
