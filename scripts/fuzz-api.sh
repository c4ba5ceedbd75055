#!/usr/bin/env bash
# Starts a node on a small generated city, has an independent validator read its OpenAPI document, and lets an independent
# fuzzer call every operation: no 5xx, no undocumented status, no answer that breaks its schema.
#   PULSE            the binary (default: target/debug/pulse)
#   FUZZ_EXAMPLES    requests per operation and phase (default: 40)
set -euo pipefail
cd "$(dirname "$0")/.."

pulse=${PULSE:-target/debug/pulse}
venv=target/fuzz
requirements=scripts/fuzz-requirements.txt
work=$(mktemp -d)
node=
# shellcheck disable=SC2329 # the trap calls it
stop() {
    local status=$?
    if [[ -n $node ]]; then
        kill "$node" 2>/dev/null || true
        wait "$node" 2>/dev/null || true
    fi
    if [[ $status -ne 0 && -s $work/node.log ]]; then
        echo "The last lines of the node:" >&2
        tail -n 20 "$work/node.log" >&2
    fi
    rm -rf "$work"
}
trap stop EXIT

if ! cmp -s "$requirements" "$venv/installed.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
    cp "$requirements" "$venv/installed.txt"
fi

# The fuzzer names an address per request, so the node has to believe it.
NO_COLOR=1 PULSE_EDGE__ACCESS__TRUSTED_PROXIES='["127.0.0.0/8"]' \
    "$pulse" demo --quiet --shops 200 --people 60 --data "$work/data" --listen 127.0.0.1:0 --json \
    >"$work/node.json" 2>"$work/node.log" </dev/null &
node=$!
for _ in $(seq 600); do
    [[ -s $work/node.json ]] && break
    kill -0 "$node" 2>/dev/null || { echo "The node has stopped before it was ready." >&2; exit 1; }
    sleep 0.1
done
url=$(python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())["url"])' <"$work/node.json")

curl --silent --show-error --fail --output "$work/openapi.json" "$url/openapi.json"
"$venv/bin/openapi-spec-validator" "$work/openapi.json"

outcome=0
# A stream that does not end is no answer that a fuzzer could wait for. The health checks are about how inputs are
# generated, and depend on the ids of the run; they say nothing about the node.
PULSE_FUZZ_URL=$url PULSE_FUZZ_DATA=$work/data PULSE_FUZZ_REACHED=$work/reached.txt \
    PYTHONPATH=scripts PYTHONDONTWRITEBYTECODE=1 SCHEMATHESIS_HOOKS=fuzz_hooks \
    "$venv/bin/schemathesis" run "$work/openapi.json" --url "$url" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
    --exclude-path-regex ':watch$' \
    --phases examples,coverage,fuzzing --mode all --max-examples "${FUZZ_EXAMPLES:-40}" --seed 1 \
    --suppress-health-check data_too_large,filter_too_much,too_slow \
    --workers 1 --request-timeout 20 --continue-on-failure --warnings off --no-color || outcome=$?

reached=$(wc -l <"$work/reached.txt")
all=$(python3 -c 'import json, sys; print(sum(len(path) for path in json.load(sys.stdin)["paths"].values()))' \
    <"$work/openapi.json")
echo "fuzz: $reached of $all operations answered with success at least once"
if ((reached * 2 < all)); then
    echo "fuzz: too few; the fuzzer does not get in" >&2
    exit 1
fi
exit "$outcome"
