#!/usr/bin/env bash
# Runs every test of the workspace. One process per test binary, because the tests of a binary share the database
# servers that they start; documentation examples come first, so that the last lines are those of the suite.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo test --locked --workspace --doc --quiet
exec cargo test --locked --workspace --all-targets --no-fail-fast
