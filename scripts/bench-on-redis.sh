#!/usr/bin/env bash
# Runs the benchmark of flash sales on a private Redis that keeps everything in memory: scripts/bench-on-redis.sh
#   PULSE            the binary (default: target/dist/pulse)
# More arguments go to the benchmark, for example --rounds 9.
set -euo pipefail
cd "$(dirname "$0")/.."

pulse=${PULSE:-target/dist/pulse}
work=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$work" >"$work/log" &
server=$!
# shellcheck disable=SC2329 # the trap calls it
stop() {
    kill "$server" && wait "$server" || true
    rm -rf "$work"
}
trap stop EXIT
until redis-cli -p "$port" ping >/dev/null 2>&1; do sleep 0.1; done
"$pulse" bench flash-sale-redis --redis "redis://127.0.0.1:$port/" --json "$@"
