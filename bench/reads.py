"""Requests/s of one page from memory: our edge against a bare ASGI app that sends the same bytes and Starlette's StaticFiles;
and, where they are installed, our nginx against a bare one on the same file, and Varnish with our configuration.

All take turns in one run, by wrk, a server process each. The page is a real one, published by a real worker.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, NamedTuple

from rich.console import Console
from rich.table import Table

from bench.bare import BODY, HEADERS
from bench.grounds import machine
from bench.peers import asgi, bare_nginx, front, left_out, running
from tests.house import House

CONNECTIONS, ROUNDS, ROUND_S = 32, 5, 4.0
PAGE = "/mara"
WORDS = {
    "edge": "our edge",
    "bare": "bare ASGI app, same bytes",
    "static": "Starlette's StaticFiles",
    "nginx": "our nginx before our edge",
    "bare_nginx": "bare nginx, same file (sendfile, open files kept)",
    "plain_nginx": "the same, as it comes",
    "varnish": "Varnish, ours, before our edge",
}
FRONTS: tuple[Literal["nginx", "varnish"], ...] = ("nginx", "varnish")
RATIOS = {
    "edge_to_bare": ("edge", "bare"),
    "nginx_to_bare_nginx": ("nginx", "bare_nginx"),
    "nginx_to_plain_nginx": ("nginx", "plain_nginx"),
}
out = Console(stderr=True)


class Round(NamedTuple):
    per_s: float
    p50_ms: float
    p99_ms: float


def publish(house: House, folder: Path) -> str:
    """A page at our edge, and what it sends, for those who send the same; returns the page's address."""
    mara = house.sign_up("mara")
    mara.edit(
        bio="\n\n".join(f"Paragraph {number}. " + "Paints *boats* at sea. " * 18 for number in range(10))
    )
    mara.wait_settled()
    for _ in range(2):
        answer = house.visit(PAGE, **{"accept-encoding": "identity"})
    assert answer.headers["cache-status"] == "holdfast; hit", answer.headers
    (folder / BODY).write_bytes(answer.content)
    told = [(name, value) for name, value in answer.headers.multi_items() if name != "date"]
    (folder / HEADERS).write_text(json.dumps(told))
    return f"{house.edge}{PAGE}"


def wrk(url: str, connections: int, seconds: float) -> Round:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency", url]
    return told(
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
    )


def told(report: str) -> Round:
    """What wrk's report says; one with failed requests is no measurement."""
    if "Non-2xx" in report or "Socket errors" in report:
        raise SystemExit(f"Requests failed under load:\n{report}")
    per_s = float(_found(r"Requests/sec:\s+([\d.]+)", report)[0])
    p50, p99 = (_ms(*_found(rf"\s{share}%\s+([\d.]+)(us|ms|s)\n", report)) for share in (50, 99))
    return Round(per_s, p50, p99)


def _found(pattern: str, text: str) -> tuple[str, ...]:
    match = re.search(pattern, text)
    if not match:
        raise SystemExit(f"wrk did not tell {pattern}:\n{text}")
    return match.groups()


def _ms(value: str, unit: str) -> float:
    return float(value) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def compare(folder: Path, wanted: argparse.Namespace) -> dict[str, Any]:
    missing = left_out()
    for row, reason in missing.items():
        out.print(f"[dim]Left out: {WORDS[row]}; {reason}.[/]")
    with ExitStack() as stack:
        house = stack.enter_context(House(folder / "house"))
        urls = {"edge": publish(house, folder)}
        peers = {"bare": asgi("bare", folder, PAGE), "static": asgi("static", folder, f"/{BODY}")}
        if "bare_nginx" not in missing:
            peers["bare_nginx"] = bare_nginx(folder, tuned=True)
            peers["plain_nginx"] = bare_nginx(folder, tuned=False)
        for kind in FRONTS:
            if kind not in missing:
                peers[kind] = front(kind, house, folder, PAGE)
        for name, peer in peers.items():
            urls[name] = stack.enter_context(running(peer))
        rounds: dict[str, list[Round]] = {name: [] for name in urls}
        for url in urls.values():
            wrk(url, wanted.connections, 1.0)
        for number in range(wanted.rounds):
            for name, url in urls.items():
                rounds[name].append(wrk(url, wanted.connections, wanted.round_s))
                out.print(f"[dim]round {number + 1}, {WORDS[name]}: {rounds[name][-1].per_s:,.0f}/s[/]")
    return {
        "rows": {name: _middle(rounds[name]) for name in rounds},
        "ratios": {
            ratio: round(
                statistics.median(
                    one.per_s / other.per_s for one, other in zip(rounds[a], rounds[b], strict=True)
                ),
                2,
            )
            for ratio, (a, b) in RATIOS.items()
            if a in rounds and b in rounds
        },
        "left_out": missing,
        "page_bytes": (folder / BODY).stat().st_size,
        "connections": wanted.connections,
        "machine": machine(),
    }


def _middle(rounds: list[Round]) -> dict[str, float]:
    """The median of each column."""
    return {
        name: round(statistics.median(column), 2)
        for name, column in zip(Round._fields, zip(*rounds, strict=True), strict=True)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--round-s", type=float, default=ROUND_S)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    wanted, _ = parser.parse_known_args()
    if not shutil.which("wrk"):
        out.print("bench.reads needs wrk (Debian's package of that name).")
        return
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as name:
        folder = Path(name)
        (folder / "house").mkdir()
        result = compare(folder, wanted)
    if wanted.json:
        print(json.dumps(result))
        return
    table = Table("One page from memory", "requests/s", "p50 ms", "p99 ms")
    for name, row in result["rows"].items():
        table.add_row(WORDS[name], f"{row['per_s']:,.0f}", f"{row['p50_ms']:.2f}", f"{row['p99_ms']:.2f}")
    Console().print(table)
    for ratio, value in result["ratios"].items():
        print(f"{ratio.replace('_', ' ')}: {value} (median of {wanted.rounds} rounds).")


if __name__ == "__main__":
    main()
