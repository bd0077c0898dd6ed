# The course, from set-up to tests. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.8
NOTEBOOK ?=
LAB_OPTIONS ?=

# uv looks for local wheels only where it is told to. Without local wheels it takes PyTorch's CPU
# build; set UV_TORCH_BACKEND=auto for the build that fits a GPU.
ifdef PIP_FIND_LINKS
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
else
export UV_TORCH_BACKEND ?= cpu
endif

.DEFAULT_GOAL := help
.PHONY: help setup lab fresh browser test check lint notebooks pictures slides bench lock clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(VENV)/installed  ## create .venv with everything the course needs

$(VENV)/installed: pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -c "import sys; assert (3, 11) <= sys.version_info < (3, 14), \
	    'Python 3.11 to 3.13 is needed, this is ' + sys.version + ': make PYTHON=python3.12 ...'"
	($(BIN)/pip install --quiet uv==$(UV_VERSION) \
	    && $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint requirements.lock --editable ".[dev]") \
	    || $(BIN)/pip install --quiet --constraint requirements.lock --editable ".[dev]"
	touch $@

lab: setup  ## copy the notebooks into workspace/ (never overwriting) and open JupyterLab there
	$(BIN)/python tools/workspace.py
	$(BIN)/jupyter lab --config tools/jupyter_config.py --notebook-dir workspace $(LAB_OPTIONS)

fresh: setup  ## NOTEBOOK=01: a new copy of one notebook beside your old one
	$(BIN)/python tools/workspace.py --fresh "$(NOTEBOOK)"

browser:  ## Chromium for the browser tests, where it can be installed: Debian's, as root
	@test -n "$$CHROMIUM" || command -v chromium > /dev/null || command -v chromium-browser > /dev/null \
	    || { test "$$(id -u)" = 0 && command -v apt-get > /dev/null && apt-get update --quiet=2 \
	        && apt-get install --quiet=2 --yes --no-install-recommends chromium fonts-liberation fonts-dejavu-core > /dev/null; } \
	    || echo "no Chromium, so its tests are skipped; on Debian: sudo apt-get install chromium"

test: setup browser  ## all tests: lint and types, the package, a real browser, every notebook from start to end
	$(BIN)/python -m pytest tests notebooks --nbval-lax

check: setup  ## lint, types and the quick tests, without browser and without running the notebooks
	$(BIN)/python -m pytest tests --ignore tests/browser

lint: setup  ## format check, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

notebooks: setup  ## sync the pair of sources, execute what changed, clean and check
	$(BIN)/python tools/notebooks.py
	$(BIN)/python -m pytest --quiet tests/notebooks

pictures: setup browser  ## the moving pictures in docs/pictures/, taken from a real JupyterLab
	$(BIN)/python -m tools.pictures

slides: setup  ## the lecture in slides/, which needs no network; NOTEBOOK=01: one chapter
	$(BIN)/python -m tools.slides $(NOTEBOOK)

bench: setup  ## EM and the training loop beside other code, and choices of networks: times, into benchmarks/results
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint requirements.lock --editable ".[bench]" \
	    || $(BIN)/pip install --quiet --constraint requirements.lock --editable ".[bench]"
	$(BIN)/python -m benchmarks.em
	$(BIN)/python -m benchmarks.networks
	$(BIN)/python -m benchmarks.training_loop

lock: setup  ## pin the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --fork-strategy fewest --no-annotate \
	    --no-header --upgrade --quiet \
	    | sed -E '/^(nvidia-|triton=|cuda-)/d; s/^torch==.*/torch==2.13.0/' | uniq > requirements.lock.new
	mv requirements.lock.new requirements.lock

clean:  ## remove the environment, caches and slides, never workspace/
	rm -rf $(VENV) .cache slides .pytest_cache .ruff_cache .mypy_cache *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
