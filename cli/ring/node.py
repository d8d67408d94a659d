"""One node of the ring: a process with a folder of its own, and an address of its own on loopback."""

from __future__ import annotations

import json
import os
import signal
import string
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cli.life import Life, recorded, start
from cli.ring.probe import answers
from core.errors import OperatorError

HERE = Path(__file__).parent
CLUSTER_NAME = "holdfast"
EXTRA = "extra.yaml"
POLL_S = 0.02
STOP_S = 60.0
# No JMX, so no nodetool and no port for it. Without any of the three openings it dies at its start.
# The small -Xms: as root, Cassandra locks its memory at the start, and all of -Xms becomes resident.
# ring_delay_ms: a node that boots while the other seeds are down would wait for 30 s.
# skip_wait_for_gossip_to_settle saves 8 s at each start, TieredStopAtLevel half of the start.
JAVA_FLAGS = (
    *("-Xms64m", "-Xmx256m", "-XX:MaxDirectMemorySize=128m"),
    *("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError"),
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-opens=java.base/jdk.internal.ref=ALL-UNNAMED",
    "-Dcassandra-foreground=yes",
    "-Dcassandra.ring_delay_ms=1000",
    "-Dcassandra.skip_wait_for_gossip_to_settle=0",
    "-Dcassandra.shutdown_announce_in_ms=0",
)

State = Literal["ready", "not ready", "paused", "down"]


@dataclass(frozen=True)
class Node:
    """All it knows of its process stands in its folder, so that another process can go on where one died."""

    number: int
    home: Path
    seeds: tuple[str, ...]
    token: int

    @property
    def address(self) -> str:
        return self.seeds[self.number - 1]

    @property
    def pid(self) -> int | None:
        """Its process, or None while it has none."""
        life = self._life()
        return life.pid if life and life.state() else None

    @property
    def paused(self) -> bool:
        life = self._life()
        return life is not None and life.state() == "T"

    def boot(self, java: str, jars: Path, *flags: str) -> None:
        """Starts its process, unless it lives; `ready` says when it answers."""
        if self.pid:
            return
        self.home.mkdir(parents=True, exist_ok=True)
        self._configure()
        command = [
            java,
            *JAVA_FLAGS,
            *flags,
            f"-Dcassandra.config={(self.home / 'cassandra.yaml').as_uri()}",
            f"-Dcassandra.logdir={self.home}",
            f"-Dlogback.configurationFile={HERE / 'logback.xml'}",
            *("-cp", f"{jars}/*", "org.apache.cassandra.service.CassandraDaemon"),
        ]
        start(command, self.home, self.home / "out.log", self._pid_file)

    def kill(self) -> None:
        """As if its machine lost power; a paused one too. Returns once it is gone."""
        self._send(signal.SIGKILL)
        self._wait_gone()

    def stop(self) -> None:
        """Lets it drain; returns once it is gone."""
        self.ask_to_stop()
        self._wait_gone()

    def ask_to_stop(self) -> None:
        # A paused process has to run to drain.
        self._send(signal.SIGTERM)
        self._send(signal.SIGCONT)

    def pause(self) -> None:
        """It keeps its connections and answers nothing, like a machine that hangs."""
        self._send(signal.SIGSTOP)
        # The kernel stops its threads a moment later.
        while self.pid and not self.paused:
            time.sleep(POLL_S)

    def resume(self) -> None:
        self._send(signal.SIGCONT)

    def ready(self) -> bool:
        """It answers, and sees every peer up."""
        return self.pid is not None and not self.paused and answers(self.address, len(self.seeds))

    def state(self) -> State:
        if self.pid is None:
            return "down"
        if self.paused:
            return "paused"
        return "ready" if self.ready() else "not ready"

    @property
    def _pid_file(self) -> Path:
        return self.home / "pid"

    def _life(self) -> Life | None:
        return recorded(self._pid_file)

    def _send(self, number: signal.Signals) -> None:
        if pid := self.pid:
            os.kill(pid, number)

    def _wait_gone(self) -> None:
        ends = time.monotonic() + STOP_S
        while self.pid:
            if time.monotonic() > ends:
                raise OperatorError(
                    f"{self.address} (process {self.pid}) does not end: {self.home}/system.log says why; "
                    f"`holdfast dev-cluster kill --node {self.number}` ends it without draining."
                )
            time.sleep(POLL_S)

    def _configure(self) -> None:
        template = string.Template((HERE / "cassandra.yaml.in").read_text())
        # A JSON string is a YAML string, whatever the path holds.
        folders = {
            name: json.dumps(str(self.home / name)) for name in ("data", "commitlog", "hints", "saved_caches")
        }
        text = template.substitute(
            folders, name=CLUSTER_NAME, listen=self.address, seeds=",".join(self.seeds), token=self.token
        )
        # What a rehearsal wants otherwise (TLS, say) stands in a file beside the nodes, and has the last word.
        extra = self.home.parent / EXTRA
        (self.home / "cassandra.yaml").write_text(text + (extra.read_text() if extra.exists() else ""))
