# Short names for daily commands; `rml --help` lists all of them, with their options.

PYTHON ?= python3
# `python` in dvc.yaml must be the one of .venv, also where nobody activated it.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHON
# Without byte code every DVC command takes three times as long.
unexport PYTHONDONTWRITEBYTECODE

# What is typed after `make X=` reaches a command as it is, in quotes: it is not expanded
# by make, nor by a shell.
unexport SOURCE TARGET S NAME EXP BASE
quote = '$(subst ','\'',$(value $(1)))'
option = $(if $(value $(1)),$(2) $(call quote,$(1)))

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## create .venv from the locked environment (STORAGE=s3: with that storage)
	@sh environments/setup.sh $(call option,STORAGE)

.PHONY: dev
dev: ## add linters, type checker, tests, notebooks to .venv; `make test` does it as well
	@sh environments/setup.sh dev

.PHONY: repro
repro: setup ## rebuild everything that changed, from raw data to plots
	@rml repro

.PHONY: data
data: setup ## bring your own table: SOURCE=path-or-URL TARGET=column; more: rml data --help
	@rml data $(call option,TARGET,--target) $(call option,SOURCE,--)

.PHONY: exp
exp: setup ## try other settings: S='train.seed=1' NAME=name; more: rml exp --help
	@rml exp $(call option,S,-S) $(call option,NAME,--name)

.PHONY: exps
exps: setup ## compare the experiments, the best first
	@rml exps

.PHONY: branch
branch: setup ## make a branch of an experiment, to propose it: EXP=name
	@rml branch $(call option,EXP,--)

.PHONY: report
report: setup ## what the change since BASE=main does; fails if a gate fails
	@rml report $(call option,BASE,--base) $(if $(OFFLINE),--offline)

.PHONY: check-lock
check-lock: setup ## is dvc.lock up to date? needs no data
	@rml check-lock

.PHONY: verify
verify: setup ## rebuild HEAD elsewhere, under other conditions, and compare every output
	@rml verify

.PHONY: doctor
doctor: setup ## find what is damaged or badly set up; to fix it: rml doctor --fix
	@rml doctor

.PHONY: site
site: setup ## build the documentation as a site, in site/; more: rml site --help
	@rml site

# The toolkit's own tests are in the toolkit's repository alone.
TOOLKIT := $(wildcard toolkit/tests)
# Workers share the cores, so each gets one thread of OpenMP.
PYTEST := OMP_NUM_THREADS=1 pytest --numprocesses auto --dist loadgroup --durations 20 tests $(TOOLKIT)

.PHONY: test
test: dev ## lint, check types, run the quick tests (FORCE=1: again on the same files)
	@rml once test $(if $(FORCE),--force) -- $(MAKE) --no-print-directory checks

.PHONY: checks
checks:
	ruff check
	ruff format --check
	mypy code tests $(if $(TOOLKIT),toolkit/src toolkit/tests)
	$(if $(TOOLKIT),lint-imports toolkit/pyproject.toml)
	$(PYTEST) -m "not integration and not slow"

.PHONY: test-all
test-all: dev ## run the tests that start servers, clusters and whole repositories
	@rml once test-all $(if $(FORCE),--force) -- env $(PYTEST) -m "integration and not slow"

.PHONY: test-slow
test-slow: dev ## run the tests that take minutes each
	@rml once test-slow $(if $(FORCE),--force) -- env $(PYTEST) -m slow

.PHONY: format
format: dev ## rewrite the code in the style the linter wants
	ruff check --fix
	ruff format

.PHONY: lock
lock: dev ## choose the newest versions and lock them by hash
	@sh environments/lock.sh

.PHONY: clean
clean: ## remove the environment and caches; data, models and results stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .dvc/tmp/rml site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name '*.egg-info' -type d -prune -exec rm -rf {} +
