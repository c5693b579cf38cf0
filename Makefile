# Two commands matter: `make run` and `make test`. Both set up what a fresh Debian machine with Rust and Node lacks.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export CARGO_TERM_PROGRESS_WHEN ?= auto

WEB_SOURCES := $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -type f -print 2>/dev/null)

.PHONY: help run test check web-test rust-test e2e vm-test fuzz bench screenshots fmt clean

help: ## This list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

run: web/dist/index.html ## Build everything and serve on http://coditect.localhost:8080, state under ./data
	@scripts/setup run
	@cargo build --quiet --release --package coditect-server
	@cargo xtask agent target/release/coditect-agent
	@exec target/release/coditect serve

test: ## Every check and test, browser tests included
	@scripts/setup test
	@$(MAKE) web-test check rust-test e2e
	@echo "make test: everything passed"

check: web/dist/index.html tools/openapi-types/node_modules/.installed ## Formatting, lints and tidiness
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	cargo xtask tidy
	cargo xtask generate --check

web-test: web/dist/index.html ## Types, lints and unit tests of the web app
	npm --prefix web test

rust-test: web/dist/index.html target/test/coditect-agent ## Unit and integration tests of every crate
	cargo test --workspace --quiet

e2e: web/dist/index.html target/test/coditect-agent ## The real binary in a real browser
	cargo build --quiet --package coditect-server
	node --test --test-concurrency=1 --test-reporter=spec tests/e2e/*.test.mjs

bench: web/dist/index.html ## Side-by-side measurements; tables on screen, JSON in bench/out
	@scripts/setup bench
	cargo build --quiet --release --package coditect-server --package coditect-bench
	cargo xtask agent target/release/coditect-agent
	target/release/coditect-bench

vm-test: target/test/coditect-agent ## Kernel tests again on cgroup version 2, in a machine of QEMU (five to ten minutes, root)
	@scripts/setup test
	@scripts/setup vm
	tests/vm/run

fuzz: ## Every fuzzer for FUZZ_S seconds (60)
	@scripts/setup fuzz
	fuzz/run $(or $(FUZZ_S),60)

fmt: ## Format everything
	cargo fmt --all

clean: ## Remove build output (not ./data)
	cargo clean
	rm -rf web/dist web/node_modules tools/openapi-types/node_modules

.PHONY: target/test/coditect-agent
target/test/coditect-agent:
	@cargo xtask agent target/test/coditect-agent

web/node_modules/.installed: web/package-lock.json web/package.json
	@scripts/setup run
	npm --prefix web ci --no-audit --no-fund --loglevel=error
	@touch $@

tools/openapi-types/node_modules/.installed: tools/openapi-types/package-lock.json
	npm --prefix tools/openapi-types ci --no-audit --no-fund --loglevel=error
	@touch $@

web/dist/index.html: web/node_modules/.installed $(WEB_SOURCES)
	npm --prefix web run build
	@touch $@
