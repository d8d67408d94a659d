#!/bin/sh
# Makes .venv, or brings it up to date with a lock: `sh deploy/venv.sh requirements.lock`.
# Every library is checked against its hash. Needs Python 3.11 or newer and nothing else.
set -eu
exec </dev/null
lock=$1
home=$(pwd -P)

recent='import sys; sys.exit(sys.version_info < (3, 11))'

# The first Python that is new enough and can make environments, PYTHON of the caller before all.
# An old or half-installed one may come first on PATH, so each is asked rather than trusted by its name.
find_python() {
    bare=
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
        "$candidate" -c "$recent" 2>/dev/null || continue
        if "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
            echo "$candidate"
            return
        fi
        bare=${bare:-$candidate}
    done
    if [ -n "$bare" ]; then
        echo "holdfast: $bare is recent enough but cannot make environments: its venv module is missing." >&2
        echo "holdfast: on Debian or Ubuntu: apt-get install python3-venv" >&2
    else
        echo "holdfast: no Python 3.11 or newer was found." >&2
        echo "holdfast: install one, or name it: make run PYTHON=/path/to/python3" >&2
    fi
    return 1
}

# An environment holds its own path: one that was moved or copied would run the code of the old place.
if ! .venv/bin/python -c "$recent" 2>/dev/null || ! grep -qsF "$home/.venv" .venv/bin/activate; then
    python=$(find_python)
    echo "holdfast: making the environment in .venv with $("$python" --version) …"
    rm -rf .venv
    "$python" -m venv .venv
fi

echo "holdfast: fetching $(grep -c '^[a-z0-9]' "$lock") libraries, each checked against its hash (a minute or two the first time) …"
pip() {
    .venv/bin/python -m pip --disable-pip-version-check --no-input --quiet "$@"
}
if ! pip install --progress-bar off --require-hashes -r "$lock"; then
    echo "holdfast: pip could not install $lock; its own words stand above. The same command starts again where it stopped." >&2
    exit 1
fi
pip install --no-deps --no-build-isolation -e .
echo "holdfast: the environment is ready."
