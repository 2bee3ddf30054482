# Only Python 3.11+, Rust (rustup's cargo) and make are assumed; everything else is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
RUST := Cargo.toml Cargo.lock $(shell find crates -name '*.rs' -o -name Cargo.toml -o -name '*.binpb' 2>/dev/null)

.PHONY: help build demo test lint bench fuzz clean

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

$(STAMPS)/venv:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "meshperf needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	mkdir -p $(STAMPS) && touch $@

$(STAMPS)/runtime: requirements/runtime.lock $(STAMPS)/venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

$(STAMPS)/dev: requirements/dev.lock $(STAMPS)/runtime
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

$(STAMPS)/native: $(RUST) packaging/programs.py packaging/develop.py $(STAMPS)/runtime
	$(BIN)/python packaging/develop.py
	touch $@

build: $(STAMPS)/native  ## the engine, the programs and the command, in release mode, into .venv

demo: build  ## run examples/quickstart.yaml: what an Envoy sidecar pair costs on this machine
	$(BIN)/meshperf run examples/quickstart.yaml --out demo-out --overwrite

test: build $(STAMPS)/dev  ## every test; installs what they need
	sh packaging/system-packages.sh
	cargo test --workspace --locked --quiet --release
	$(BIN)/python packaging/run_tests.py $(PYTEST_ARGS)

lint: build $(STAMPS)/dev  ## formatting, lint, types and layers
	cargo fmt --check
	cargo clippy --workspace --all-targets --locked --release --quiet -- -D warnings
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: build $(STAMPS)/dev  ## our own speed and accuracy beside the tools users would pick
	sh benchmarks/tools.sh
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

fuzz: $(STAMPS)/dev  ## feed the reply parsers whatever bytes; needs a nightly toolchain and cargo-fuzz
	$(BIN)/python -m benchmarks fuzz $(FUZZ_ARGS)

clean:
	rm -rf $(VENV) target build dist src/meshperf/_bin src/meshperf/_native*.so
