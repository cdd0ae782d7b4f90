# The two commands a newcomer needs are `make demo` and `make test`; both set up what is missing first.
SHELL := /bin/sh
WORKSPACE ?= workspace
ROWS ?= 1000000

.PHONY: demo test lint bench build setup clean-demo

setup:
	@python3 scripts/setup.py demo

build: setup
	@cargo build --workspace --bins

demo: build
	@target/debug/kindred run examples/cdnow/kindred.yaml --workspace $(WORKSPACE)

test:
	@python3 scripts/setup.py peers
	@cargo build --workspace --bins
	@cargo test --workspace --no-fail-fast

lint:
	@python3 scripts/setup.py build
	@scripts/lint
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check; else echo "lint: cargo-deny is not installed (cargo install cargo-deny); skipped" >&2; fi

bench:
	@python3 scripts/setup.py bench
	@cargo build --workspace --bins
	@python3 benches/run.py --rows $(ROWS)

clean-demo:
	@rm -rf $(WORKSPACE)
