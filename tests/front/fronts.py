"""Real nginx and Varnish with the configurations that `holdfast edge-config` makes, and a client that sends what it is told."""

from __future__ import annotations

import getpass
import gzip
import http.client
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import brotli

from cli.fronts import Kind, Wishes, draw
from core.purge_targets import Nginx, Varnish
from core.settings import Settings, SiteSettings
from core.store import PurgePath
from pipeline.purge.opening import open_target
from pipeline.purge.targets import Batch
from tests.house import free_port

READY_S = 50.0


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> bytes:
        """Decompressed."""
        match self.headers.get("content-encoding", ""):
            case "br":
                return brotli.decompress(self.raw) if self.raw else b""
            case "gzip":
                return gzip.decompress(self.raw) if self.raw else b""
            case _:
                return self.raw


class _Plainly(http.client.HTTPConnection):
    def _encode_request(self, request: str) -> bytes:
        return request.encode("latin-1")


def ask(port: int, method: str, path: str, source: str = "127.0.0.1", **headers: str) -> Reply:
    """Sends the path as it is, and no header but those named and Host (this machine's, unless it is named)."""
    connection = _Plainly("127.0.0.1", port, timeout=30, source_address=(source, 0))
    try:
        connection.putrequest(method, path, skip_host="host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        response = connection.getresponse()
        found: dict[str, str] = {}
        for name, value in response.getheaders():
            name = name.lower()
            found[name] = f"{found[name]}, {value}" if name in found else value
        return Reply(response.status, found, response.read())
    finally:
        connection.close()


@dataclass
class Front:
    kind: Kind
    port: int
    folder: Path
    wishes: Wishes
    site: SiteSettings
    pid: int

    @property
    def memory_bytes(self) -> int:
        """Of all its processes, without what they share with files."""
        found = 0
        for pid in _family(self.pid):
            fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            found += int(fields["RssAnon"].split()[0]) * 1024
        return found

    def ask(self, method: str, path: str, **headers: str) -> Reply:
        return ask(self.port, method, path, **headers)

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, **headers)

    def purge(self, path: str, *tags: str, hard: bool = True) -> None:
        """By the worker's own adapter: nginx by path and encoding, Varnish by tag, folders by a ban."""
        addresses = (f"http://127.0.0.1:{self.port}",)
        settings: Nginx | Varnish = (
            Nginx(kind="nginx", name="front", addresses=addresses)
            if self.kind == "nginx"
            else Varnish(kind="varnish", name="front", addresses=addresses)
        )
        target = open_target(settings, self.site)
        paths = (PurgePath(unquote(path), "", hard),)
        try:
            target.purge(Batch("purge1234", int(time.time()), tags, paths, hard))
        finally:
            target.close()


@contextmanager
def front(kind: Kind, folder: Path, settings: Settings, **wishes: object) -> Iterator[Front]:
    """The server, answering; it ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    wanted = Wishes(**{**_defaults(folder, port), **wishes})  # type: ignore[arg-type]
    file = folder / f"{kind}.conf"
    file.write_text(draw(kind, settings, wanted))
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            _command(kind, folder, file, port), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        _await(process, port, folder / "log.txt")
        yield Front(kind, port, folder, wanted, settings.site, process.pid)
    finally:
        process.terminate()
        process.wait(20)
        # Varnish has taken all of it, and pytest keeps folders: the disk would be full of them.
        _transient(folder).unlink(missing_ok=True)


def _defaults(folder: Path, port: int) -> dict[str, object]:
    return {
        "listen": (f"127.0.0.1:{port}",),
        "cache": str(folder),
        "teller": f"127.0.0.1:{free_port()}",
        # Whoever runs the tests: pytest's folders are theirs alone.
        "user": getpass.getuser(),
    }


def _command(kind: Kind, folder: Path, file: Path, port: int) -> list[str]:
    if kind == "nginx":
        return ["nginx", "-c", str(file), "-e", "stderr", "-g", f"daemon off; pid {folder}/pid;"]
    switches = ["-p", "http_gzip_support=off", "-p", "feature=+http2", "-s", "malloc,64m", "-j", "none"]
    switches += ["-s", f"Transient=file,{_transient(folder)},1g"]
    return [
        "varnishd",
        "-F",
        "-a",
        f"127.0.0.1:{port}",
        "-f",
        str(file),
        "-n",
        str(folder / "work"),
        *switches,
    ]


def _transient(folder: Path) -> Path:
    return folder / "transient"


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in _family(int(child)))]


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    ends = time.monotonic() + READY_S
    while True:
        try:
            if ask(port, "GET", "/-/health").status == 200:
                return
        except OSError:
            assert process.poll() is None, log.read_text()
        assert time.monotonic() < ends, log.read_text()
        time.sleep(0.02)
