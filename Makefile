# make demo and make test need Python 3.10 or later, and a package index; everything else is installed into .venv.
# Another Python: make demo PYTHON=python3.12. Arguments: make demo ARGS=rate_limit, make test ARGS='-k fork -x'.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=

BIN := $(VENV)/bin
# The extras of the package and what the demo runs on.
DEMO := -e '.[demo]'

.PHONY: demo test venv lint backends integration bench clean
.DEFAULT_GOAL := demo

demo: $(VENV)/.demo
	@$(BIN)/python -m autogen_otel.demo $(ARGS)

test: venv
	$(BIN)/python -m pytest $(ARGS)

venv: $(VENV)/.dev

lint: venv
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Jaeger and the Collector, built with Go into the user's cache.
backends: $(VENV)/.demo
	$(BIN)/python scripts/backends.py

integration: venv backends
	AUTOGEN_OTEL_REQUIRE_BACKENDS=1 $(BIN)/python -m pytest tests/integration $(ARGS)

bench: venv
	$(BIN)/python -m benchmarks $(ARGS)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || \
		{ echo "Python 3.10 or later is needed, and $(PYTHON) is not one: make PYTHON=python3.12, or its path"; exit 1; }
	@echo "Creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

# uv installs in half the time that pip takes; where there is no uv for this platform, pip does it. The stamps are
# written last, so that an installation that was interrupted is taken up again.
$(BIN)/.installer: | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade uv || \
		$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@touch $@

define install
	@echo "Installing what is needed into $(VENV)"
	@if [ -x $(BIN)/uv ]; then $(BIN)/uv pip install --quiet --python $(BIN)/python $(1); \
		else $(BIN)/python -m pip install --quiet $(1); fi
	@touch $@
endef

$(VENV)/.demo: pyproject.toml $(BIN)/.installer
	$(call install,$(DEMO))

$(VENV)/.dev: pyproject.toml $(BIN)/.installer
	$(call install,$(DEMO) --group agentchat --group test --group lint)
	@touch $(VENV)/.demo
