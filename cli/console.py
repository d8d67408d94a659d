"""What `holdfast run` prints: the children's log lines as short sentences, and the words that win a newcomer over."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.markup import escape

from core.settings import Settings

_STYLES = {"error": "red", "critical": "red", "warning": "yellow"}
# What every edit causes is told by its receipt; repeating each step here would bury what matters.
_QUIET = {
    "published",
    "purged",
    "listening",
    "drained",
    "worker_ready",
    "worker_drained",
    "share",
    "purge",
    "request",
}
TOLD_S = 3.0
_HIDDEN = {"event", "level", "timestamp", "part", "exception"}


class Login(NamedTuple):
    """How to write on the sample site."""

    email: str
    password: str
    example: str


class Events:
    """The console; safe to use from any thread."""

    def __init__(self, out: Console, username_of: Callable[[str], str | None] = lambda _: None) -> None:
        self._out, self._username_of = out, username_of
        self._guard = threading.Lock()
        self._told: dict[str, float] = {}
        self._names: dict[str, str] = {}

    def say(self, what: str, words: str, style: str = "green") -> None:
        with self._guard:
            stamp = time.strftime("%H:%M:%S")
            self._out.print(f"[dim]{stamp}[/]  [{style}]{what:<9}[/] {escape(words)}")

    def heard(self, name: str, event: dict[str, Any]) -> None:
        """One log line of a child."""
        what, level = str(event.get("event", "")), str(event.get("level", "info"))
        if level in ("debug", "info") and what in _QUIET:
            return
        if what == "live":
            self._live(event)
            return
        if what == "rendition_made":
            self._told[str(event.get("profile", ""))] = time.monotonic()
            kib = int(event.get("bytes", 0)) / 1024
            self.say(
                "media",
                f"{self._who(event)}: {event.get('recipe')} made in {event.get('ms')} ms, {kib:,.0f} KiB",
                "magenta",
            )
            return
        if what == "signed_up":
            self.say("sign-up", f"@{event.get('username')}")
            return
        if what == "died":
            words = f"ended with code {event['code']}; started again in {event['again_in_s']:.1f} s"
            self.say(name, words, "red")
            return
        fields = "  ".join(f"{key}={value}" for key, value in event.items() if key not in _HIDDEN)
        self.say(name, f"{what}  {fields}".rstrip(), _STYLES.get(level, "blue"))
        if "exception" in event:
            self.say(name, str(event["exception"]).strip().splitlines()[-1], "red")

    def _live(self, event: dict[str, Any]) -> None:
        """One line for each edit; those that a finished rendition or the sample's own steps cause are told already."""
        profile, now = str(event.get("profile", "")), time.monotonic()
        told = now - self._told.get(profile, 0.0) < TOLD_S
        self._told[profile] = now
        if not told:
            self.say("live", f"{self._who(event)} at revision {event.get('revision')}", "cyan")

    def welcome(self, settings: Settings, login: Login | None, file: Path | None) -> None:
        """Where to read, where to write, one thing to try, how to stop. `file` is what --site named."""
        site, studio = settings.site.url + settings.site.path, settings.studio.url
        lines = [
            "",
            f"  [bold]Read[/]   {site}/{login.example if login else ''}",
            f"  [bold]Write[/]  {studio}",
        ]
        if login:
            lines[-1] += f"   log in as [bold]{escape(login.email)}[/] with [bold]{escape(login.password)}[/]"
        flags = f"{f'--site {file} ' if file else ''}--data {settings.data.dir}"
        lines += [
            "",
            f"  [bold]Stop[/]   Ctrl-C. Everything stays in {settings.data.dir.absolute()}",
            f"  [bold]Try[/]    stop it, then {sys.argv[0]} serve edge {flags} --edge {settings.edge.host}:{settings.edge.port}",
            "         No studio, no worker, no database: every page still reads.",
            "",
        ]
        with self._guard:
            for line in lines:
                self._out.print(line)

    def _who(self, event: dict[str, Any]) -> str:
        profile = str(event.get("profile", ""))
        if profile not in self._names and (found := self._username_of(profile)):
            self._names[profile] = f"@{found}"
        return self._names.get(profile, profile)
