# make demo: a picture and a number.  make test: lint and tests.  Each sets up everything it needs.
# make slow: long reproductions, the other cases of quick tests, and the tests' own types; XLA compiles as for every user.
PYTHON ?= python3
BIN := .venv/bin
# Half of the quick tests' time is compilation; where XLA knows these options, the whole takes three quarters.
# `make test XLA_HASTE=` compiles as for every user.
XLA_HASTE := --xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=1
# A single test may take five minutes (pyproject.toml), and no run may be silent for longer than this many seconds.
WATCHED := tests/watched.py 900
unexport PYTHONDONTWRITEBYTECODE # the tests start Python dozens of times

.PHONY: demo test slow lint types bench clean

demo: .venv/installed
	$(BIN)/python $(WATCHED) $(BIN)/ptychograd demo

test: lint types .venv/installed
	flags="$$XLA_FLAGS $(XLA_HASTE)"; \
	if XLA_FLAGS="$$flags" $(BIN)/python -c 'import jax; jax.devices()' 2>/dev/null; then export XLA_FLAGS="$$flags"; fi; \
	$(BIN)/python $(WATCHED) $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

slow: .venv/installed
	$(BIN)/pyright
	$(BIN)/python $(WATCHED) $(BIN)/python -m pytest -n 2 --dist worksteal -m slow

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed
	$(BIN)/pyright src

.venv/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ptychograd needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	$(PYTHON) tests/watched.py 1800 $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

bench: .venv/installed
	$(BIN)/ptychograd bench --output benchmarks/step.json
	$(BIN)/python benchmarks/far_field.py --times
	$(BIN)/python benchmarks/far_field.py

clean:
	rm -rf .venv demo
