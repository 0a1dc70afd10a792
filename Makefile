# `make` prints what there is to make: each target with the comment after its `##`.

PYTHON ?= python3
BIN := .venv/bin
# The folder in which tests keep the small model they run.
TEST_HOME ?= $(or $(OUTLAY_TEST_HOME),$(HOME)/.cache/outlay-tests)
EXTRA_TESTS = $(shell grep -rlE 'math_verify|reasoning_gym' tests --include='test_*.py')

.DEFAULT_GOAL := help
.PHONY: help venv demo dev test test-extras lint docs bench bench-local clean

help: ## print this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

venv: .venv/installed ## make .venv with outlay and the engine for local models in it (no compiler needed)

demo: venv ## bring a small model here and compare strategies on it: a first result in minutes
	$(BIN)/outlay pull qwen2.5-coder-0.5b
	$(BIN)/outlay demo

dev: .venv/dev ## add to .venv what tests and checks need

test: dev lint ## check everything but the extras, a real small model included (under 10 minutes on 2 cores)
	OUTLAY_HOME="$(TEST_HOME)" $(BIN)/outlay pull smollm2-135m
	$(BIN)/python -m pytest -n 2 --dist loadfile
	$(BIN)/python -m pytest --doctest-modules src/outlay --ignore=src/outlay/answers/_symbolic.py \
		--ignore=src/outlay/tasks/_reasoning_gym_scores.py

test-extras: dev ## install the extras `tasks` and `math` (needs a C compiler) and run the tests that need them
	$(BIN)/python -m pip install --quiet -e '.[local,math,tasks]'
	$(BIN)/python -m pytest $(EXTRA_TESTS)
	$(BIN)/python -m pytest --doctest-modules src/outlay/answers src/outlay/tasks

lint: dev ## style, types and the layers of the house
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/basedpyright
	$(BIN)/lint-imports

docs: dev ## write docs/commands.md from the command line's own help
	$(BIN)/python docs/make_commands.py

bench: dev ## measure start-up, calls, pools, budgets, kills and replay, and compute published figures (minutes, no model)
	$(BIN)/python bench/start_up.py
	$(BIN)/python bench/door.py
	$(BIN)/python bench/http_cpu.py
	$(BIN)/python bench/gateway.py
	$(BIN)/python bench/gateway_streams.py
	$(BIN)/python bench/gateway_steady.py
	$(BIN)/python bench/soak.py --minutes 1
	$(BIN)/python bench/pools.py
	$(BIN)/python bench/pools.py --published
	$(BIN)/python bench/report_speed.py
	$(BIN)/python bench/report_intervals.py --replications 100
	$(BIN)/python bench/planner.py --pilots 2
	$(BIN)/python bench/planner.py --recorded
	$(BIN)/python bench/solve.py
	$(BIN)/python bench/published_laws.py
	$(BIN)/python bench/verifiers.py
	$(BIN)/python bench/coverage_judges.py
	$(BIN)/python bench/budget.py
	$(BIN)/python bench/kill.py
	$(BIN)/python bench/quota.py
	$(BIN)/python bench/contexts.py
	$(BIN)/python bench/agent.py --worlds 50
	$(BIN)/python bench/vectors.py
	$(BIN)/python bench/drift.py --runs 300
	$(BIN)/python bench/cascade_rooms.py
	$(BIN)/python bench/replay.py

bench-local: dev ## measure shared prompts, independent draws and replay on the real local model
	$(BIN)/outlay pull qwen2.5-coder-0.5b
	$(BIN)/python bench/local.py
	$(BIN)/python bench/independence.py
	$(BIN)/python bench/replay.py --model local/qwen2.5-coder-0.5b --questions 1

clean: ## remove .venv and caches; models and the ledger stay
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "outlay needs Python 3.11 or newer; name one like: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@touch $@

.venv/installed: .venv/python pyproject.toml
	$(BIN)/python -m pip install -e '.[local]'
	@touch $@

.venv/dev: .venv/installed pyproject.toml
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@
