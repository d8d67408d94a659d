# Holdfast: one word for each job. `make` alone prints them.
# It needs make and Python 3.11 or newer; everything else goes into .venv/.

MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help run test check fix bench rehearsal servers lock clean always

# Flags for run, test and bench: make run ARGS="--data /srv/holdfast"
ARGS ?=
export PYTHON

PY := .venv/bin/python
# An environment that was moved or copied with its folder still points to the old place: make it anew.
STALE := $(shell grep -qsF '$(CURDIR)/.venv' .venv/bin/activate || echo always)

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/runtime.stamp ## Run it all with a sample site: studio, edge and worker; flags by ARGS="…"
	@exec .venv/bin/holdfast run $(ARGS) </dev/null

test: .venv/dev.stamp ## Run all tests with every real server found; HOLDFAST_TEST_REQUIRE=all wants them all
	@exec $(PY) -m pytest -n 2 --dist loadgroup $(ARGS) </dev/null

check: .venv/dev.stamp ## Check format, lint, types, floors, and the tests that need no server
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports --no-logo
	@exec $(PY) -m pytest -n 2 --dist loadgroup -m 'not server and not slow' </dev/null

fix: .venv/dev.stamp ## Format the code and mend what ruff can
	@$(PY) -m ruff check --fix-only .
	@$(PY) -m ruff format .

bench: .venv/dev.stamp ## Measure edit-to-live, reads, the cluster's store, rebuilds and media; flags by ARGS="…"
	@$(PY) -m bench.edit_to_live $(ARGS)
	@$(PY) -m bench.reads $(ARGS)
	@$(PY) -m bench.store $(ARGS)
	@$(PY) -m bench.rebuild $(ARGS)
	@$(PY) -m bench.rebuild_s3 $(ARGS)
	@$(PY) -m bench.images $(ARGS)
	@$(PY) -m bench.video $(ARGS)

rehearsal: .venv/dev.stamp ## Rehearse at scale: 20,000 profiles, load, kills (an hour); quick: ARGS="--profiles 200 --minutes 0.5 --rate 3"
	@exec $(PY) -m bench.rehearsal $(ARGS) </dev/null

servers: .venv/dev.stamp ## Install the real servers that tests use (bubblewrap, Chromium, ffmpeg, openssl, nginx, Varnish, Prometheus, wrk, Cassandra, S3, Caddy; as root on Debian)
	@sh deploy/servers.sh

lock: .venv/dev.stamp ## Make both locks anew from pyproject.toml; ARGS=--upgrade takes newer versions
	@sh deploy/lock.sh $(ARGS)

clean: ## Remove the environment and what tools left behind; data stays
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

ifeq ($(HOLDFAST_TEST_REQUIRE),all)
test: servers
endif

.venv/runtime.stamp: requirements.lock pyproject.toml $(STALE)
	@sh deploy/venv.sh $<
	@touch $@

.venv/dev.stamp: requirements-dev.lock pyproject.toml $(STALE)
	@sh deploy/venv.sh $<
	@touch $@ .venv/runtime.stamp
