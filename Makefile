# Everything runs in a virtualenv of its own, made by pip alone; no service needs to be installed.
PYTHON ?= python3
BANKD_CAMVID ?= ../shared/data/camvid

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# One thing after the other: tests and demo start servers, and `make test check` tests first.
.NOTPARALLEL:
.PHONY: help install demo test check format up status down camvid evaluate bench train-sample clean

help: ## Show this help
	@echo 'usage: make TARGET'
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1	\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "bankd needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[embedded,render,dev]'
	@touch $@

install: $(INSTALLED) ## Make .venv with all that is needed (each target does so itself)

demo: $(INSTALLED) ## From photos and rights to composites and reports in out/demo
	$(BIN)/bankd demo

test: $(INSTALLED) ## Run all tests
	OMP_NUM_THREADS=1 BANKD_CAMVID='$(BANKD_CAMVID)' $(BIN)/python -m pytest -n 2

check: test ## Tests, format, lint, types, imports, migrations, dependencies, their licenses
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	MYPYPATH=verifier $(BIN)/mypy verifier/bankd_verify.py verifier/bankd_verify_usage.py verifier/bankd_verify_optional.py verifier/bankd_verify_stamps.py
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/python tools/licenses.py

format: $(INSTALLED) ## Write the formatting that check asks for
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

up: $(INSTALLED) ## Start the stack and keep it running
	$(BIN)/bankd up

status: $(INSTALLED) ## Say what runs where
	$(BIN)/bankd status

down: $(INSTALLED) ## Stop the stack; its data stays
	$(BIN)/bankd down

camvid: $(INSTALLED) ## Run the bank on CamVid's street photos, found in BANKD_CAMVID
	BANKD_CAMVID='$(BANKD_CAMVID)' $(BIN)/python tools/camvid.py

evaluate: $(INSTALLED) ## Measure pictures on CamVid's layouts: out/evaluation.json and out/evaluation.html
	$(BIN)/python -m pip install --quiet --editable '.[evaluate]'
	BANKD_CAMVID='$(BANKD_CAMVID)' $(BIN)/python tools/evaluate.py

bench: $(INSTALLED) ## Measure what the bank can do: out/bench.json, out/bench.svg; sizes: BENCH='--segments 1000000'
	$(BIN)/python -m tools.bench $(BENCH)

train-sample: $(INSTALLED) ## Train the networks that ship with the sample again, into out/sample-networks
	$(BIN)/python -m pip install --quiet --editable '.[evaluate]'
	$(BIN)/python tools/train_sample.py

clean: ## Remove what was built or written here: .venv, caches, out; never a bank's data
	rm -rf $(VENV) out build dist *.egg-info .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find bankd synth tools tests migrations -name __pycache__ -type d -prune -exec rm -rf {} +
