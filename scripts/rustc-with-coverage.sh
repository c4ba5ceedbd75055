#!/bin/sh
# What cargo calls instead of rustc for the crates of the workspace alone, so that dependencies are not built again.
exec "$@" -C instrument-coverage
