# Every command of this repository. Needs Python 3.11 or newer, git and make; the rest comes into .venv and ui/node_modules.
# `make` alone prints what there is. Works with GNU make 3.81.

PY := .venv/bin/python
RUN := requirements.txt requirements-build.txt
DEV := $(RUN) requirements-demo.txt requirements-dev.txt
WORKERS ?= 2

# Only what somebody set: empty variables would hide what stands in .env.
ifdef PORT
export PORT
endif
ifdef DATA_DIR
export DATA_DIR
endif
ifdef PYTHON
export PYTHON
endif
# Quoted by the shell, never by make: a path may hold anything.
export REPO
export EXIT
export ARGS

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup setup-run setup-demo demo run test conformance programs check format bench bench-mcp bench-kg bench-orchestrator console reference openapi clean

help: ## print this list
	@echo "usage: make <target>"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-20s %s\n", $$1, $$2 }' Makefile

demo: setup-demo console ## do the main job on REPO (path or URL; default: this repository); EXIT=1 stops afterwards, PORT=8000
	@exec $(PY) -m orchestrator demo --repo "$${REPO:-.}" $(if $(EXIT),--exit)

run: setup-run console ## run the service at http://127.0.0.1:$PORT, data under DATA_DIR (.data)
	@exec $(PY) -m orchestrator up

test: setup console ## run every test against a real PostgreSQL and Redis; ARGS="-k name", WORKERS=2
	@sh deploy/npm.sh tests/browser
	@# Tests and the hundreds of processes they start are compiled once, whatever the shell says of bytecode.
	PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -n $(WORKERS) --dist loadgroup --ignore=tests/console/test_walk.py $(ARGS)
	@# The walk through a real browser gets the machine to itself: its time limits are a person's patience.
	PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -p no:xdist tests/console/test_walk.py

conformance: setup ## the official MCP suite through the gateway; part of `make test`
	$(PY) -m pytest -p no:xdist tests/conformance

programs: setup ## whole tasks by five makers' coding agents; 1.4 GB from npm. `make test` tries one
	ALL_PROGRAMS=1 $(PY) -m pytest -p no:xdist tests/programs

check: setup ## lint, formatting, types, import contracts
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports

format: setup ## rewrite the Python files as `make check` wants them
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

setup: ## make .venv with everything, tests and checks included
	@sh deploy/setup.sh $(DEV)

setup-run:
	@sh deploy/setup.sh $(RUN)

setup-demo:
	@sh deploy/setup.sh $(RUN) requirements-demo.txt

console: setup-run ## build the console into ui/dist
	@sh deploy/npm.sh ui build dist

bench: setup ## the service's own figures; writes benchmarks/results/bench.json
bench-mcp: setup ## the MCP gateway against other gateways
bench-kg: setup ## the knowledge graph against its goals; BENCH_SETS=a folder of the public sets (pycg, swarm-cg, rdf-tests, django, click)
bench-orchestrator: setup ## many agents on one repository
bench bench-mcp bench-kg bench-orchestrator:
	$(PY) -m benchmarks $@ $(ARGS)

reference: setup-run ## make docs/reference from the code
	@$(PY) -m scripts.reference

openapi: setup-run ## write docs/reference/openapi.json from the code
	@$(PY) -m orchestrator openapi docs/reference/openapi.json

clean: ## remove what was built and cached; keeps .venv and your data
	rm -rf ui/dist ui/node_modules tests/*/node_modules .setup .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find orchestrator tests benchmarks alembic -name __pycache__ -type d -prune -exec rm -rf {} +
