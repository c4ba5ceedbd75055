#!/usr/bin/env bash
# Runs every test of the workspace: documentation examples first, so that the last lines are the summary of the suite.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo test --locked --workspace --doc --quiet
if cargo nextest --version >/dev/null 2>&1; then
    exec cargo nextest run --locked --workspace --all-targets --no-fail-fast
fi
exec cargo test --locked --workspace --all-targets --no-fail-fast
