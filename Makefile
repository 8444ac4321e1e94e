# Every target sets up .venv by itself, with one call of pip, from a bare Python 3.11 or newer.
#   make demo   make test   make lint   make venv
#   make bench   make bench-forecasting   make bench-segmentation   make bench-painting
#   make bench-linking
PYTHON ?= python3
# one thread: small networks gain little from two, and lose much where something else runs beside
OMP_NUM_THREADS ?= 1
VENV := .venv
BIN := $(VENV)/bin
DISTRIBUTIONS := pyproject.toml $(wildcard plugins/*/pyproject.toml)
CHECKED := icl_core entrypoints benchmarks plugins tests

.PHONY: help venv demo test lint format bench bench-forecasting bench-segmentation bench-painting bench-linking clean

help:
	@sed -n 's/^#   //p' Makefile

venv: $(VENV)/.installed

# FORECASTING, SEGMENTATION, PAINTING, LINKING: extras of the plugins
define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is too old: Python 3.11 or newer is needed (make PYTHON=python3.12 ...)" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[dev,table,plot]' \
	  -e 'plugins/forecasting[$(FORECASTING)]' -e 'plugins/segmentation[$(SEGMENTATION)]' \
	  -e 'plugins/painting[$(PAINTING)]' -e 'plugins/linking[$(LINKING)]'
endef

$(VENV)/.installed: FORECASTING := stats,gluonts,api,llm
# segment-anything, small and without dependencies, is what the tests compare SAM with.
$(VENV)/.installed: SEGMENTATION := video,bench
$(VENV)/.installed: PAINTING := video
# transformers builds the tiny models of the golden arrays; openai talks to the tests' endpoint.
$(VENV)/.installed: LINKING := llm,api,clip
$(VENV)/.installed: $(DISTRIBUTIONS)
	$(install)
	@touch $@

# The official implementations, for comparison only.
$(VENV)/.installed-bench: FORECASTING := stats,gluonts,api,llm,bench
$(VENV)/.installed-bench: SEGMENTATION := video,bench
$(VENV)/.installed-bench: PAINTING := video,bench
$(VENV)/.installed-bench: LINKING := llm,api,clip
$(VENV)/.installed-bench: $(DISTRIBUTIONS)
	$(install)
	@touch $(VENV)/.installed $@

demo: venv
	$(BIN)/icl demo

test: venv
	OMP_NUM_THREADS=$(OMP_NUM_THREADS) $(BIN)/python -m pytest $(ARGS)

lint: venv
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/mypy

format: venv
	$(BIN)/ruff check --fix $(CHECKED)
	$(BIN)/ruff format $(CHECKED)

bench: venv
	$(BIN)/icl bench list

bench-forecasting: $(VENV)/.installed-bench
	$(BIN)/python -m icl_bench.compare.forecasting $(ARGS)

bench-segmentation: $(VENV)/.installed-bench
	$(BIN)/python -m icl_bench.compare.segmentation $(ARGS)

bench-painting: $(VENV)/.installed-bench
	$(BIN)/python -m icl_bench.compare.painting $(ARGS)

bench-linking: $(VENV)/.installed-bench
	$(BIN)/python -m icl_bench.compare.linking $(ARGS)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
