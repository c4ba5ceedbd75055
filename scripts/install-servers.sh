#!/usr/bin/env bash
# Installs what the tests start for themselves: Redis, PostgreSQL, MariaDB, promtool and a Python virtual environment.
# With root or passwordless sudo it installs what is missing; otherwise it prints the one line to run and stops.
# The tests start private servers on random ports. Nothing here relies on, starts or stops a system service.
set -euo pipefail

# package: the command that proves it (found also outside of PATH, where Debian keeps the servers)
needs=(
    redis-server:redis-server
    postgresql:postgres
    mariadb-server:mariadbd
    prometheus:promtool
    python3-venv:ensurepip
    curl:curl
)

installed() {
    local package=$1 command=$2
    case $command in
        ensurepip) python3 -c 'import ensurepip, venv' >/dev/null 2>&1 ;;
        postgres) compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null ;;
        *) command -v "$command" >/dev/null || [[ -x /usr/sbin/$command ]] ;;
    esac || dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed
}

missing=()
for need in "${needs[@]}"; do
    installed "${need%%:*}" "${need##*:}" || missing+=("${need%%:*}")
done
# A C compiler builds the bundled SQLite; a Rust toolchain alone does not bring one.
{ command -v cc && command -v make; } >/dev/null || missing+=(build-essential)
if [[ ${#missing[@]} -eq 0 ]]; then
    exit 0
fi

line="apt-get install --yes --no-install-recommends ${missing[*]}"
if ! command -v apt-get >/dev/null; then
    echo "This machine has no apt-get. The tests need: ${missing[*]} (or what your system calls them)." >&2
    exit 1
fi
if [[ $(id -u) -eq 0 ]]; then
    root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    root=(sudo -n)
else
    echo "The tests need a few servers. Run this once, then try again:" >&2
    echo "    sudo apt-get update && sudo $line" >&2
    exit 1
fi

# Keeps apt from starting the installed servers: the tests run their own. A policy that is already there stays.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
    "${root[@]}" chmod 755 "$policy"
    trap '"${root[@]}" rm -f "$policy"' EXIT
fi

echo "Installing: ${missing[*]}"
apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 --quiet)
# shellcheck disable=SC2086 # the line is a list of words
install() { "${apt[@]}" ${line#apt-get } </dev/null; }
# The package lists of a fresh machine may be absent or old: refresh them only when the first try fails.
install >/dev/null 2>&1 || { "${apt[@]}" update && install; }
