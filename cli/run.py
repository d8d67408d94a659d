"""`holdfast run`: the whole of Holdfast on one machine, by one command, with one readable console."""

from __future__ import annotations

import signal
import threading
import time
import types
from typing import Annotated

import httpx
import typer
from rich.console import Console

from cli.console import Events
from cli.metrics import check_ports
from cli.options import Flags, environment_of, flagged, following, is_free, reachable, with_flags
from cli.supervise import Supervisor
from cli.wiring import promote, urls_of
from core.backends import open_backends, prove
from core.errors import OperatorError
from core.log import configure
from core.settings import LogSettings, Settings
from core.store import Store
from core.store.everyone import everyone
from generator.release import load_release

PORTS_TRIED = 50
READY_S = 60.0


@with_flags
def run(
    flags: Flags,
    sample: Annotated[bool, typer.Option(help="Load the sample site into an empty data folder.")] = True,
) -> None:
    """Run everything here: studio, edge and worker, restarted when they die. Ctrl-C drains and stops."""
    house = House(flags)
    house.open(sample=sample)
    house.stay()


class House:
    """Everything that `run` and `dev` keep going."""

    def __init__(self, flags: Flags) -> None:
        self.out = Console(highlight=False, soft_wrap=True)
        self._file = flags.site
        self.settings = following(_with_free_ports(flagged(flags), flags, self.out))
        check_ports(self.settings)
        configure(LogSettings(level="error"))
        self.events = Events(self.out, self._username_of)
        self.supervisor = Supervisor(
            self.settings.data.dir / "logs", environment_of(self.settings, self._file), self.events.heard
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)

    def open(self, *, sample: bool) -> None:
        """Promotes the release, starts the three processes, waits until they answer, and loads the sample site."""
        started = time.monotonic()
        is_empty = self._prepare()
        self.supervisor.start("studio", ["serve", "ingest"])
        self.supervisor.start("edge", ["serve", "edge"])
        self.supervisor.start("worker", ["worker"])
        for replica in self.settings.objects.replica:
            self.supervisor.start(f"worker-{replica.name}", ["worker", "--replica", replica.name])
        threading.Thread(target=self.supervisor.watch, name="supervisor", daemon=True).start()
        self._await_ready()
        self.events.say("ready", f"studio, edge and worker answer after {time.monotonic() - started:.1f} s")
        login = None
        if sample:
            from cli.sample import load_sample

            login = load_sample(self.settings, self.events, self.stopping, wanted=is_empty)
        if not self.stopping():
            self.events.welcome(self.settings, login, self._file)

    def stay(self) -> None:
        """Returns when a signal came and all children have drained."""
        while not self.stopping():
            time.sleep(0.2)
        self.out.print()
        self.events.say("stopping", "finishing what is under way (20 s at most)")
        killed = self.supervisor.drain()
        if killed:
            self.events.say(
                "killed", f"{', '.join(killed)} did not end in time; nothing acknowledged is lost"
            )
        store, self._store = self._store, None
        if store:
            store.close()
        self.events.say("stopped", f"everything is kept in {self.settings.data.dir.absolute()}")

    def _username_of(self, profile_id: str) -> str | None:
        """For the console: people know names, logs know ids."""
        head = self._store.profiles.head(profile_id) if self._store else None
        return head.name.username if head and head.name else None

    def stopping(self) -> bool:
        return self._ended.is_set()

    _ended = threading.Event()
    _store: Store | None = None

    def _end(self, _number: int, _frame: types.FrameType | None) -> None:
        self._ended.set()
        self.supervisor.stop()

    def _prepare(self) -> bool:
        """Makes store, buckets and roll-out; whether there is no profile yet."""
        settings = self.settings
        backends = open_backends(settings)
        prove((backends.public, backends.private))
        release = load_release(settings.site)
        rollout, fresh = promote(backends, release, urls_of(settings))
        is_empty = next(everyone(backends.store.profiles), None) is None
        self._store = backends.store
        self.events.say("data", f"{settings.data.dir.absolute()} (database, pages, media, logs)")
        word = "new, promoted" if fresh else "unchanged"
        self.events.say("release", f"{release.fingerprint[:12]}, roll-out {rollout.number} ({word})")
        if fresh and not is_empty:
            self.events.say(
                "rebuild", "pages of the older release stay up until `holdfast rebuild --all` replaces them"
            )
        return is_empty

    def _await_ready(self) -> None:
        wanted = {
            "studio": f"{reachable(self.settings.studio.host, self.settings.studio.port)}/-/health",
            "edge": f"{reachable(self.settings.edge.host, self.settings.edge.port)}/-/health",
        }
        ends = time.monotonic() + READY_S
        with httpx.Client(timeout=1.0, trust_env=False) as http:
            while wanted and not self.stopping():
                wanted = {name: url for name, url in wanted.items() if not _answers(http, url)}
                if time.monotonic() > ends:
                    self.supervisor.drain()
                    logs = self.settings.data.dir / "logs"
                    raise OperatorError(
                        f"{' and '.join(wanted)} did not start: see {logs}, or run `holdfast doctor`"
                    )
                if wanted:
                    time.sleep(0.05)


def _answers(http: httpx.Client, url: str) -> bool:
    try:
        return http.get(url).status_code == 200
    except httpx.HTTPError:
        return False


def _with_free_ports(settings: Settings, flags: Flags, out: Console) -> Settings:
    """A default port that is busy gives way to the next free one, and says so; one that was asked for does not."""
    taken: set[int] = set()

    def settle(host: str, port: int, asked: str | None, flag: str) -> int:
        if asked or port == 0:
            if port and not is_free(host, port):
                raise OperatorError(f"{host}:{port} is in use: choose another address with {flag} HOST:PORT")
            taken.add(port)
            return port
        for candidate in range(port, min(port + PORTS_TRIED, 65536)):
            if candidate not in taken and is_free(host, candidate):
                taken.add(candidate)
                if candidate != port:
                    out.print(
                        f"[yellow]Port {port} is in use; taking {candidate} (or choose: {flag} HOST:PORT).[/]"
                    )
                return candidate
        raise OperatorError(f"No port from {port} on is free: choose one with {flag} HOST:PORT")

    studio_port = settle(settings.studio.host, settings.studio.port, flags.studio, "--studio")
    edge_port = settle(settings.edge.host, settings.edge.port, flags.edge, "--edge")
    return settings.model_copy(
        update={
            "studio": settings.studio.model_copy(update={"port": studio_port}),
            "edge": settings.edge.model_copy(update={"port": edge_port}),
        }
    )
