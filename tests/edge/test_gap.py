"""A paused edge process doesn't know what it missed: when it goes on, storage is asked before anything is answered."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from core.objects import Headers
from core.objects.folder import FolderObjects
from tests.edge.conftest import HTML, signed
from tests.house import free_port

SECRET = "the secret of a test, and of nobody else"
SILENCE_S = 3.0


class Edge:
    """`holdfast serve edge` in a process of its own."""

    def __init__(self, data: Path) -> None:
        port = free_port()
        self.objects = FolderObjects(data / "public")
        environment = {
            "HOLDFAST_PURGE__SECRET": SECRET,
            "HOLDFAST_PURGE__HEARTBEAT_S": str(SILENCE_S / 3),
            "HOLDFAST_EDGE__FRESH_S": "600",
        }
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "cli.main",
                "serve",
                "edge",
                "--data",
                str(data),
                "--edge",
                f"127.0.0.1:{port}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | environment,
        )
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10)

    def publish(self, words: str) -> None:
        self.objects.put("ann/index.html", words.encode(), Headers(type=HTML), durable=False)

    def call(self) -> None:
        body = '{"number": 1, "purges": []}'
        secret = base64.b64encode(SECRET.encode()).decode()
        assert self.http.post("/-/purge", content=body, headers=signed(body, secret)).status_code == 200

    def read(self) -> str:
        return self.http.get("/ann").text


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    edge = Edge(tmp_path)
    try:
        for _ in range(600):
            try:
                edge.http.get("/-/health")
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield edge
    finally:
        edge.http.close()
        edge.process.send_signal(signal.SIGCONT)
        edge.process.terminate()
        edge.process.wait(20)


@pytest.mark.parametrize("called", [False, True], ids=["read first", "called first"])
def test_a_paused_edge_asks_storage_before_it_answers(edge: Edge, called: bool) -> None:
    edge.publish("boats")
    edge.call()
    assert edge.read() == "boats"
    edge.publish("ships")
    edge.call()
    assert edge.read() == "boats", "it trusts what it has, as long as it is called"
    edge.process.send_signal(signal.SIGSTOP)
    time.sleep(SILENCE_S + 0.5)
    edge.process.send_signal(signal.SIGCONT)
    if called:
        edge.call()
    assert edge.read() == "ships"
