"""The servers that `bench.reads` compares with: how each is started, and which of them this machine lacks."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

import httpx

from bench.bare import BODY
from tests.house import House, free_port


class Peer(NamedTuple):
    command: list[str]
    url: str


@contextmanager
def running(peer: Peer) -> Iterator[str]:
    """A server, until it is left; its URL once it answers."""
    process = subprocess.Popen(peer.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        ends = time.monotonic() + 20
        while not _answers(peer.url):
            if process.poll() is not None or time.monotonic() > ends:
                raise SystemExit(f"{' '.join(peer.command)} does not answer at {peer.url}")
            time.sleep(0.05)
        yield peer.url
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def asgi(kind: Literal["bare", "static"], folder: Path, path: str) -> Peer:
    port = free_port()
    command = [sys.executable, "-m", "bench.bare", kind, str(folder), str(port)]
    return Peer(command, f"http://127.0.0.1:{port}{path}")


def bare_nginx(folder: Path, *, tuned: bool) -> Peer:
    """One worker, as our edge is one process; as it comes, or tuned as its own manual advises for static files."""
    port = free_port()
    name = "tuned" if tuned else "plain"
    file = folder / f"{name}.conf"
    tuning = "sendfile on; tcp_nopush on; open_file_cache max=100;" if tuned else ""
    # Else its worker is a user who may not read this folder.
    user = "user root; " if os.geteuid() == 0 else ""
    file.write_text(
        f"{user}daemon off; worker_processes 1; pid {folder}/{name}.pid; error_log {folder}/nginx.log;\n"
        f"events {{}}\nhttp {{ types {{ text/html html; }} access_log off; {tuning} keepalive_requests 1000000;\n"
        f"server {{ listen 127.0.0.1:{port}; root {folder}; }} }}\n"
    )
    command = ["nginx", "-p", str(folder), "-c", str(file), "-e", str(folder / "nginx.log")]
    return Peer(command, f"http://127.0.0.1:{port}/{BODY}")


def front(kind: Literal["nginx", "varnish"], house: House, folder: Path, path: str) -> Peer:
    """With the configuration that we ship, in front of that house's edge; one worker of nginx, as everywhere here."""
    port, work = free_port(), folder / kind
    work.mkdir()
    file = work / "front.conf"
    listen = f"127.0.0.1:{port}"
    # Readers come straight to it, as they do here.
    wishes = ["--listen", listen, "--out", str(file), "--memory-mb", "64", "--outermost"]
    if kind == "nginx":
        wishes += ["--cache", str(work), "--teller", f"127.0.0.1:{free_port()}", "--user", getpass.getuser()]
        wishes += ["--rate", "0"]
    made = house.holdfast("edge-config", kind, *wishes)
    if made.returncode:
        raise SystemExit(f"holdfast edge-config {kind}: {made.stderr}")
    if kind == "nginx":
        file.write_text(file.read_text().replace("worker_processes auto;", "worker_processes 1;"))
        command = ["nginx", "-c", str(file), "-e", "stderr", "-g", f"daemon off; pid {work}/pid;"]
    else:
        command = ["varnishd", "-F", "-j", "none", "-n", str(work / "work"), "-a", listen, "-f", str(file)]
        command += ["-s", "malloc,64m", "-p", "http_gzip_support=off"]
    return Peer(command, f"http://{listen}{path}")


def left_out() -> dict[str, str]:
    """The rows that this machine can't give, and why."""
    programs = {"bare_nginx": "nginx", "plain_nginx": "nginx", "nginx": "nginx", "varnish": "varnishd"}
    return {
        row: f"{program} is not installed" for row, program in programs.items() if not shutil.which(program)
    }
