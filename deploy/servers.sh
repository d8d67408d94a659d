#!/bin/sh
# Installs the real servers and tools that tests use: bubblewrap, Chromium, ffmpeg, openssl, nginx, Varnish, Prometheus, wrk,
# and Cassandra (Java 17, Maven, and jars by Maven), by apt-get as root on Debian; and two S3 servers and Caddy, built by Go.
# Elsewhere it says what is missing. What is already there is left alone.
set -eu
exec </dev/null

programs="bwrap chromium ffmpeg ffprobe mvn nginx openssl prometheus varnishd wrk"
# The fonts make screenshots of pages look as they do on a reader's screen.
packages="bubblewrap chromium ffmpeg openssl fonts-dejavu-core fonts-noto-color-emoji"
packages="$packages nginx libnginx-mod-http-cache-purge prometheus varnish varnish-modules wrk"
# Often there without Debian's package: a developer's own.
command -v mvn >/dev/null || packages="$packages maven"

# Cassandra starts on no newer one. Debian keeps several beside each other; tests say that it keeps none.
has_java_17() {
    for java in java "${JVMS:-/usr/lib/jvm}"/*17*/bin/java; do
        "$java" -version 2>&1 | grep -q 'version "17[."]' && return
    done
    return 1
}

missing=
for program in $programs; do
    command -v "$program" >/dev/null || missing="$missing $program"
done
has_java_17 || {
    missing="$missing java-17"
    packages="$packages openjdk-17-jre-headless"
}

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
        # Tests start servers of their own; Debian's nginx, Varnish and Prometheus would start now, on ports that others may use.
        policy=${POLICY:-/usr/sbin/policy-rc.d}
        if [ ! -e "$policy" ]; then
            trap 'rm -f "$policy"' EXIT
            printf '#!/bin/sh\nexit 101\n' >"$policy"
            chmod +x "$policy"
        fi
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
.venv/bin/python -m cli.ring.jars
.venv/bin/python -m cli.gateway.build
echo "servers: bubblewrap, chromium, ffmpeg, openssl, nginx, varnish, prometheus, wrk, cassandra, versitygw, minio and caddy are here."
