#!/bin/sh
# Installs the real servers and tools that tests use: Chromium and ffmpeg, by apt-get as root on Debian.
# Elsewhere it says what is missing. What is already there is left alone.
set -eu
exec </dev/null

programs="chromium ffmpeg ffprobe"
# The fonts make screenshots of pages look as they do on a reader's screen.
packages="chromium ffmpeg fonts-dejavu-core fonts-noto-color-emoji"

missing=
for program in $programs; do
    command -v "$program" >/dev/null || missing="$missing $program"
done

if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    wanted=
    for package in $packages; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' ||
            wanted="$wanted $package"
    done
    if [ -n "$wanted" ]; then
        echo "servers: installing$wanted …"
        export DEBIAN_FRONTEND=noninteractive
        apt="apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3"
        log=$(mktemp)
        # shellcheck disable=SC2086  # both are lists of words
        if ! { $apt update && $apt install -y --no-install-recommends $wanted; } >"$log" 2>&1; then
            cat "$log" >&2
            rm -f "$log"
            echo "servers: apt-get could not install$wanted; its own words stand above." >&2
            exit 1
        fi
        rm -f "$log"
    fi
elif [ -n "$missing" ]; then
    echo "servers: missing:$missing" >&2
    echo "servers: install them with your system's packages, so that they are on PATH" >&2
    echo "servers: (on Debian, as root: apt-get install $packages)" >&2
    exit 1
fi
echo "servers: chromium and ffmpeg are here."
