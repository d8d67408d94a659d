"""One S3 server: a process on a free port of loopback, with a folder of its own and keys made for it."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

from cli.gateway.build import Kind, Tell, prepare
from cli.life import Life, recorded, start
from core.errors import OperatorError

START_S, STOP_S, POLL_S = 30.0, 20.0, 0.02
HEALTH: dict[Kind, str] = {"versitygw": "/healthz", "minio": "/minio/health/ready"}
REGION = "us-east-1"
State = Literal["ready", "not ready", "paused", "down"]


class Record(NamedTuple):
    """What stands in a server's folder. The port is kept, so that it is found again after a stop."""

    kind: Kind
    port: int
    access_key: str
    secret_key: str


class Server:
    """It outlives who started it; `destroy` by anybody on the same folder ends it and removes its data."""

    def __init__(self, folder: Path, kind: Kind = "versitygw") -> None:
        """Opens the server of that folder, or makes a new one of that kind."""
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.record = self._recorded(kind)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.record.port}"

    @property
    def environment(self) -> dict[str, str]:
        """With which Holdfast, or any client of AWS, uses it."""
        return {
            "HOLDFAST_OBJECTS__BACKEND": "s3",
            "HOLDFAST_OBJECTS__ENDPOINT": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.record.access_key,
            "AWS_SECRET_ACCESS_KEY": self.record.secret_key,
        }

    @property
    def pid(self) -> int | None:
        life = self._life()
        return life.pid if life and life.state() else None

    def start(self, tell: Tell = lambda _: None) -> Server:
        """Returns once it answers."""
        made = prepare(self.record.kind, tell)
        self.resume()
        if not self.pid:
            self._boot(made)
        ends = time.monotonic() + START_S
        while not self.ready():
            if not self.pid or time.monotonic() > ends:
                raise OperatorError(
                    f"The S3 server in {self.folder} did not start: {self.folder}/out.log says why. If another program "
                    f"has taken port {self.record.port}, remove {self._file} and start it again."
                )
            time.sleep(POLL_S)
        return self

    def stop(self) -> None:
        """Its data stays."""
        self._send(signal.SIGTERM)
        self.resume()
        self._wait_gone()

    def kill(self) -> None:
        """As if its machine lost power."""
        self._send(signal.SIGKILL)
        self._wait_gone()

    def pause(self) -> None:
        """It keeps its connections and answers nothing, like a machine that hangs."""
        self._send(signal.SIGSTOP)
        # The kernel stops its threads a moment later.
        while (life := self._life()) and life.state() not in (None, "T"):
            time.sleep(POLL_S)

    def resume(self) -> None:
        self._send(signal.SIGCONT)

    def destroy(self) -> None:
        self.kill()
        for ours in (self._file, self._pid_file, self.folder / "out.log"):
            ours.unlink(missing_ok=True)
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        with suppress(OSError):
            self.folder.rmdir()

    def ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.record.port, timeout=2)
        try:
            connection.request("GET", HEALTH[self.record.kind])
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def state(self) -> State:
        life = self._life()
        letter = life.state() if life else None
        if letter is None:
            return "down"
        if letter == "T":
            return "paused"
        return "ready" if self.ready() else "not ready"

    # ── its process ──

    def _boot(self, made: Path) -> None:
        data = self.folder / "data"
        for folder in (data / "objects", data / "versions", data / "users"):
            folder.mkdir(parents=True, exist_ok=True)
        command, variables = _COMMANDS[self.record.kind](made, self.record, data)
        start(command, data, self.folder / "out.log", self._pid_file, {**os.environ, **variables})

    def _send(self, number: signal.Signals) -> None:
        if pid := self.pid:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _wait_gone(self) -> None:
        ends = time.monotonic() + STOP_S
        while self.pid:
            if time.monotonic() > ends:
                raise OperatorError(
                    f"The S3 server in {self.folder} (process {self.pid}) does not end: kill it."
                )
            time.sleep(POLL_S)

    def _life(self) -> Life | None:
        return recorded(self._pid_file)

    @property
    def _pid_file(self) -> Path:
        return self.folder / "pid"

    @property
    def _file(self) -> Path:
        return self.folder / "server.json"

    def _recorded(self, kind: Kind) -> Record:
        if not self._file.exists():
            with socket.create_server(("127.0.0.1", 0)) as probe:
                port = probe.getsockname()[1]
            made = Record(kind, port, f"holdfast{secrets.token_hex(4)}", secrets.token_hex(16))
            beside = self._file.with_suffix(".new")
            beside.touch(mode=0o600)
            beside.write_text(json.dumps(made._asdict()))
            beside.replace(self._file)
        return Record(**json.loads(self._file.read_text()))


def _versitygw(made: Path, record: Record, data: Path) -> tuple[list[str], dict[str, str]]:
    try:
        os.setxattr(data, "user.probe", b"1")
    except OSError:
        raise OperatorError(
            f"versitygw keeps ETags and headers in extended attributes, which the file system of {data} has not: choose "
            "another with --folder DIR"
        ) from None
    address = f"127.0.0.1:{record.port}"
    return (
        [
            *(str(made), "--port", address, "--health", HEALTH["versitygw"], "--quiet", "--keep-alive"),
            # So that there can be users besides the one that we make.
            *("--iam-dir", f"{data}/users"),
            *("posix", "--versioning-dir", f"{data}/versions", f"{data}/objects"),
        ],
        {"ROOT_ACCESS_KEY_ID": record.access_key, "ROOT_SECRET_ACCESS_KEY": record.secret_key},
    )


def _minio(made: Path, record: Record, data: Path) -> tuple[list[str], dict[str, str]]:
    return (
        [str(made), "server", "--quiet", "--address", f"127.0.0.1:{record.port}", f"{data}/objects"],
        {
            "HOME": str(data),
            "MINIO_ROOT_USER": record.access_key,
            "MINIO_ROOT_PASSWORD": record.secret_key,
            "MINIO_UPDATE": "off",
            "MINIO_BROWSER": "off",
            "MINIO_CI_CD": "1",
        },
    )


_COMMANDS = {"versitygw": _versitygw, "minio": _minio}
