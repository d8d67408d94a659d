"""Real Caddy with the file that we ship: a certificate for a creator's domain with its first reader, and for no other."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.gateway.build import program
from core import keys
from core.rank import Rank, stamp_json
from tests.edge.conftest import Site, serving
from tests.house import free_port

pytestmark = [pytest.mark.server("caddy"), pytest.mark.timeout(120)]

SHIPPED = Path(__file__).parent.parent.parent / "deploy" / "caddy" / "Caddyfile"


class Caddy:
    """Started with certificates of its own making instead of an authority's, on ports of this machine."""

    def __init__(self, folder: Path, edge: int) -> None:
        self.port, plain = free_port(), free_port()
        ours = f"admin off\n\tlocal_certs\n\tskip_install_trust\n\tdefault_bind 127.0.0.1\n\thttp_port {plain}\n\thttps_port {self.port}\n"
        text = SHIPPED.read_text().replace("{\n", f"{{\n\t{ours}\tstorage file_system {folder}/kept\n", 1)
        (folder / "Caddyfile").write_text(text)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "HOLDFAST_HOSTS": "people.example.org",
            "HOLDFAST_EDGE_AT": f"127.0.0.1:{edge}",
        }
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [program("caddy"), "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_ready(self) -> None:
        ends = time.monotonic() + 60
        while self.status_line("people.example.org", "/-/health") != "HTTP/1.1 200 OK":
            assert self.process.poll() is None and time.monotonic() < ends, self.log.read_text()
            time.sleep(0.05)

    def get(self, host: str, path: str) -> str:
        """The whole answer, by TLS for that name; raises ssl.SSLError where there is no certificate."""
        context = ssl.create_default_context(cadata=self.root())
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            secure.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            return b"".join(iter(lambda: secure.recv(65536), b"")).decode()

    def status_line(self, host: str, path: str) -> str:
        try:
            return self.get(host, path).partition("\r\n")[0]
        except OSError:  # not yet
            return ""

    def root(self) -> str:
        """Who signed them."""
        return (self.log.parent / "kept/pki/authorities/local/root.crt").read_text()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


@pytest.fixture
def site(new_site: Callable[..., Site]) -> Site:
    site = new_site(url="https://people.example.org")
    site.put_page("Paints boats.")
    site.put_page("A long day.", key="ann/posts/day/index.html")
    site.put(keys.HOME, b"<p>Home.")
    body = stamp_json('{"username":"ann"}', Rank(1, 1, 1, 1))
    site.put(keys.domain("ann.example"), body, type="application/json")
    return site


@pytest.fixture
def caddy(site: Site, tmp_path: Path) -> Iterator[Caddy]:
    folder = tmp_path / "caddy"
    folder.mkdir()
    with serving(site.app) as edge:
        caddy = Caddy(folder, edge)
        try:
            caddy.wait_ready()
            yield caddy
        finally:
            caddy.stop()


def test_domains_get_certificates_if_and_only_if_a_page_has_them(site: Site, caddy: Caddy) -> None:
    assert "Home." in caddy.get("people.example.org", "/")
    for host in ("ann.example", "www.ann.example"):
        page = caddy.get(host, "/")
        assert "Paints boats." in page
        assert "\r\nstrict-transport-security: max-age=31536000\r\n" in page.lower()
        assert "A long day." in caddy.get(host, "/posts/day")
    for host in ("bob.example", "other.example.org"):
        with pytest.raises(ssl.SSLError):
            caddy.get(host, "/")
    assert caddy.status_line("ann.example", "/-/domains/ask?domain=ann.example") == "HTTP/1.1 404 Not Found"
    asked = [call for call in site.storage.calls if "_domains" in call]
    assert sorted(asked) == [
        f"get _domains/{domain}.json" for domain in ("ann.example", "bob.example", "other.example.org")
    ]
