"""`holdfast edge-config nginx|varnish`: a whole configuration for a cache in front of the edges, from the settings."""

from __future__ import annotations

import ipaddress
import re
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from cli.fronts import Wishes, draw
from cli.options import Flags, settings_for, with_flags
from core.errors import OperatorError

Many = list[str] | None


@with_flags
def edge_config(
    flags: Flags,
    kind: Annotated[Literal["nginx", "varnish"], typer.Argument(help="Which cache stands in front.")],
    names: Annotated[
        Many,
        typer.Option(
            "--name",
            metavar="HOST",
            help="Another host that is the site, as a CDN calls it; may be repeated.",
        ),
    ] = None,
    listen: Annotated[
        Many,
        typer.Option("--listen", metavar="[HOST:]PORT", help="Where readers come (80); may be repeated."),
    ] = None,
    tls: Annotated[
        Many, typer.Option("--tls", metavar="[HOST:]PORT", help="nginx: where they come by TLS and HTTP/2.")
    ] = None,
    certificate: Annotated[
        str, typer.Option(metavar="FILE", help="nginx: the certificate, with its chain.")
    ] = "",
    key: Annotated[str, typer.Option(metavar="FILE", help="nginx: the key to the certificate.")] = "",
    cache: Annotated[str, typer.Option(metavar="DIR", help="nginx: where it keeps pages.")] = Wishes.cache,
    size_gb: Annotated[int, typer.Option(min=1, help="nginx: how much it keeps there.")] = Wishes.size_gb,
    memory_mb: Annotated[int, typer.Option(min=16, help="Varnish: how much it keeps.")] = Wishes.memory_mb,
    purge_from: Annotated[
        Many,
        typer.Option(
            "--purge-from", metavar="NETWORK", help="Whose purges are obeyed (loopback); may be repeated."
        ),
    ] = None,
    per_s: Annotated[
        int,
        typer.Option("--rate", min=0, help="Requests a second from one address; 0 for any number."),
    ] = Wishes.per_s,
    teller: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="nginx: a free address on loopback, for itself.")
    ] = Wishes.teller,
    user: Annotated[
        str, typer.Option(metavar="NAME", help='nginx: as whom it works; "" for whoever starts it.')
    ] = Wishes.user,
    outermost: Annotated[
        bool, typer.Option("--outermost", help="No CDN stands before it: readers get no purge tags.")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there.")] = None,
) -> None:
    """Print a configuration for nginx or Varnish in front of the edges (purge.edges)."""
    wishes = Wishes(
        names=tuple(_host(name) for name in names or ()),
        listen=tuple(listen or Wishes.listen),
        tls=tuple(tls or ()),
        certificate=_plain(certificate, "--certificate"),
        key=_plain(key, "--key"),
        cache=_plain(cache, "--cache"),
        size_gb=size_gb,
        memory_mb=memory_mb,
        purge_from=tuple(map(_network, purge_from or Wishes.purge_from)),
        per_s=per_s,
        teller=_listener(teller, "--teller"),
        user=_plain(user, "--user"),
        outermost=outermost,
    )
    for flag, addresses in (("--listen", wishes.listen), ("--tls", wishes.tls)):
        for address in addresses:
            _listener(address, flag)
    text = draw(kind, settings_for(flags), wishes)
    if out:
        out.write_text(text, "utf-8")
    else:
        sys.stdout.write(text)


def _plain(word: str, flag: str) -> str:
    """A word that both configurations read as one."""
    if not re.fullmatch(r"[\w./@+-]*", word, re.ASCII):
        raise OperatorError(f"{flag} {word} holds signs that would need quoting: choose a plainer name")
    return word


def _host(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9.-]+", name.lower(), re.ASCII):
        raise OperatorError(f"--name {name} is not a host: write it as in origin.example.org, without a port")
    return name.lower()


def _listener(address: str, flag: str) -> str:
    found = re.fullmatch(r"(?:([\w.-]+|\[[0-9a-fA-F:]+\]):)?(\d{1,5})", address, re.ASCII)
    if not found or not 0 < int(found[2]) < 65536:
        raise OperatorError(f"{flag} {address} is not an address: write PORT or HOST:PORT")
    return address


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise OperatorError(
            f"--purge-from {text} is neither an address nor a network such as 10.0.0.0/8"
        ) from None
    return text
