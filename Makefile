# Each target installs what it needs in .venv; PYTHON picks the interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.earshot

.PHONY: demo test check coverage drill bench lock clean

demo: $(STAMP)-run
	@exec $(BIN)/earshot demo

test: $(STAMP)-dev
	@$(BIN)/python tests/needs.py
	@$(BIN)/python -m tests.side_by_side

check: $(STAMP)-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/plain_english.py

# The same tests with coverage; they take half as long again.
coverage: $(STAMP)-dev
	@$(BIN)/python tests/needs.py
	$(BIN)/coverage erase
	$(BIN)/python -m pytest -m "not drill" --cov --cov-report=term

drill: $(STAMP)-dev
	@$(BIN)/python tests/needs.py
	$(BIN)/python -m pytest -m drill --timeout 3600

bench: $(STAMP)-run
	$(BIN)/earshot bench path

# Pinned versions with hashes and no index address; needs uv (pip install uv). --no-strip-extras keeps
# extras: without them pip would look for the newest version of a package that is required with one.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --no-header --no-strip-extras --group build pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --no-header --no-strip-extras --extra cuda -c requirements.lock pyproject.toml -o requirements-cuda.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --no-header --no-strip-extras --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock

$(STAMP)-venv:
	@$(PYTHON) -c 'import sys; sys.exit("earshot needs Python 3.11 or newer; this is %s. Try: make PYTHON=python3.11" % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@echo "setting up $(VENV) (once, about a minute)"
	@$(PYTHON) -m venv $(VENV) || { echo "could not make $(VENV): on Debian run 'apt-get install python3-venv' and try again" >&2; exit 1; }
	@touch $@

$(STAMP)-run: $(STAMP)-venv requirements.lock pyproject.toml
	@echo "installing the pinned packages"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(STAMP)-dev: $(STAMP)-run requirements-dev.lock
	@echo "installing the pinned test tools"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

clean:
	rm -rf $(VENV) .cache .coverage* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
