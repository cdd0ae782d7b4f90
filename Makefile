# The two commands a newcomer needs are `make demo` and `make test`; both set up what is missing first.
SHELL := /bin/sh
WORKSPACE ?= workspace
ROWS ?= 1000000
DATA ?= data

.PHONY: demo test lint bench quality build setup clean-demo

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
	@python3 scripts/setup.py lint
	@scripts/lint
	@.setup/cargo-deny --offline check licenses bans sources

bench:
	@python3 scripts/setup.py bench
	@cargo build --workspace --bins
	@python3 benches/run.py --rows $(ROWS)

quality:
	@python3 scripts/setup.py peers
	@cargo build --workspace --bins
	@python3 benches/quality/run.py --data $(DATA)

clean-demo:
	@rm -rf $(WORKSPACE)
