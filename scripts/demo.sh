#!/usr/bin/env bash
# Compiles Pulse and runs the demo city. The artifacts are those of the tests: `make test` compiles nothing again.
# Arguments go to `pulse demo`.
set -euo pipefail
cd "$(dirname "$0")/.."

step() {
    printf '\n==> %s\n' "$*" >&2
}

if [[ -x target/debug/pulse ]]; then
    step "1/2 Compiling what has changed."
else
    step "1/2 Compiling Pulse and its dependencies: about 3 minutes on 2 cores the first time, seconds after that."
fi
cargo build --locked --bin pulse
step "2/2 Creating the city: 1,000 shops and 300 people, some seconds. Then it listens, and prints its addresses and what to
    try. Ctrl-C ends it; the next start continues with the same city."
exec target/debug/pulse demo "$@"
