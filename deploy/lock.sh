#!/bin/sh
# Makes requirements.lock and requirements-dev.lock from pyproject.toml, for every platform and Python
# from 3.11 on. Each line holds its hashes; no line says where a library came from: that is pip's setting.
set -eu
exec </dev/null

compile() {
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
        --extra build "$@" pyproject.toml
}

compile "$@" --output-file requirements.lock
# What runs in tests is what runs in production, to the version.
compile "$@" --extra dev --constraints requirements.lock --output-file requirements-dev.lock
echo "lock: $(grep -c '^[a-z0-9]' requirements.lock) libraries to run, $(grep -c '^[a-z0-9]' requirements-dev.lock) to work on it."
