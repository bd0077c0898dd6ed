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
.PHONY: help setup lab fresh test check lint notebooks lock clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(VENV)/installed  ## create .venv with everything the course needs

$(VENV)/installed: pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -c "import sys; assert (3, 11) <= sys.version_info < (3, 14), \
	    'Python 3.11 to 3.13 is needed, this is ' + sys.version + ': make PYTHON=python3.12 ...'"
	($(BIN)/pip install --quiet uv==$(UV_VERSION) \
	    && $(BIN)/uv pip install --quiet --python $(BIN)/python --constraint requirements.lock --editable ".[dev]") \
	    || $(BIN)/pip install --quiet --constraint requirements.lock --editable ".[dev]"
	touch $@

lab: setup  ## copy the notebooks into workspace/ (never overwriting) and open JupyterLab there
	$(BIN)/python tools/workspace.py
	$(BIN)/jupyter lab --notebook-dir workspace --ServerApp.jpserver_extensions=jupyterlab_jupytext=False $(LAB_OPTIONS)

fresh: setup  ## NOTEBOOK=01: a new copy of one notebook beside your old one
	$(BIN)/python tools/workspace.py --fresh "$(NOTEBOOK)"

test: setup  ## all tests: lint and types, the package, every notebook from start to end
	$(BIN)/python -m pytest tests notebooks --nbval-lax

check: setup  ## lint, types and the quick tests, without running the notebooks
	$(BIN)/python -m pytest tests

lint: setup  ## format check, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

notebooks: setup  ## sync the pair of sources, execute what changed, clean and check
	$(BIN)/python tools/notebooks.py
	$(BIN)/python -m pytest --quiet tests/notebooks

lock: setup  ## pin the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --fork-strategy fewest --no-annotate \
	    --no-header --upgrade --quiet \
	    | sed -E '/^(nvidia-|triton=|cuda-)/d; s/^torch==.*/torch==2.13.0/' | uniq > requirements.lock.new
	mv requirements.lock.new requirements.lock

clean:  ## remove the environment and caches, never workspace/
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
