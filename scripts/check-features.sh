#!/usr/bin/env bash
# Checks that no crate is compiled with two sets of features: by the node, by build scripts, or by tests. Otherwise `make
# test` would compile crates again after `make demo`. What differs belongs into crates/features/Cargo.toml.
set -euo pipefail
cd "$(dirname "$0")/.."

sets=$(
    for edges in normal,build normal,build,dev; do
        cargo tree --locked --workspace --edges "$edges" --prefix none --format '{p} {f}'
    done | sed 's/ (\*)$//' | grep -v '^pulse-testkit ' | sort -u
)
twice=$(awk '{ print $1, $2 }' <<<"$sets" | sort | uniq -d)
if [[ -n $twice ]]; then
    echo "features: compiled more than once; unify the features in crates/features/Cargo.toml:" >&2
    grep -F -f <(sed 's/$/ /' <<<"$twice") <<<"$sets" >&2
    exit 1
fi
echo "features: $(wc -l <<<"$sets") crates, each with one set of features"
