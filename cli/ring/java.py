"""Finds the programs that a ring needs: a Java 17 and Maven; or says what to install."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from core.errors import OperatorError

# Debian keeps several versions beside each other, and PATH may lead to another than 17.
ELSEWHERE = "/usr/lib/jvm"
INSTALL = "`make servers` installs it (as root on Debian: apt-get install"


class Java(NamedTuple):
    """A java program, and all that it says of its version."""

    program: str
    version: str


def java_17() -> Java:
    """The first Java 17 of JAVA_HOME, PATH and Debian's own place. Cassandra 5.0 starts on no newer one."""
    found = []
    for program in _candidates():
        version = _version(program)
        if re.search(r'version "17[."]', version):
            return Java(program, version)
        found.append(version.partition("\n")[0])
    seen = f" (only {'; '.join(found)})" if found else ""
    raise OperatorError(
        f"A ring of Cassandra needs Java 17, and none was found{seen}. {INSTALL} openjdk-17-jre-headless)."
    )


def maven() -> str:
    program = shutil.which("mvn")
    if program is None:
        raise OperatorError(
            "Cassandra's jars are fetched by Maven, and there is no mvn on PATH. "
            f"{INSTALL} maven), and fetches them."
        )
    return program


def _candidates() -> Iterator[str]:
    if home := os.environ.get("JAVA_HOME"):
        yield f"{home}/bin/java"
    if program := shutil.which("java"):
        yield program
    yield from map(str, sorted(Path(ELSEWHERE).glob("*17*/bin/java")))


@cache
def _version(program: str) -> str:
    try:
        ran = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)
    except OSError as error:
        return f"{program}: {error.strerror}"
    return ran.stderr.strip()
