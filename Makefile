# make run     a broker on 127.0.0.1:1883, in the foreground
# make test    install what the tests need, then every check and every test
# make check   lint, types and floors alone
# make bench   the benchmarks, beside Mosquitto
# make docs    the generated pages of docs/reference
# make clean   remove everything that make has made

PYTHON ?= python3
VENV   ?= .venv
CONFIG ?=

PY       := $(VENV)/bin/python
RUN      := $(VENV)/.ready-to-run
TEST     := $(VENV)/.ready-to-test
CLIENTS  := tests/clients/node_modules
PROJECT  := pyproject.toml $(wildcard setup.py)

# Debian keeps mosquitto in /usr/sbin, which is not on everyone's path.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DELETE_ON_ERROR:
.PHONY: run test check pytest bench docs clean system-packages

run: $(RUN)
	@exec $(PY) -m amqtt $(if $(CONFIG),-c $(CONFIG))

test: $(TEST) system-packages $(CLIENTS)/.ready
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory pytest

check: $(TEST)
	$(PY) -m ruff check
	$(PY) -m mypy
	$(PY) -m mypy tests/support --allow-untyped-defs --allow-incomplete-defs --allow-untyped-calls --disable-error-code union-attr
	$(VENV)/bin/lint-imports

pytest: $(TEST)
	$(PY) -m pytest --cov --cov-report=term-missing:skip-covered

bench: $(TEST)
	@tools/system_packages.sh mosquitto
	$(PY) -m benchmarks $(BENCH)

docs: $(TEST)
	$(PY) -m tools.configuration_reference docs/reference/configuration.md
	$(PY) -m tools.conformance_reference docs/reference/conformance.md

clean:
	rm -rf $(VENV) $(CLIENTS) build dist src/*.egg-info .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

system-packages:
	@tools/system_packages.sh mosquitto mosquitto_pub node npm

$(PY):
	@tools/virtual_environment.sh "$(PYTHON)" "$(VENV)"

$(RUN): $(PROJECT) | $(PY)
	$(PY) -m pip install --quiet --editable '.[fast]'
	@touch $@

$(TEST): $(PROJECT) | $(PY)
	$(PY) -m pip install --quiet --editable '.[fast,test]'
	@touch $@ $(RUN)

$(CLIENTS)/.ready: tests/clients/package.json tests/clients/package-lock.json | system-packages
	cd tests/clients && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
