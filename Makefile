# Two commands do everything: `make demo` and `make test`. The rest is for working on Pulse.
.DEFAULT_GOAL := help
.PHONY: help demo dist test bench crash fuzz coverage fmt lint servers

CARGO ?= cargo

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## start a living city on http://127.0.0.1:8080; needs no server
	@scripts/demo.sh

dist: ## build the binary to deploy: target/dist/pulse
	$(CARGO) build --profile dist --locked --package pulse --features full

test: servers lint ## install what the tests need, then run the whole suite
	$(CARGO) build --locked --workspace --all-targets
	PULSE=target/debug/pulse FUZZ_EXAMPLES=20 scripts/fuzz-api.sh
	scripts/run-tests.sh

bench: dist ## measure: every benchmark beside its reference
	for name in start edge nearby group-commit import hot-sku checkout; do target/dist/pulse bench $$name || exit 1; done

crash: dist ## kill a node under load, hundreds of times, and prove that nothing is lost
	target/dist/pulse crash-test --rounds $(or $(ROUNDS),300)
	PULSE_ORDER__QUEUED_PLACEMENT__START_ORDERS_PER_SECOND=2 PULSE_ORDER__QUEUED_PLACEMENT__STOP_ORDERS_PER_SECOND=1 target/dist/pulse crash-test --rounds $(or $(ROUNDS),300)

fuzz: servers ## run an independent fuzzer and an OpenAPI validator against a node
	$(CARGO) build --locked --bin pulse
	PULSE=target/debug/pulse scripts/fuzz-api.sh

coverage: ## report the line coverage of the domains; fails below 80 %
	$(CARGO) xtask coverage

fmt: ## format the code
	$(CARGO) fmt --all

lint: ## formatting, the rules of the repository, licences, clippy
	$(CARGO) fmt --all --check
	$(CARGO) xtask tidy
	$(CARGO) xtask licenses
	scripts/check-features.sh
	$(CARGO) clippy --locked --workspace --all-targets --features pulse/full -- -D warnings

servers: ## install the servers that the tests start for themselves
	scripts/install-servers.sh
	scripts/install-localstripe.sh
