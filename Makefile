# make demo: a calculation of half a minute, watched. make test: all checks.
# Each sets up what it needs in .venv; nothing else has to be done before.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Without a display there is nothing that a toolkit could open a window on.
DEMO := $(if $(DISPLAY)$(WAYLAND_DISPLAY),window,plain)
EXTRA_plain :=
EXTRA_window := [window]
EXTRA_test := [test]
EXTRA_bench := [test,bench]

export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test test-all lint bench docs system-packages clean

demo: $(VENV)/.installed-$(DEMO)
	$(BIN)/async-plot demo

# Many tests wait, for a window or an interpreter to start: two at a time.
PYTEST := $(BIN)/python -m pytest -n 2 --dist worksteal

test: system-packages $(VENV)/.installed-test lint
	$(PYTEST)

test-all: system-packages $(VENV)/.installed-test lint
	$(PYTEST) -m "slow or not slow" --hypothesis-profile=explore

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict async_plot

bench: $(VENV)/.installed-bench
	$(BIN)/python benchmarks/run.py --write

docs: $(VENV)/.installed-test
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

system-packages:
	PYTHON="$(PYTHON)" tools/system-packages

clean:
	rm -rf $(VENV) build dist docs/_build *.egg-info

# pip is what a venv gets last, so a half-made one is made again.
$(BIN)/pip: | $(if $(filter test test-all,$(MAKECMDGOALS)),system-packages)
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed-%: pyproject.toml | $(BIN)/pip
	$(BIN)/python -m pip install --quiet --editable ".$(EXTRA_$*)"
	touch $@
