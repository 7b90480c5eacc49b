# make run and make test are all that a newcomer needs; the rest is for those who work on acd.

PYTHON ?= python3
ENV := .venv
STAMP := $(ENV)/.installed
RUN_ARGS ?=
TEST_ARGS ?= -n 3

.PHONY: run test env check format bench demo prompts lock clean

run: env                     ## start the server (RUN_ARGS="--sip 192.0.2.5:5060" for real phones)
	$(ENV)/bin/acd run $(RUN_ARGS)

test: env                    ## install the test tools and run all tests
	deploy/test-tools.sh
	$(ENV)/bin/pytest $(TEST_ARGS)

env: $(STAMP)                ## make .venv with locked dependencies and the development tools

$(STAMP): deploy/requirements-dev.txt pyproject.toml
	$(PYTHON) -c 'import sys, venv; sys.exit("acd needs Python 3.11 to 3.14") if not (3, 11) <= sys.version_info[:2] <= (3, 14) else None'
	$(PYTHON) -m venv $(ENV)
	$(ENV)/bin/pip install --quiet --disable-pip-version-check uv
	VIRTUAL_ENV="$(CURDIR)/$(ENV)" $(ENV)/bin/uv pip sync --quiet --require-hashes deploy/requirements-dev.txt
	VIRTUAL_ENV="$(CURDIR)/$(ENV)" $(ENV)/bin/uv pip install --quiet --no-deps --editable .
	touch $@

check: env                   ## lint, types, import contracts
	$(ENV)/bin/ruff format --check .
	$(ENV)/bin/ruff check .
	$(ENV)/bin/mypy
	$(ENV)/bin/lint-imports

format: env                  ## put the code into shape
	$(ENV)/bin/ruff format .
	$(ENV)/bin/ruff check --fix .

bench: env                   ## the load rig on tests/bench/config, beside the rivals' figures
	deploy/test-tools.sh
	$(ENV)/bin/python tests/bench/run.py $(BENCH_ARGS)

demo: env                    ## the server with simulated callers and agents, live in the terminal
	$(ENV)/bin/acd demo $(DEMO_ARGS)

lock: env                    ## resolve the dependencies anew
	$(ENV)/bin/uv pip compile --upgrade --universal --generate-hashes --no-annotate --no-header pyproject.toml -o deploy/requirements.txt
	$(ENV)/bin/uv pip compile --upgrade --universal --generate-hashes --no-annotate --no-header --group dev pyproject.toml -o deploy/requirements-dev.txt

clean:                       ## remove what make made; the state in ./var stays
	rm -rf $(ENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
