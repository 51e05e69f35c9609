# Everything runs in .venv, which is made from the lock files and re-made when they change.
# Needs: make, and Python 3.11 or newer with venv. `make PYTHON=python3.12 ...` picks another one.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.stamp-ready
WORKERS ?= 2
UV ?= $(shell command -v uv || echo $(BIN)/uv)
PREFIX ?= /opt/redactor

.DEFAULT_GOAL := help
.PHONY: help demo test check lint bench install compiled campaign servers log-campaign compatibility lock clean

help:
	@echo "make demo       a sample city behind redactor, with a tour in the terminal (ONCE=1: ends after the tour)"
	@echo "make test       linters and all tests but the slow ones"
	@echo "make check      linters and the tests that need no database (what pre-commit runs)"
	@echo "make bench      measurements, of compiled modules where there is a C compiler"
	@echo "make install    what is deployed, into PREFIX=/opt/redactor; compiled where there is a C compiler"
	@echo "make compiled   a copy in build/compiled with what pyproject.toml lists compiled, and the core's tests in it"
	@echo "make campaign   the slow tests, file by file, with the time of each (hours); FILES=tests/store runs some of them"
	@echo "make servers    fetch PostgreSQL 13 to 17 into ~/.cache/redactor, for the slow tests"
	@echo "make log-campaign   the log's faults, hundreds of times each; writes docs/log-faults.md"
	@echo "make compatibility   drive every client that is installed, and write docs/compatibility.md"
	@echo "make lock       resolve the dependencies anew (needs uv)"

# The hashes in the lock are checked for all that is downloaded; redactor itself is then linked in without a download.
$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "redactor needs Python 3.11 or newer; set PYTHON=..." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked dependencies into $(VENV) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY)
	@$(BIN)/redactor demo $(if $(ONCE),--once)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow"

check: lint
	$(BIN)/python -m pytest -q -m "not slow" $(wildcard $(addprefix tests/,test_house.py model sql policy config audit wire tagging engine))

campaign: $(READY)
	nice -n 5 $(BIN)/python tools/run_slow.py $(FILES)

log-campaign: $(READY)
	CAMPAIGN=1 nice -n 10 $(BIN)/python -m pytest -q -m slow -o faulthandler_timeout=0 tests/store

servers: $(READY)
	@$(BIN)/python tools/servers.py

compatibility: $(READY)
	COMPATIBILITY=docs/compatibility.md $(BIN)/python -m pytest -q tests/clients

# What people get is measured: the compiled package, with the benchmarks of the working tree.
bench: $(READY)
	@$(BIN)/python tools/compiling.py || true
	PYTHONSAFEPATH=1 PYTHONPATH=$(CURDIR)/build/compiled/package:$(CURDIR) $(BIN)/python -m benchmarks

# The wheel's build compiles by itself; mypy is the locked one. REDACTOR_COMPILE=0 leaves that out.
install: $(READY)
	@$(BIN)/python tools/compiling.py --ask
	@rm -rf build/dist && $(BIN)/python -m pip wheel -q --disable-pip-version-check --no-deps --no-build-isolation -w build/dist .
	@$(BIN)/python -m venv $(PREFIX)
	@$(PREFIX)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(PREFIX)/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-index --force-reinstall build/dist/*.whl
	@$(PREFIX)/bin/redactor --version

compiled: $(READY)
	$(BIN)/python tools/compiling.py build/compiled
	cd build/compiled && PYTHONPATH=. $(abspath $(BIN))/python -m pytest -q -m "not slow" tests/engine tests/sql tests/wire tests/proxy

lock:
	$(UV) pip compile pyproject.toml -q --universal --generate-hashes --python-version 3.11 --no-annotate \
	  --custom-compile-command "make lock" -o requirements.lock
	$(UV) pip compile pyproject.toml -q --extra dev --universal --generate-hashes --python-version 3.11 --no-annotate \
	  --custom-compile-command "make lock" -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
