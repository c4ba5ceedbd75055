#!/usr/bin/env bash
# Installs localstripe, a server that speaks Stripe's API, and Stripe's own library into target/localstripe, where the
# tests of payments look for them.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=target/localstripe
requirements=scripts/localstripe-requirements.txt
if ! cmp -s "$requirements" "$venv/installed.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
    cp "$requirements" "$venv/installed.txt"
fi
