"""Flags that every verb shares, and the settings they make: flags win over the environment, which wins over site.toml."""

from __future__ import annotations

import inspect
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from core.errors import OperatorError
from core.settings import PurgeSettings, Settings, SiteSettings, StudioSettings, load

SiteFile = Annotated[Path | None, typer.Option("--site", help="The settings file (default: ./site.toml).")]
DataDir = Annotated[Path | None, typer.Option("--data", help="Where everything is kept (data.dir).")]
StudioAddress = Annotated[
    str | None, typer.Option("--studio", metavar="HOST:PORT", help="Where the studio listens.")
]
EdgeAddress = Annotated[
    str | None, typer.Option("--edge", metavar="HOST:PORT", help="Where the edge listens.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


class Flags(NamedTuple):
    """What the shared flags said."""

    site: Path | None = None
    data: Path | None = None
    studio: str | None = None
    edge: str | None = None


def _shared(
    site: SiteFile = None, data: DataDir = None, studio: StudioAddress = None, edge: EdgeAddress = None
) -> Flags:
    return Flags(site, data, studio, edge)


def with_flags(verb: Callable[..., None]) -> Callable[..., None]:
    """Gives a verb the flags that all share; it gets them as its argument `flags`."""
    own = inspect.signature(verb, eval_str=True)
    shared = inspect.signature(_shared, eval_str=True).parameters
    kept = [one for one in own.parameters.values() if one.name != "flags"]

    def called(**given: Any) -> None:
        verb(flags=_shared(**{name: given.pop(name) for name in shared}), **given)

    called.__name__, called.__doc__ = verb.__name__, verb.__doc__
    parameters = [*kept, *shared.values()]
    # typer reads both of a function: its signature for the order, its annotations for the types.
    called.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {one.name: one.annotation for one in parameters}
    return called


def settings_for(flags: Flags) -> Settings:
    """Settings with the flags applied. Public addresses that were left at their defaults follow the listeners."""
    return following(flagged(flags))


def flagged(flags: Flags) -> Settings:
    """Settings with the flags applied, and nothing else."""
    settings = load(flags.site)
    changes: dict[str, Any] = {}
    if flags.data:
        changes["data"] = settings.data.model_copy(update={"dir": flags.data})
    if flags.studio:
        host, port = parse_address(flags.studio, "--studio")
        changes["studio"] = settings.studio.model_copy(update={"host": host, "port": port})
    if flags.edge:
        host, port = parse_address(flags.edge, "--edge")
        changes["edge"] = settings.edge.model_copy(update={"host": host, "port": port})
    return settings.model_copy(update=changes)


def following(settings: Settings) -> Settings:
    """Public URLs that say nothing of their own (the defaults) become the addresses of the listeners."""
    changes: dict[str, Any] = {}
    studio, edge = settings.studio, settings.edge
    if studio.url == StudioSettings().url:
        changes["studio"] = studio.model_copy(update={"url": reachable(studio.host, studio.port)})
    if settings.site.url == SiteSettings().url:
        changes["site"] = settings.site.model_copy(update={"url": reachable(edge.host, edge.port)})
    if settings.purge.edges == PurgeSettings().edges:
        changes["purge"] = settings.purge.model_copy(update={"edges": (reachable(edge.host, edge.port),)})
    return settings.model_copy(update=changes)


def reachable(host: str, port: int) -> str:
    """A listener as a URL that this machine can open: a wildcard address is reached by loopback."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"


def environment_of(settings: Settings, site: Path | None) -> dict[str, str]:
    """The environment of a child process that shall have these settings: the file they are from (`--site`, if it was given),
    and everything that flags or ports have changed."""
    return {
        **os.environ,
        **({"HOLDFAST_SITE": str(site.absolute())} if site else {}),
        "HOLDFAST_DATA__DIR": str(settings.data.dir.absolute()),
        "HOLDFAST_SITE__URL": settings.site.url,
        "HOLDFAST_STUDIO__HOST": settings.studio.host,
        "HOLDFAST_STUDIO__PORT": str(settings.studio.port),
        "HOLDFAST_STUDIO__URL": settings.studio.url,
        "HOLDFAST_EDGE__HOST": settings.edge.host,
        "HOLDFAST_EDGE__PORT": str(settings.edge.port),
        "HOLDFAST_PURGE__EDGES": ",".join(settings.purge.edges),
        "HOLDFAST_LOG__FORMAT": "json",
    }


def parse_address(text: str, flag: str) -> tuple[str, int]:
    """`host:port`, `:port` or `port`; OperatorError for anything else."""
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise OperatorError(
            f"{flag} {text} is not an address: write HOST:PORT, for example {flag} 127.0.0.1:8000"
        )
    return host.strip("[]") or "127.0.0.1", int(port)


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def profile_name(text: str) -> str:
    """`@ann` or `ann` as the operator writes a profile."""
    return text.removeprefix("@").lower()
