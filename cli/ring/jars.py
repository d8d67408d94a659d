"""Cassandra's jars, fetched by Maven, and a class archive for quicker starts: made once for each machine, kept in its cache.

`python -m cli.ring.jars` makes them ahead of time.
"""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cli.cache import kept
from cli.lock import alone
from cli.ring.java import Java, java_17, maven
from cli.ring.node import HERE, POLL_S, Node
from core.errors import OperatorError

TRAIN_S = 120.0
WORDS_MAX = 2000

Tell = Callable[[str], None]


class Jars(NamedTuple):
    """What a node is booted with."""

    java: str
    lib: Path
    flags: tuple[str, ...]

    def boot(self, node: Node) -> None:
        node.boot(self.java, self.lib, *self.flags)


def version() -> str:
    """Cassandra's, as the pom has it."""
    found = re.search(r"<cassandra.version>(.+)</cassandra.version>", (HERE / "pom.xml").read_text())
    assert found
    return found[1]


def cache() -> Path:
    return kept(f"cassandra-{version()}")


def prepare(tell: Tell) -> Jars:
    """All that is needed to boot; what isn't there yet is made, while others wait. `tell` hears what takes long."""
    java, folder = java_17(), cache()
    lib, archive = folder / "lib", folder / "classes.jsa"
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder / "lock"):
        _sweep(folder)
        if not lib.exists():
            tell(f"fetching Cassandra {version()} (70 MB, once for this machine)")
            _fetch(lib)
        # Java ignores an archive that another build of it has made, and starts slower: make it anew.
        made_by = folder / "java.txt"
        if not archive.exists() or not made_by.exists() or made_by.read_text() != java.version:
            tell("making an archive of its classes, for quicker starts (once for this machine)")
            _train(java, lib, archive)
            made_by.write_text(java.version)
    return Jars(java.program, lib, (f"-XX:SharedArchiveFile={archive}",))


def _sweep(folder: Path) -> None:
    """What a run that died has left; nobody else works here while we hold the lock."""
    for scratch in folder.glob("making-*"):
        _trial(scratch).kill()
        shutil.rmtree(scratch)


def _fetch(lib: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="making-", dir=lib.parent) as scratch:
        made = Path(scratch) / "lib"
        command = [
            *(maven(), "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"),
            *(f"-DoutputDirectory={made}", "-DincludeScope=runtime"),
        ]
        ran = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if ran.returncode:
            raise OperatorError(
                f"Maven could not fetch Cassandra {version()}:\n{ran.stdout.strip()[:WORDS_MAX]}\n"
                "Once its repository can be reached, `make servers` tries again."
            )
        made.replace(lib)


def _train(java: Java, lib: Path, archive: Path) -> None:
    """Boots one node, which at its end writes down the classes that it had loaded."""
    with tempfile.TemporaryDirectory(prefix="making-", dir=archive.parent) as scratch:
        made, node = Path(scratch) / archive.name, _trial(Path(scratch))
        try:
            node.boot(java.program, lib, f"-XX:ArchiveClassesAtExit={made}")
            ends = time.monotonic() + TRAIN_S
            while not node.ready():
                if not node.pid or time.monotonic() > ends:
                    raise OperatorError(
                        f"Cassandra {version()} did not start: {_words(node)}\n"
                        f"If its jars are broken, remove {lib.parent} and run `make servers`."
                    )
                time.sleep(POLL_S)
            node.stop()
        finally:
            node.kill()
        made.replace(archive)


def _trial(scratch: Path) -> Node:
    # An address that no ring gets: those begin at 127.1.
    return Node(1, scratch / "node1", (f"127.0.{1 + secrets.randbelow(254)}.42",), 0)


def _words(node: Node) -> str:
    return (node.home / "out.log").read_text(errors="replace").strip()[-WORDS_MAX:]


def main() -> None:
    try:
        prepare(lambda words: print(f"servers: {words} …", flush=True))
    except OperatorError as error:
        sys.exit(f"servers: {error}")


if __name__ == "__main__":
    main()
