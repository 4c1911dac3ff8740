# Every command of this project. `make help` lists them.

PYTHON ?= python3
BIN := .venv/bin

# A variable given on the command line, not one that happens to be set.
given = $(findstring command line,$(origin $(1)))

# Storage that remotes, imported tables or SOURCE name by address; each has a lock of its own.
STORAGE := $(sort $(shell cat .dvc/config .dvc/config.local data/raw/*.dvc 2>/dev/null \
  | grep -oE '(s3|gs|azure|ssh)://' | cut -d : -f 1) \
  $(if $(call given,SOURCE),$(foreach scheme,s3 gs azure ssh,$(if $(findstring $(scheme)://,$(value SOURCE)),$(scheme)))))
# Likewise what params.yaml asks for: the backend of a cluster, the tracking server.
EXTRAS := $(sort $(shell sed -nE 's/^  backend: *(dask|ray)( .*)?$$/\1/p; s/^tracking: *(mlflow)( .*)?$$/\1/p' params.yaml))
LOCKS := environments/dev.txt $(STORAGE:%=environments/%.txt) $(EXTRAS:%=environments/%.txt)
space := $(subst ,, )
ENVIRONMENT := .venv/.ready$(subst $(space),,$(STORAGE:%=-%)$(EXTRAS:%=-%))

# `python` in dvc.yaml must be the one of .venv, also where nobody activated it.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Without byte code every DVC command takes three times as long.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(ENVIRONMENT) ## create .venv from the locked environment

# uv where it is installed (seconds), else pip (a minute). Both check every hash.
$(ENVIRONMENT): $(LOCKS) pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is older than Python 3.11. Name a newer one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@echo "Creating .venv from $(LOCKS) ..."
	@if command -v uv >/dev/null; then \
	  uv venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" .venv && \
	  uv pip install --python $(BIN)/python --compile-bytecode --require-hashes $(LOCKS:%=-r %) && \
	  uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	else \
	  $(PYTHON) -m venv .venv && \
	  $(BIN)/python -m pip install --disable-pip-version-check --require-hashes $(LOCKS:%=-r %) && \
	  $(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .; \
	fi
	@touch $@

# Options reach Python through the environment, so that no character in them is special.
option = $(if $(call given,$(1)),--$(2)="$${$(1)}")
export BASE SOURCE TARGET TASK POSITIVE ID GROUP TIME NAME DATES DECIMAL TEXT MISSING QUERY KEY S EXP

.PHONY: data
data: $(ENVIRONMENT) ## bring your own table: SOURCE=path-or-URL TARGET=column (HELP=1: all options)
	@python -m reproducible_ml.datasets.adopt $(if $(call given,HELP),--help) \
	  $(foreach name,TARGET TASK POSITIVE ID GROUP TIME NAME DATES DECIMAL TEXT MISSING QUERY KEY,\
	    $(call option,$(name),$(shell echo $(name) | tr A-Z a-z))) \
	  $(if $(call given,DRY_RUN),--dry-run) $(if $(call given,YES),--yes) \
	  $(if $(call given,SOURCE),-- "$${SOURCE}")

.PHONY: repro
repro: $(ENVIRONMENT) ## rebuild everything that changed, from raw data to plots
	@dvc repro
	@$(MAKE) --no-print-directory --silent reports/overview.png
	@test "$$(wc -l < reports/search.csv)" -le 1 || $(MAKE) --no-print-directory --silent reports/search.png
	@python -m reproducible_ml.models.summary reports/evaluation.json reports/overview.png reports/plots
	$(if $(filter mlflow,$(EXTRAS)),@python -m reproducible_ml.tracking.track)

# One picture of all plots, drawn only when their data changed.
reports/overview.png: $(wildcard reports/plots/*.csv)
	@python -m reproducible_ml.models.draw reports/plots $@

# The trials of a search, where there was one.
reports/search.png: reports/search.csv
	@python -m reproducible_ml.models.draw_search $< $@

.PHONY: report
report: $(ENVIRONMENT) ## what the change since BASE=main does; fails if a gate says no (HELP=1)
	@python -m reproducible_ml.review.report $(if $(call given,HELP),--help) \
	  $(call option,BASE,base) $(if $(call given,OFFLINE),--offline)

.PHONY: exp
exp: $(ENVIRONMENT) ## try other settings: S='train.seed=1 split.salt=a' NAME=name (HELP=1)
	@python -m reproducible_ml.experiments.run $(if $(call given,HELP),--help) \
	  $(call option,S,settings) $(call option,NAME,name)

.PHONY: exps
exps: $(ENVIRONMENT) ## compare the experiments, the best first (HELP=1)
	@python -m reproducible_ml.experiments.listing $(if $(call given,HELP),--help)

.PHONY: branch
branch: $(ENVIRONMENT) ## make a branch of an experiment, to propose it: EXP=name (HELP=1)
	@python -m reproducible_ml.experiments.branch $(if $(call given,HELP),--help) \
	  $(call option,EXP,exp)

.PHONY: queue-reset
queue-reset: $(ENVIRONMENT) ## mend the queue of experiments after something was killed (HELP=1)
	@python -m reproducible_ml.experiments.reset $(if $(call given,HELP),--help)

.PHONY: check-lock
check-lock: $(ENVIRONMENT) ## is dvc.lock up to date? looks at no data
	@python -m reproducible_ml.review.lock $(if $(call given,HELP),--help)

.PHONY: verify
verify: $(ENVIRONMENT) ## rebuild HEAD elsewhere, under other conditions, and compare every hash
	@python -m reproducible_ml.verify

# Runs again only when a file changed since the last green run; FORCE=1 runs it all the same.
.PHONY: test
test: .venv/.tested ## lint, check types and run all tests
	@echo "All checks passed on these files."

.venv/.tested: $(ENVIRONMENT) $(wildcard $(shell git ls-files --cached --others --exclude-standard)) $(if $(FORCE),force)
	ruff check
	ruff format --check
	mypy
	pytest --numprocesses auto --dist loadgroup
	@touch $@

.PHONY: force
force:

.PHONY: format
format: $(ENVIRONMENT) ## rewrite the code in the style the linter wants
	ruff check --fix
	ruff format

LOCK := uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-header

# All files are resolved together first, so that a package has one version in every lock. The
# optional locks then list only what runtime.txt lacks.
.PHONY: lock
lock: $(ENVIRONMENT) ## choose the newest versions and lock them by hash
	cd environments && $(LOCK) --upgrade *.in -o ../.venv/all.txt
	cd environments && for name in runtime dev; do \
	  cp ../.venv/all.txt $$name.txt && $(LOCK) $$name.in -o $$name.txt || exit 1; \
	done
	cd environments && known=$$(sed -n 's/^\([a-z0-9.-]*\)==.*/--no-emit-package \1/p' runtime.txt) && \
	for name in s3 gs azure ssh dask ray mlflow; do \
	  cp ../.venv/all.txt $$name.txt && $(LOCK) $$name.in $$known -o $$name.txt || exit 1; \
	done

.PHONY: clean
clean: ## remove the environment and caches; data, models and results stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name '*.egg-info' -type d -prune -exec rm -rf {} +
