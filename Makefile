# `make run` and `make test` need Python 3.11 or newer with pip and venv, and make; nothing else.
#   make run     start the app on http://localhost:8501 (PORT=9000 make run: another port)
#   make test    lint, types, import rules, then all tests
#   make test-gateway   run the real LiteLLM Router, in .venv-gateway, and test what it does
#   make setup   only prepare .venv with what the app and the command line need
#   make bench   speed of the engines
#   make fuzz    compare the two engines on drawn scenarios (MINUTES=60 make fuzz: for an hour)
#   make lock    choose new versions for requirements/*.lock from pyproject.toml
#   make clean   remove .venv and everything generated
# PYTHON=/path/to/python3.12 chooses the interpreter for a new .venv.

VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501
PYTEST_ARGS ?=
MINUTES ?= 10
CANDIDATES := $(if $(PYTHON),"$(PYTHON)",python3 python3.13 python3.12 python3.11 python)
PIP_INSTALL := $(BIN)/python -m pip --disable-pip-version-check --no-input install -qq
LOCK := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock"

# A virtual environment holds absolute paths: one that was made elsewhere (a moved or copied folder), or whose Python
# is gone, is made again.
ifneq ($(shell test -x $(BIN)/python && cat $(VENV)/made-in 2>/dev/null),$(CURDIR))
$(VENV)/made-in: moved
endif

.PHONY: setup setup-test run test test-gateway lint bench fuzz lock clean moved
.DELETE_ON_ERROR:

# Some machines forbid Python to keep what it compiles of each file: then every start compiles three hundred of them anew,
# half a second each time.
unexport PYTHONDONTWRITEBYTECODE

# The machine code carries its own stamp: what it was made from, by content.
setup: $(VENV)/run.stamp
	@$(BIN)/llm-traffic-planner warm-up --if-cold || echo "Not compiled ahead: the first run will take longer." >&2

setup-test: $(VENV)/dev.stamp
	@:

moved:

$(VENV)/made-in:
	@for python in $(CANDIDATES); do \
		if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "No Python 3.11 or newer with the venv module was found$(if $(PYTHON), as $(PYTHON))." >&2; \
		echo "Install one (on Debian or Ubuntu: apt install python3 python3-venv), or name it: make setup PYTHON=/path/to/python3.12" >&2; \
		exit 1; \
	fi; \
	echo "Creating $(VENV) with $$("$$found" --version)"; \
	"$$found" -m venv --clear $(VENV)
	@printf '%s\n' "$(CURDIR)" > $@

# --no-deps: the lock names everything; --no-build-isolation: the build backend comes from the lock, with its hash, too.
$(VENV)/run.stamp: $(VENV)/made-in requirements/run.lock pyproject.toml
	@echo "Installing requirements/run.lock (one to two minutes the first time)"
	@$(PIP_INSTALL) --require-hashes -r requirements/run.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements/dev.lock
	@echo "Installing requirements/dev.lock"
	@$(PIP_INSTALL) --require-hashes -r requirements/dev.lock
	@touch $@

run: setup
	@echo "Planner: http://localhost:$(PORT) (Ctrl+C stops it)"
	@exec $(BIN)/python -m app.serve --server.port "$(PORT)" --server.headless true

lint: setup-test
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports

# Compiled ahead, so that no two workers compile the same at once. One worker more than the two cores that are reckoned with:
# a quarter of the time a browser test waits for a page to be at rest.
test: lint
	-@$(BIN)/llm-traffic-planner warm-up --if-cold
	$(BIN)/python -m pytest -n 3 --dist loadfile $(PYTEST_ARGS)

# One process: the recordings of the cases, made several at a time, are shared by all tests of a session.
test-gateway: setup-test
	@$(BIN)/python -m tests.gateway.environment > /dev/null
	$(BIN)/python -m pytest $(PYTEST_ARGS) tests/gateway

bench: setup
	$(BIN)/python -m benchmarks

fuzz: setup-test
	$(BIN)/python -m benchmarks.fuzz --minutes "$(MINUTES)"

# uv only writes the lock; installing needs pip alone. Shared packages get the same version in both files.
lock: setup
	$(PIP_INSTALL) uv
	$(LOCK) pyproject.toml --group build -o requirements/run.lock
	$(LOCK) pyproject.toml --group build --group lint --group test -c requirements/run.lock -o requirements/dev.lock
	$(LOCK) --group gateway -o requirements/gateway.txt

clean:
	rm -rf $(VENV) .venv-gateway build dist .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name '*.egg-info' -maxdepth 1 -exec rm -rf {} +
