#!/usr/bin/env bash
# Runs benchmarks on a private PostgreSQL that flushes as in production: scripts/bench-on-postgres.sh hot-sku checkout
#   PULSE            the binary (default: target/dist/pulse)
set -euo pipefail
cd "$(dirname "$0")/.."

pulse=${PULSE:-target/dist/pulse}
binaries=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n 1)
work=$(mktemp -d)
as=()
if [[ $(id -u) -eq 0 ]]; then
    chown postgres: "$work"
    as=(runuser -u postgres --)
fi
# shellcheck disable=SC2329 # the trap calls it
stop() {
    "${as[@]}" "$binaries/pg_ctl" --pgdata "$work/data" --mode immediate --silent stop || true
    rm -rf "$work"
}
trap stop EXIT

"${as[@]}" "$binaries/initdb" --pgdata "$work/data" --auth trust --username postgres --encoding UTF8 --locale C.UTF-8 >/dev/null
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"${as[@]}" "$binaries/pg_ctl" --pgdata "$work/data" --log "$work/log" --wait --silent \
    --options "-p $port -h 127.0.0.1 -k $work" start
for name in "$@"; do
    "${as[@]}" "$binaries/createdb" --host 127.0.0.1 --port "$port" --username postgres "bench_${name//-/_}"
    "$pulse" bench "$name" --store "postgres://postgres@127.0.0.1:$port/bench_${name//-/_}" --json
done
