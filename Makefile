# Every target sets up .venv by itself, with one call of pip, from a bare Python 3.11 or newer.
#   make demo   make test   make lint   make venv
#   make bench   make bench-forecasting   make bench-segmentation   make bench-painting
#   make bench-linking   make bench-tirex2   make bench-selection
PYTHON ?= python3
# one thread: small networks gain little from two, and lose much where something else runs beside
OMP_NUM_THREADS ?= 1
VENV := .venv
BIN := $(VENV)/bin
DISTRIBUTIONS := pyproject.toml $(wildcard plugins/*/pyproject.toml)
CHECKED := icl_core entrypoints benchmarks plugins tests

.PHONY: help venv demo test lint format bench bench-forecasting bench-segmentation bench-painting bench-linking bench-tirex2 bench-selection clean

help:
	@sed -n 's/^#   //p' Makefile

venv: $(VENV)/.installed

# FORECASTING, SEGMENTATION, PAINTING, LINKING: extras of the plugins
define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is too old: Python 3.11 or newer is needed (make PYTHON=python3.12 ...)" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[dev,table,plot,bench,ray,neighbours]' \
	  -e 'plugins/forecasting[$(FORECASTING)]' -e 'plugins/segmentation[$(SEGMENTATION)]' \
	  -e 'plugins/painting[$(PAINTING)]' -e 'plugins/linking[$(LINKING)]'
endef

$(VENV)/.installed: FORECASTING := stats,gluonts,api,llm,heads
# segment-anything, small and without dependencies, is what the tests compare SAM with.
$(VENV)/.installed: SEGMENTATION := video,bench
$(VENV)/.installed: PAINTING := video,keypoints
# transformers builds the tiny models of the golden arrays; openai talks to the tests' endpoint.
$(VENV)/.installed: LINKING := llm,api,clip
$(VENV)/.installed: $(DISTRIBUTIONS)
	$(install)
	@touch $@

# The official implementations, for comparison only.
$(VENV)/.installed-bench: FORECASTING := stats,gluonts,api,llm,heads,bench
$(VENV)/.installed-bench: SEGMENTATION := video,bench
$(VENV)/.installed-bench: PAINTING := video,keypoints,bench
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

# The quick suite and the comparisons with the peers of all plugins; DATA names the data folder.
RESULTS := build/bench
bench: $(VENV)/.installed-bench
	mkdir -p $(RESULTS)
	OMP_NUM_THREADS=$(OMP_NUM_THREADS) $(BIN)/icl bench run quick --out $(RESULTS)/quick $(if $(DATA),--data $(DATA)) || test $$? -eq 3
	OMP_NUM_THREADS=$(OMP_NUM_THREADS) $(BIN)/icl bench report $(RESULTS)/quick $(if $(DATA),--data $(DATA))
	for part in forecasting segmentation painting linking selection; do \
	  $(BIN)/python -m icl_bench.compare.$$part > $(RESULTS)/$$part.md || echo "bench-$$part failed" >&2; \
	done
	$(BIN)/python -m icl_bench.results_page $(RESULTS) --out benchmarks/RESULTS.md

bench-forecasting: $(VENV)/.installed-bench
	$(BIN)/python -m icl_bench.compare.forecasting $(ARGS)

bench-segmentation: $(VENV)/.installed-bench
	$(BIN)/python -m icl_bench.compare.segmentation $(ARGS)

bench-painting: $(VENV)/.installed-bench
	$(BIN)/python -m icl_bench.compare.painting $(ARGS)

bench-linking: $(VENV)/.installed-bench
	$(BIN)/python -m icl_bench.compare.linking $(ARGS)

bench-tirex2: $(VENV)/.installed-bench
	$(BIN)/python -m icl_bench.compare.tirex2 $(ARGS)

bench-selection: venv
	$(BIN)/python -m icl_bench.compare.selection $(ARGS)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
