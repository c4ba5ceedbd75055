#!/usr/bin/env bash
# Runs every test of the workspace, and prints at the end what was tested on which engine. One process per test binary,
# because the tests of a binary share the database servers that they start.
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p target
log=target/tests.log
export PULSE_TEST_ENGINES=$PWD/target/tests-engines.txt
: >"$log"
: >"$PULSE_TEST_ENGINES"
status=0
for tests in --doc --all-targets; do
    cargo test --locked --workspace "$tests" --no-fail-fast 2>&1 | tee -a "$log" || status=1
done
python3 scripts/test-report.py "$log" "$PULSE_TEST_ENGINES" "$status" | tee target/tests-report.txt
exit "$status"
