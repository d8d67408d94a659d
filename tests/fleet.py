"""A fleet for tests and rehearsals: several ingests, workers and edges as processes of their own against one cluster."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from cli.client import Client
from tests.house import PASSWORD, free_port

READY_S, STOP_S = 60.0, 25.0
ROOT = Path(__file__).parents[1]
SKEW = Path(__file__).parent / "skew"


class Member:
    """One process of the fleet: `holdfast` with these arguments. `log` holds its events, JSON a line."""

    def __init__(self, name: str, arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.name, self.log = name, log
        self._arguments, self._environment = arguments, dict(environment)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, clock_offset_s: float = 0.0, *, fault: str = "", **settings: str) -> None:
        """Starts it; `clock_offset_s` is how wrong its clock is, `fault` one of tests/faults/faulty.py. These `settings`
        are for this time only."""
        environment = self._environment | {"TEST_FAULT": fault}
        environment |= {f"HOLDFAST_{name.upper()}": value for name, value in settings.items()}
        if clock_offset_s:
            environment |= {"PYTHONPATH": str(SKEW), "TEST_CLOCK_OFFSET_S": str(clock_offset_s)}
        self.is_odd = bool(clock_offset_s or settings or fault)
        self._from = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.faulty" if fault else "cli.main", *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=ROOT,
            )

    is_odd = False
    """Whether it was started in another way than its fleet says."""
    _from = 0

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def paused(self) -> bool:
        """Whether it is stopped by a signal, by whomever."""
        if self.process is None or not self.alive:
            return False
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "T"

    def kill(self) -> None:
        """kill -9, also of one that is paused."""
        self._send(signal.SIGKILL)
        if self.process:
            self.process.wait()

    def pause(self) -> None:
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        self._send(signal.SIGCONT)

    def stop(self) -> None:
        """Lets it drain."""
        self._send(signal.SIGCONT)
        self._send(signal.SIGTERM)
        if self.process:
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def events(self, *names: str) -> Iterator[dict[str, Any]]:
        """What it has logged since it was last started; of those events, or all."""
        if not self.log.exists():
            return
        for line in self.log.read_bytes()[self._from :].decode(errors="replace").splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                event = {"event": line}
            if not names or event.get("event") in names:
                yield event

    def _send(self, number: signal.Signals) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)


class Fleet:
    """Members "ingest-1", "worker-1", "edge-1" … `settings` are HOLDFAST_SECTION__KEY variables without their prefix."""

    def __init__(
        self,
        folder: Path,
        store: Mapping[str, str],
        *,
        ingests: int = 2,
        workers: int = 2,
        edges: int = 2,
        **settings: str,
    ) -> None:
        self.folder, self.data = folder, folder / "data"
        folder.mkdir(parents=True, exist_ok=True)
        self.studios = [f"http://127.0.0.1:{free_port()}" for _ in range(ingests)]
        self.edges = [f"http://127.0.0.1:{free_port()}" for _ in range(edges)]
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")},
            **store,
            "HOLDFAST_DATA__DIR": str(self.data),
            "HOLDFAST_SITE__URL": self.edges[0],
            "HOLDFAST_STUDIO__URL": self.studios[0],
            "HOLDFAST_PURGE__EDGES": ",".join(self.edges),
            "HOLDFAST_STUDIO__WRITES_PER_MINUTE": "1000000",
            "HOLDFAST_STUDIO__LOGINS_PER_MINUTE": "1000000",
            "HOLDFAST_LOG__FORMAT": "json",
            **{f"HOLDFAST_{name.upper()}": value for name, value in settings.items()},
        }
        self.members: dict[str, Member] = {}
        for number, url in enumerate(self.studios, 1):
            self._add(f"ingest-{number}", ["serve", "ingest", "--studio", url.removeprefix("http://")])
        for number in range(1, workers + 1):
            self._add(f"worker-{number}", ["worker"])
        for number, url in enumerate(self.edges, 1):
            self._add(f"edge-{number}", ["serve", "edge", "--edge", url.removeprefix("http://")])
        self.http = httpx.Client(timeout=10.0, trust_env=False)
        self._creators: list[Creator] = []

    def _add(self, name: str, arguments: list[str]) -> None:
        self.members[name] = Member(name, arguments, self.environment, self.folder / f"{name}.log")

    def __getitem__(self, name: str) -> Member:
        return self.members[name]

    def start(self, clock_offsets_s: Mapping[str, float] | None = None) -> Fleet:
        """Starts all, those named with clocks that are wrong, and waits until they answer."""
        offsets = clock_offsets_s or {}
        # One worker first: it promotes the release; the others find it promoted.
        for name, member in self.members.items():
            member.start(offsets.get(name, 0.0))
        self.wait_ready()
        return self

    def restart(self, *names: str, **odd: Any) -> None:
        """kill -9 for these members, and started anew, as `Member.start` says; returns once they are ready."""
        for name in names:
            self[name].kill()
            self[name].start(**odd)
        self.wait_ready()

    def mend(self) -> None:
        """After a fault: what is paused goes on; what is dead, or was started in an odd way, is started as it should be."""
        for member in self.members.values():
            member.resume()
            if member.is_odd or not member.alive:
                member.kill()
                member.start()
        self.wait_ready()

    def wait_ready(self) -> None:
        """Until every ingest and edge that lives answers, and every worker that lives works."""
        for number, url in enumerate(self.studios, 1):
            self._await(self[f"ingest-{number}"], url)
        for number, url in enumerate(self.edges, 1):
            self._await(self[f"edge-{number}"], url)
        for member in self.workers:
            ends = time.monotonic() + READY_S
            while member.alive and not any(member.events("worker_ready")):
                assert time.monotonic() < ends, f"{member.name} does not get ready: {member.log}"
                time.sleep(0.05)

    @contextmanager
    def one_more_worker(self) -> Iterator[Member]:
        """For a while; it is killed in the end."""
        name = f"worker-{len(self.workers) + 1}"
        self._add(name, ["worker"])
        try:
            self[name].start()
            self.wait_ready()
            yield self[name]
        finally:
            self.members.pop(name).kill()

    @property
    def workers(self) -> list[Member]:
        return [member for name, member in self.members.items() if name.startswith("worker-")]

    def _await(self, member: Member, url: str) -> None:
        ends = time.monotonic() + READY_S
        while member.alive:
            try:
                if self.http.get(f"{url}/-/health").status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            assert time.monotonic() < ends, f"{member.name} does not answer: {member.log}"
            time.sleep(0.05)

    def holdfast(self, *arguments: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        """Runs another verb against the same store and data."""
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=timeout_s,
            check=False,
        )

    def visit(self, path: str, edge: int = 1) -> httpx.Response:
        """What a reader gets from that edge."""
        return self.http.get(self.edges[edge - 1] + path)

    def sign_up(self, username: str, ingest: int = 1) -> Creator:
        creator = Creator(self, username, ingest)
        self._creators.append(creator)
        return creator

    def stop(self) -> None:
        for member in self.members.values():
            member.resume()
            if member.alive and member.process:
                member.process.send_signal(signal.SIGTERM)
        for member in self.members.values():
            member.stop()

    def __enter__(self) -> Fleet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for creator in self._creators:
            creator.close()
        self.http.close()
        self.stop()


class Creator:
    """Somebody with a profile, who can work through any ingest. `acknowledged` are the edits that were, in order."""

    def __init__(self, fleet: Fleet, username: str, ingest: int = 1) -> None:
        self.fleet, self.username = fleet, username
        self._clients = [Client(url) for url in fleet.studios]
        made = self._clients[ingest - 1].sign_up(
            f"{username}@example.org", PASSWORD, username, username.title()
        )
        self.id: str = made["id"]
        self._known = {ingest}
        self.edit_number: int = made["edit"]
        self.acknowledged: list[tuple[int, str]] = []

    def client(self, ingest: int = 1) -> Client:
        """Logged in at that ingest."""
        client = self._clients[ingest - 1]
        if ingest not in self._known:
            client.log_in(f"{self.username}@example.org", PASSWORD)
            self._known.add(ingest)
        return client

    def edit(self, tagline: str, ingest: int = 1) -> dict[str, Any]:
        """One edit on the newest known; what the API answered. Raises Refused and Unavailable."""
        done = self.client(ingest).edit(self.id, self.edit_number, tagline=tagline)
        self.edit_number = done["edit"]
        self.acknowledged.append((done["edit"], tagline))
        return done

    def ask(self, method: str, path: str = "", ingest: int = 1, **rest: Any) -> httpx.Response:
        """A call to the API below this profile's address, and what came back, whatever it is. Raises httpx's errors."""
        return self.client(ingest)._http.request(method, f"/profiles/{self.id}{path}", **rest)

    def call_as(self, token: str, method: str, path: str, ingest: int = 1, **rest: Any) -> httpx.Response:
        """Any call to the API, with this token or none."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"{self.fleet.studios[ingest - 1]}/api/v1{path}"
        return self.fleet.http.request(method, url, headers=headers, timeout=30, **rest)

    def wait_live(
        self, revision: int | None = None, timeout_s: float = 60.0, ingest: int = 1
    ) -> dict[str, Any]:
        return self.client(ingest).wait_live(self.id, revision, timeout_s=timeout_s)

    def close(self) -> None:
        for client in self._clients:
            client.close()
