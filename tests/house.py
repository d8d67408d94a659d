"""A whole Holdfast for tests and benchmarks: `holdfast run` in a folder of its own, on free ports, as a user starts it."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import httpx

from cli.client import Client

READY_S = 60.0
STOP_S = 25.0
PASSWORD = "correct horse battery"


def free_port() -> int:
    """Of those that the system never gives away by itself (Linux: from 32768 on), be it to a connection or to who binds port
    0: such a one would often be another's by the time it is used."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class House:
    """Studio, edge and worker as processes. `settings` are HOLDFAST_SECTION__KEY variables without their prefix."""

    def __init__(self, folder: Path, *verb: str, **settings: str) -> None:
        self.folder, self.data = folder, folder / "data"
        self.studio_port, self.edge_port = free_port(), free_port()
        self.studio, self.edge = f"http://127.0.0.1:{self.studio_port}", f"http://127.0.0.1:{self.edge_port}"
        self._verb = verb or ("run", "--no-sample")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")},
            **{f"HOLDFAST_{name.upper()}": value for name, value in settings.items()},
        }
        self.log = folder / "console.txt"
        self.process: subprocess.Popen[bytes] | None = None
        self._creators: list[Creator] = []
        self.http = httpx.Client(base_url=self.edge, timeout=10.0, trust_env=False)

    @property
    def flags(self) -> list[str]:
        """The flags that every verb shares."""
        return [
            "--data",
            str(self.data),
            "--studio",
            f"127.0.0.1:{self.studio_port}",
            "--edge",
            f"127.0.0.1:{self.edge_port}",
        ]

    def start(self) -> House:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cli.main", *self._verb, *self.flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
            )
        self.wait_ready()
        return self

    def wait_ready(self) -> None:
        for url in (self.studio, self.edge):
            self._await(url)

    def _await(self, url: str) -> None:
        ends = time.monotonic() + READY_S
        while True:
            try:
                if httpx.get(f"{url}/-/health", timeout=1, trust_env=False).status_code == 200:
                    return
            except httpx.HTTPError:
                if self.process and self.process.poll() is not None:
                    raise AssertionError(f"it ended: {self.console()}") from None
            if time.monotonic() > ends:
                raise AssertionError(f"{url} does not answer: {self.console()}")
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signals `holdfast run` and waits until it has drained; its exit code."""
        assert self.process
        self.process.send_signal(number)
        code = self.process.wait(STOP_S)
        self.process = None
        return code

    def holdfast(self, *arguments: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        """Runs another verb against the same data."""
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments, *self.flags],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=timeout_s,
            check=False,
        )

    def console(self) -> str:
        return self.log.read_text(errors="replace")

    def sign_up(self, username: str, name: str = "") -> Creator:
        creator = Creator(self, username, name or username.title())
        self._creators.append(creator)
        return creator

    def visit(self, path: str, **headers: str) -> httpx.Response:
        """What a reader gets from the edge."""
        return self.http.get(path, headers=headers)

    def __enter__(self) -> House:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()
        for creator in self._creators:
            creator.client.close()
        if self.process and self.process.poll() is None:
            self.stop()


class Creator:
    """Somebody with a profile, who works through the API."""

    def __init__(self, house: House, username: str, name: str) -> None:
        self.house, self.username = house, username
        self.client = Client(house.studio)
        made = self.client.sign_up(f"{username}@example.org", PASSWORD, username, name)
        self.id: str = made["id"]
        self.newest = 0

    def edit(self, **fields: object) -> dict[str, object]:
        """Changes the profile; what the API answered."""
        done = self.client.edit(self.id, self.client.profile(self.id)["edit"], **fields)
        self.newest = done["revision"]
        return done

    def post(self, **fields: object) -> dict[str, object]:
        done = self.client.write_post(self.id, **fields)
        self.newest = done["revision"]
        return done

    def upload(self, path: Path, **wish: str) -> str:
        return self.client.upload(self.id, path, **wish)

    def wait_live(self, *, media: bool = False, timeout_s: float = 60.0) -> dict[str, object]:
        return self.client.wait_live(
            self.id, None if media else self.newest or None, timeout_s=timeout_s, media=media
        )

    def wait_settled(self, *, timeout_s: float = 60.0) -> None:
        """Until all that was uploaded is shown, and the card is drawn, too: then pages stay as they are until an edit.

        A card on the page may be an early one, still with initials; so it is asked what there is to be made."""
        self.wait_live(media=True, timeout_s=timeout_s)
        ends = time.monotonic() + timeout_s
        while waiting := self._to_be_made():
            assert time.monotonic() < ends, f"{waiting} media are not made within {timeout_s:.0f} s"
        self.wait_live(media=True, timeout_s=timeout_s)

    def _to_be_made(self) -> int:
        """How many media, with the card."""
        told = self.house.holdfast("rebuild", "--media", f"@{self.username}", "--dry-run", "--json")
        assert told.returncode == 0, told.stderr
        return int(json.loads(told.stdout)["media"])
