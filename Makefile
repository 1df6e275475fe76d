# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet --constraint constraints.txt

.PHONY: demo test check bench install clean

demo: $(VENV)/.base
	$(BIN)/emotion-monitor models fetch core demo
	$(BIN)/emotion-monitor demo $(ARGS)

test: $(VENV)/.dev
	sh .ci/system-libraries tests
	$(BIN)/emotion-monitor models fetch
	$(BIN)/pytest $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

bench: $(VENV)/.dev
	$(BIN)/emotion-monitor models fetch
	$(BIN)/python -m benchmarks $(ARGS)

install: $(VENV)/.nfbl
	$(BIN)/emotion-monitor models fetch

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.venv:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; set PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.base: $(VENV)/.venv pyproject.toml constraints.txt
	sh .ci/system-libraries
	$(INSTALL) --editable .
	touch $@

$(VENV)/.nfbl: $(VENV)/.base
	$(INSTALL) --editable '.[nfbl]'
	touch $@

$(VENV)/.dev: $(VENV)/.base
	$(INSTALL) --editable '.[dev,audit,models,openai,devices,webrtc,mqtt,web,metrics,webhook,report,export]'
	touch $@
