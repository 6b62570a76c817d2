# Every verb sets up what it needs. `make` or `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: demo test check static bench bench-quick bench-stats bench-rust test-real tests-with-torch fuzz fmt docs help needs-python needs-cargo

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest -q
ARGS ?=
export PATH := $(PATH):$(HOME)/.cargo/bin

# A stamp's name holds a hash of what it stands for: content decides, not time of modification, so that a switch of
# branches or a deleted file is seen too.
SHA := $(shell command -v sha256sum || echo shasum -a 256)
HASH := $(SHA) | cut -c 1-16
SETUP := $(VENV)/setup-$(shell cat pyproject.toml Cargo.lock | $(HASH))
CORE := $(SETUP).core
DEV := $(SETUP).dev
PEERS := $(SETUP).peers
REAL := $(SETUP).real
BUILT := $(VENV)/built-$(shell { find rust python -type f ! -name '*.so' ! -name '*.pyc' -print0 | LC_ALL=C sort -z \
	| xargs -0 $(SHA); cat Cargo.toml Cargo.lock pyproject.toml README.md LICENSE ; } | $(HASH))

demo: $(BUILT)  ## compare the built-in corpora, one pair with planted differences and one without; prints the reports
	@$(BIN)/diptych demo --out runs/demo

test: $(DEV) $(BUILT)  ## cargo test, then pytest against the installed wheel
	cargo test --quiet
	$(PYTEST) -m "not slow and not real_models" $(ARGS)

check: static test  ## everything that must hold before a change goes in

static: $(DEV) $(BUILT)  ## the part of check that runs no tests: formats, lints, types, stub, import layers
	cargo fmt --all --check
	cargo clippy --quiet --workspace --all-targets -- -D warnings
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest diptych._core
	$(BIN)/lint-imports --no-logo

bench: $(PEERS) $(BUILT)  ## every kernel against its peers, kept in benches/record; then a whole comparison, and start-up
	$(BIN)/python benches/python/kernels.py $(ARGS)
	$(BIN)/python benches/python/compare.py --record

bench-quick: $(PEERS) $(BUILT)  ## the same on small jobs, in under a minute; nothing is kept
	$(BIN)/python benches/python/kernels.py --quick $(ARGS)

bench-stats: $(DEV) $(BUILT)  ## what the statistics promise, measured: false alarms, coverage, memory; kept; ARGS="--quick"
	$(BIN)/python benches/python/stats.py $(ARGS)

bench-rust: needs-cargo  ## the inner loops of the kernels, by criterion, against their last run; ARGS="store" picks some
	cargo bench --quiet --package diptych-core -- $(ARGS)

fuzz: | needs-cargo  ## arbitrary bytes into every kernel, about a million cases each; ARGS=name for one target
	FUZZ_CASES=$${FUZZ_CASES:-1000000} cargo test --release --package diptych-core --test fuzz_corpus -- --nocapture $(ARGS)

test-real:  ## the tests that take long or need torch or real weights, in an environment of their own that has both
	@$(MAKE) --no-print-directory VENV=$(VENV)-real tests-with-torch

tests-with-torch: $(DEV) $(REAL) $(BUILT)
	$(PYTEST) -m "slow or real_models or local" $(ARGS)

fmt: $(DEV)  ## put Rust and Python into the one format, and mend what the linter can
	cargo fmt --all
	$(BIN)/ruff check --fix --quiet || true
	$(BIN)/ruff format

docs: $(DEV) $(BUILT)  ## run every example in a docstring; build the pages of the kernels
	$(PYTEST) tests/house/test_docstrings.py
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps
	@echo "target/doc/diptych_core/index.html"

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

needs-python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "diptych needs Python 3.11 \
	or newer, and \`$(PYTHON)\` is $$($(PYTHON) --version 2>&1 || echo missing): install it, or run \
	\`make PYTHON=python3.12 …\`" | tr -s '\t ' ' ' >&2; exit 1; }

needs-cargo:
	@command -v cargo >/dev/null || { echo "diptych builds its kernels with cargo, which is missing: install Rust from \
	https://rustup.rs and open a new shell" | tr -s '\t ' ' ' >&2; exit 1; }

$(CORE): | needs-python needs-cargo
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@rm -f $(VENV)/setup-* $(VENV)/built-*
	$(PIP) install --quiet --upgrade "pip>=25.1"
	@$(BIN)/python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb")); \
		print("\n".join(p["build-system"]["requires"] + p["project"]["dependencies"]))' > $(VENV)/core.txt
	$(PIP) install --quiet --requirement $(VENV)/core.txt
	@touch $@

$(DEV): $(CORE)
	$(PIP) install --quiet --group dev
	@touch $@

$(PEERS): $(CORE)
	@$(BIN)/python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb")); \
		print("\n".join(p["project"]["optional-dependencies"]["bench"]))' > $(VENV)/peers.txt
	$(PIP) install --quiet --requirement $(VENV)/peers.txt
	@touch $@

$(REAL): $(CORE)
	@$(BIN)/python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb")); \
		print("\n".join(p["project"]["optional-dependencies"]["local"]))' > $(VENV)/local.txt
	$(PIP) install --quiet --requirement $(VENV)/local.txt --group real
	@touch $@

$(BUILT): $(CORE)
	@rm -f $(VENV)/built-*
	$(PIP) install --quiet --force-reinstall --no-deps --no-build-isolation .
	@touch $@
