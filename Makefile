# make run     a broker on 127.0.0.1:1883, in the foreground
# make test    install what the tests need, then every check and every test
#              the tests run twice: plain Python from src, then the compiled package as installed
# make check   lint, types and floors alone
# make simulate SEED=123   what happens in one world of tests/simulation; SEEDS=0:100000 plays many
# make fuzz MINUTES=10 TARGET=packets   look for bytes that must not do what they do
# make soak MINUTES=10   2,000 Clients come and go; what grows without end fails
# make security   tests/security at the sizes that its rows name, some minutes; TESTS=tests/security/test_f3* for some
# make hostile ROWS=A1,F   attacks, and how long an idle Client waits meanwhile; on a machine that is left alone
#              FULL_SIZE=1 makes them as large as make security
# make bench   the benchmarks, beside other brokers; BENCH=--help says what can be chosen
# make bench-docs    measure, and write docs/explanation/performance.md anew
# make bench-micro   how long single steps take, in plain Python and compiled
# make torture   thousands of brokers killed in the middle of their work; ROUNDS=20000 for more;
#                and examples of Hypothesis that `make test`, which has the same ones each time, has not
# make wheel   in dist: both wheels, plain Python and compiled for this machine, and the source
# make wheel-test    install each wheel alone, and run the tests on it; TESTS=tests/cli says which
# make docs    the generated pages of docs/reference, and all pages as HTML in build/docs
# make clean   remove everything that make has made

PYTHON ?= python3
VENV   ?= .venv
CONFIG ?=
# Processes that the tests are shared out to; 0 runs them in one.
JOBS   ?= auto
SHARED_OUT    := --numprocesses=$(JOBS) --dist=loadgroup
# To watch which branches are taken costs more than the tests: it is done where a bound is set on them.
FLOORS_0_TO_5 := tests/wire tests/test_message.py tests/topics tests/sessions tests/server
# Where Hypothesis finds examples.
BY_EXAMPLES   := $(FLOORS_0_TO_5) tests/access tests/benchmarks/test_channels.py tests/client_session tests/config_file tests/net/test_proxy_protocol.py

PY       := $(VENV)/bin/python
RUN      := $(VENV)/.ready-to-run
TEST     := $(VENV)/.ready-to-test
CLIENTS  := tests/clients/node_modules
PEERS    := benchmarks/peers
AEDES    := $(PEERS)/aedes/node_modules
AMQTT_0_12_1 := $(PEERS)/amqtt_0_12_1/.venv
MICRO    := $(PY) -m pytest -c benchmarks/micro/pytest.ini --rootdir=. benchmarks/micro --quiet
BUILT    := $(VENV)/.built
PROJECT  := pyproject.toml setup.py
SOURCES  := $(PROJECT) $(shell find src -name '*.py')

# Debian keeps mosquitto in /usr/sbin, which is not on everyone's path.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DELETE_ON_ERROR:
.PHONY: run test check pytest pytest-pure pytest-compiled bench bench-docs bench-micro bench-peers docs clean system-packages torture wheel wheel-test

run: $(BUILT)
	@exec $(PY) -m amqtt $(if $(CONFIG),-c $(CONFIG))

test: $(TEST) system-packages $(CLIENTS)/.ready
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory pytest

check: $(TEST)
	$(PY) -m ruff check
	$(PY) -m mypy
	$(PY) -m mypy tests/support tests/simulation tests/fuzz tests/soak tests/hostile --allow-untyped-defs --allow-incomplete-defs --allow-untyped-calls --disable-error-code union-attr
	$(VENV)/bin/lint-imports

pytest: pytest-pure pytest-compiled

# Floors 0 to 5 are measured where they are plain Python: C has no lines to count.
pytest-pure: $(TEST) $(BUILT)
	PYTHONPATH=src AMQTT_FORM=pure $(PY) -m pytest $(SHARED_OUT) --cov --cov-report=term-missing:skip-covered $(FLOORS_0_TO_5)
	PYTHONPATH=src AMQTT_FORM=pure $(PY) -m pytest $(SHARED_OUT) $(addprefix --ignore=,$(FLOORS_0_TO_5))

pytest-compiled: $(TEST) $(BUILT)
	AMQTT_FORM=compiled $(PY) -m pytest $(SHARED_OUT)

.PHONY: simulate fuzz soak security hostile
simulate: $(TEST)
	PYTHONPATH=src:tests $(PY) -m simulation $(or $(SEED),$(SEEDS),0:10000)

# Plain Python, whose branches atheris sees; Hypothesis alone where there is no atheris.
fuzz: $(TEST)
	@$(PY) -m pip install --quiet 'atheris>=3.0' || echo "no atheris here; going on without it" >&2
	PYTHONPATH=src:tests $(PY) -m fuzz --minutes $(or $(MINUTES),10) $(TARGET)

soak: $(TEST) $(BUILT)
	PYTHONPATH=tests $(PY) -m soak --minutes $(or $(MINUTES),10)

security: $(TEST) $(BUILT)
	AMQTT_FULL_SIZE=1 $(PY) -m pytest $(SHARED_OUT) --timeout=0 $(or $(TESTS),tests/security)

hostile: $(TEST) $(BUILT)
	PYTHONPATH=tests AMQTT_FULL_SIZE=$(FULL_SIZE) $(PY) -m hostile --seconds $(or $(SECONDS),5) $(if $(ROWS),--rows $(ROWS))

bench: $(TEST) $(BUILT)
	@tools/system_packages.sh mosquitto
	@$(MAKE) --no-print-directory bench-peers || echo "some peers are missing; going on without them" >&2
	$(PY) -m benchmarks $(BENCH)

# The figures, tables and pictures of docs/explanation/performance.md: an hour on a machine that is left alone.
bench-docs:
	$(MAKE) --no-print-directory bench BENCH='--sweeps --json docs/explanation/performance.json $(BENCH)'
	$(PY) -m benchmarks.documents

# Both forms of the package, step by step, without a network.
bench-micro: $(TEST) $(BUILT)
	$(PY) -m pip install --quiet 'pytest-benchmark>=5.1'
	PYTHONPATH=src $(MICRO) --benchmark-json=benchmarks/micro.pure.json
	$(MICRO) --benchmark-json=benchmarks/micro.compiled.json
	$(PY) -m benchmarks.micro.comparison benchmarks/micro.pure.json benchmarks/micro.compiled.json

bench-peers: $(AEDES)/.ready $(AMQTT_0_12_1)/.ready

$(AEDES)/.ready: $(PEERS)/aedes/package.json $(PEERS)/aedes/package-lock.json
	@tools/system_packages.sh node npm
	cd $(PEERS)/aedes && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(AMQTT_0_12_1)/.ready: $(PEERS)/amqtt_0_12_1/requirements.txt
	@tools/virtual_environment.sh "$(PYTHON)" $(AMQTT_0_12_1)
	$(AMQTT_0_12_1)/bin/python -m pip install --quiet -r $<
	@touch $@

torture: $(TEST) system-packages
	AMQTT_TORTURE_ROUNDS=$(or $(ROUNDS),4000) AMQTT_TORTURE_CUTS=2000 AMQTT_TORTURE_STRIDE=1 AMQTT_MODEL_EXAMPLES=20000 $(PY) -m pytest tests/torture tests/store/test_damage.py tests/server/test_against_model.py --timeout=0
	AMQTT_OTHER_EXAMPLES=1 $(PY) -m pytest $(SHARED_OUT) $(BY_EXAMPLES)

wheel: | $(PY)
	rm -rf build dist
	AMQTT_PURE=1 $(PY) -m pip wheel --quiet --no-deps --wheel-dir dist .
	rm -rf build
	$(PY) -m pip wheel --quiet --no-deps --wheel-dir dist .
	rm -rf build
	$(PY) -m pip install --quiet 'build>=1.2'
	AMQTT_PURE=1 $(PY) -m build --sdist --outdir dist . >/dev/null
	@ls -l dist

# As a user has it: in an environment of its own, without this source on the path.
wheel-test: wheel system-packages $(CLIENTS)/.ready
	$(call test-wheel,pure,dist/amqtt-*-none-any.whl)
	$(call test-wheel,compiled,dist/amqtt-*-cp*.whl)

define test-wheel
rm -rf build/wheel-test/$(1)
$(PYTHON) -m venv build/wheel-test/$(1)
build/wheel-test/$(1)/bin/pip install --quiet "$$(ls $(2))[fast,test]"
AMQTT_FORM=$(1) AMQTT_INSTALLED=build/wheel-test/$(1) build/wheel-test/$(1)/bin/python -m pytest $(SHARED_OUT) $(TESTS)
endef

docs: $(TEST)
	$(PY) -m tools.configuration_reference docs/reference/configuration.md
	$(PY) -m tools.conformance_reference docs/reference/conformance.md
	$(PY) -m tools.command_reference docs/reference/command.md
	$(PY) -m tools.events_reference docs/reference/events.md
	$(PY) -m tools.reason_codes_reference docs/reference/reason-codes.md
	$(PY) -m tools.pictures docs/pictures
	$(PY) -m mkdocs build --quiet --strict
	@echo "build/docs/index.html; to search, too: $(PY) -m http.server --directory build/docs"

clean:
	rm -rf $(VENV) $(CLIENTS) $(AEDES) $(AMQTT_0_12_1) build dist src/*.egg-info .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache tests/fuzz/found
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

system-packages:
	@tools/system_packages.sh mosquitto mosquitto_pub node npm strace

$(PY):
	@tools/virtual_environment.sh "$(PYTHON)" "$(VENV)"

$(RUN): $(PROJECT) | $(PY)
	$(PY) -m pip install --quiet '.[fast]'
	@touch $@ $(BUILT)

$(TEST): $(PROJECT) | $(PY)
	$(PY) -m pip install --quiet '.[fast,test]'
	@touch $@ $(RUN) $(BUILT)

# What is installed is what its users have: compiled where there is a C compiler.
# Where make made the environment just now, that has installed it too, which make cannot know beforehand.
$(BUILT): $(SOURCES) | $(RUN)
	@if [ ! -e $@ ] || [ -n "$$(find $(SOURCES) -newer $@)" ]; then \
		rm -rf build && $(PY) -m pip install --quiet --no-deps --force-reinstall . && touch $@; \
	fi

$(CLIENTS)/.ready: tests/clients/package.json tests/clients/package-lock.json | system-packages
	cd tests/clients && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
