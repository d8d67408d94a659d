"""Each thing that `holdfast doctor` looks at, broken once: it says so, and what mends it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest

import cli.checks.house
import cli.checks.machine
import core.objects.folder
import core.objects.folder_file
import pipeline.media.make
import templates
from core.backends import Backends
from core.errors import OperatorError
from core.objects import Headers
from core.settings import SiteSettings
from core.store import Failure
from core.store.sqlite.database import Database
from generator.release import load_release
from pipeline.media.make import Limits, find_ffmpeg
from pipeline.media.sandbox import Confinement
from tests.cli.conftest import Holdfast, Ran

NOBODY = ("--studio", "127.0.0.1:9", "--edge", "127.0.0.1:9")


class Found(NamedTuple):
    state: str
    said: str
    remedy: str


def found(ran: Ran, name: str) -> Found:
    """The worst that was found under that name."""
    checks = [one for one in ran.json["checks"] if one["name"] == name]
    assert checks, f"nothing was said of {name}"
    worst = max(checks, key=lambda one: ["ok", "warn", "fail"].index(one["state"]))
    return Found(worst["state"], worst["said"], worst["remedy"])


@pytest.fixture
def examine_all(holdfast: Holdfast) -> Callable[..., Ran]:
    """`holdfast doctor --json` where nothing runs."""
    return lambda *flags: holdfast("doctor", "--json", *NOBODY, *flags)


@pytest.fixture
def examine(examine_all: Examine, monkeypatch: pytest.MonkeyPatch) -> Examine:
    """The same without the decoders, which take most of its time."""
    monkeypatch.setattr(cli.checks.machine, "decoders", lambda _: iter(()))
    return examine_all


Examine = Callable[..., Ran]


def test_a_fresh_machine_is_well_and_nothing_is_made(
    examine_all: Examine, holdfast: Holdfast, data: Path
) -> None:
    ran = examine_all()
    assert ran.code == 0
    assert ran.json["ok"] is True
    for name in ("Python", "Disk", "Clock", "ffmpeg", "Pictures", "Videos", "Decoder limits", "Release"):
        assert found(ran, name).state == "ok", name
    assert found(ran, "Database").state == "warn"
    assert not data.exists()
    out = holdfast("doctor", *NOBODY).out
    assert "✓ Python" in out
    assert "! Studio" in out
    assert "→ not running: `holdfast run`" in out
    assert "Nothing is wrong." in out


def test_a_house_in_order_is_well(examine: Examine, backends: Backends) -> None:
    release = load_release(SiteSettings(url="http://127.0.0.1:9"))
    backends.store.rollouts.promote(release.fingerprint, release.bare_fingerprint)
    ran = examine()
    assert ran.code == 0
    for name in ("Database", "Storage (private)", "Storage (public)", "Roll-out", "Failures", "Uploads"):
        assert found(ran, name).state == "ok", name
    assert list(backends.private.walk()) == []


@pytest.mark.server("bubblewrap")
def test_decoders_by_bubblewrap(examine: Examine) -> None:
    assert found(examine(), "Decoders") == (
        "ok",
        f"each in namespaces of its own by bubblewrap ({shutil.which('bwrap')}): no network, no file but its own",
        "",
    )


def test_decoders_without_bubblewrap(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        cli.checks.machine, "confinement", lambda: Confinement(None, "bubblewrap is not installed")
    )
    ran = examine()
    assert ran.code == 0
    state, said, remedy = found(ran, "Decoders")
    assert state == "warn"
    assert "limits alone, since bubblewrap is not installed; HEIC photos are refused" in said
    assert "apt-get install bubblewrap" in remedy


def test_every_mistake_in_the_settings(examine: Examine, tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text('[edge]\nport = "x"\n[worker]\nthreads = 0\n')
    ran = examine()
    assert ran.code == 1
    said = [one["said"] for one in ran.json["checks"] if one["state"] == "fail"]
    assert len(said) == 2
    assert any("site.toml:2 [edge] port" in one for one in said)
    assert any("site.toml:4 [worker] threads" in one for one in said)


def test_an_old_python(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.checks.machine, "PYTHON_MIN", (9, 0))
    ran = examine()
    assert ran.code == 1
    assert "install Python 9.0" in found(ran, "Python").remedy


def test_a_data_folder_that_cannot_be_written(examine: Examine, data: Path) -> None:
    data.write_text("a file stands in its place")
    ran = examine()
    assert ran.code == 1
    assert "data.dir" in found(ran, "Data folder").remedy


def test_a_network_file_system(examine: Examine, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data.mkdir()
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    every = {line.split(" ")[2] for line in mounts}
    monkeypatch.setattr(core.objects.folder_file, "_NETWORK", every)
    ran = examine()
    assert ran.code == 1
    assert "network file system" in found(ran, "Data folder").said


@pytest.mark.parametrize(("free", "state"), [(1_000_000_000, "warn"), (100_000_000, "fail")])
def test_a_full_disk(examine: Examine, monkeypatch: pytest.MonkeyPatch, free: int, state: str) -> None:
    class Usage(NamedTuple):
        total: int = 10**12
        used: int = 10**12
        free: int = 0

    monkeypatch.setattr(cli.checks.machine.shutil, "disk_usage", lambda _: Usage(free=free))
    assert found(examine(), "Disk").state == state


def test_a_clock_that_went_back(examine: Examine, data: Path, backends: Backends) -> None:
    later = time.time() + 3600
    os.utime(data / "holdfast.db", (later, later))
    ran = examine()
    assert ran.code == 1
    assert "before the last write" in found(ran, "Clock").said


def test_a_clock_that_was_never_set(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.checks.machine, "CLOCK_MIN_S", time.time() + 1e6)
    assert "ntp" in found(examine(), "Clock").remedy


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("zscale", "rung-48"),
        ("tonemap", "rung-48"),
        ("noise=drop", "rung-48"),
        ("dash", "rung-48"),
        ("faststart", "mp4"),
        ("tile", "storyboard"),
    ],
)
def test_an_ffmpeg_that_lacks_a_part(
    part: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lacking = tmp_path / "ffmpeg"
    lacking.write_text(
        f"""#!/bin/sh
case "$*" in *{part}*) echo "No such filter: '{part}'" >&2; exit 1;; esac
exec {find_ffmpeg()} "$@"
"""
    )
    lacking.chmod(0o755)
    for module in (cli.checks.machine, pipeline.media.make):
        monkeypatch.setattr(module, "find_ffmpeg", lambda: str(lacking))
    work = tmp_path / "work"
    work.mkdir()
    check = cli.checks.machine._video(Limits(), work)
    assert check.state == "fail"
    assert f"of a test video, {said} came to nothing" in check.said
    assert f"lacks a part that Holdfast needs (No such filter: '{part}')" in check.said
    assert "5.0 or newer" in check.remedy


def test_no_ffmpeg(examine: Examine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def none() -> str:
        raise OperatorError("There is no ffmpeg.")

    monkeypatch.setattr(cli.checks.machine, "find_ffmpeg", none)
    assert "apt-get install ffmpeg" in found(examine(), "ffmpeg").remedy
    monkeypatch.setattr(cli.checks.machine, "find_ffmpeg", lambda: str(tmp_path / "nothing"))
    assert "does not run" in found(examine(), "ffmpeg").said


def test_decoders_that_get_too_little_memory(examine_all: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_MEDIA__MEMORY_MB_MAX", "20")
    ran = examine_all()
    assert ran.code == 1
    assert "media.memory_mb_max" in found(ran, "Pictures").remedy


def test_limits_that_do_not_bind(examine_all: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    enough = cli.checks.machine.TOO_LITTLE_MEMORY._replace(memory_bytes=4 << 30)
    monkeypatch.setattr(cli.checks.machine, "TOO_LITTLE_MEMORY", enough)
    ran = examine_all()
    assert ran.code == 1
    assert "does not bind" in found(ran, "Decoder limits").said


@pytest.mark.parametrize("which", ["purge", "."])
def test_a_secret_that_others_can_read(examine: Examine, data: Path, which: str) -> None:
    folder = data / "secrets"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "purge").write_text("x" * 40)
    (folder / "purge").chmod(0o600)
    assert found(examine(), "Secrets").state == "ok"
    (folder / which).chmod(0o755)
    ran = examine()
    assert ran.code == 1
    assert "chmod go=" in found(ran, "Secrets").remedy


def test_a_template_that_is_broken(examine: Examine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "templates"
    shutil.copytree(Path(templates.__file__).parent, folder)
    (folder / "410.html").write_text("{% if %}")
    monkeypatch.setattr(cli.checks.house, "load_release", lambda site: load_release(site, folder))
    ran = examine()
    assert ran.code == 1
    assert "410.html" in found(ran, "Release").said
    (folder / "icons" / "icons.json").unlink()
    assert "icons.json" in found(examine(), "Release").said


def test_a_database_that_is_damaged(examine: Examine, data: Path) -> None:
    data.mkdir()
    (data / "holdfast.db").write_bytes(b"not a database" * 1000)
    ran = examine()
    assert ran.code == 1
    assert "backup" in found(ran, "Database").remedy


def test_a_database_of_a_newer_holdfast(examine: Examine, data: Path, backends: Backends) -> None:
    backends.close()
    with sqlite3.connect(data / "holdfast.db") as connection:
        connection.execute("pragma user_version=99")
    connection.close()
    ran = examine()
    assert ran.code == 1
    assert "schema 99" in found(ran, "Database").said


def test_a_database_without_its_tables(examine: Examine, data: Path, backends: Backends) -> None:
    backends.close()
    with sqlite3.connect(data / "holdfast.db") as connection:
        connection.execute("drop table meta")
    connection.close()
    assert found(examine(), "Database").state == "fail"


def test_a_disk_without_a_write_ahead_log(
    examine: Examine, backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Database.row

    def as_there(self: Database, sql: str, *values: Any) -> Any:
        return ("delete",) if "journal_mode" in sql else row(self, sql, *values)

    monkeypatch.setattr(Database, "row", as_there)
    ran = examine()
    assert ran.code == 1
    assert "journal mode delete" in found(ran, "Database").said


def test_storage_that_ignores_conditions(
    examine: Examine, backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = core.objects.folder.FolderObjects.put

    def careless(self: Any, key: str, body: bytes, headers: Headers, **how: Any) -> str:
        return put(self, key, body, headers)

    monkeypatch.setattr(core.objects.folder.FolderObjects, "put", careless)
    ran = examine()
    assert ran.code == 1
    said = found(ran, "Storage (private)").said
    assert "only if absent" in said
    assert "names an old ETag" in said
    assert list(backends.private.walk()) == []


def test_another_release_than_the_promoted(examine: Examine, backends: Backends) -> None:
    backends.store.rollouts.promote("f" * 32, "f" * 32)
    ran = examine()
    assert ran.code == 1
    assert "rebuild --all" in found(ran, "Roll-out").remedy


def test_what_was_put_aside(examine: Examine, backends: Backends) -> None:
    backends.store.failures.put(Failure("p", "p", "publish", "The disk is full.", 5, 1))
    ran = examine()
    assert ran.code == 1
    assert "The disk is full." in found(ran, "Failures").said


def test_uploads_that_nobody_finished(examine: Examine, data: Path, backends: Backends) -> None:
    upload = backends.private.start("_originals/abcdefgh", Headers())
    assert found(examine(), "Uploads").said == "1 under way"
    long_ago = time.time() - 100_000
    os.utime(data / "private" / ".uploads" / upload, (long_ago, long_ago))
    assert "1 unfinished for longer" in found(examine(), "Uploads").said


# ── who answers ──


class Strange(BaseHTTPRequestHandler):
    """Answers as it is told to: not one of ours."""

    health: ClassVar[int] = 200

    def do_GET(self) -> None:
        self._answer(self.health)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._answer(401)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def stranger() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Strange) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_an_edge_with_another_secret(examine: Examine, backends: Backends, stranger: str) -> None:
    ran = examine("--edge", stranger)
    assert ran.code == 1
    assert "HOLDFAST_PURGE__SECRET" in found(ran, "Edge").remedy


@pytest.mark.parametrize(("status", "words"), [(404, "something else listens"), (503, "store is away")])
def test_a_studio_that_is_not_well(
    examine: Examine, stranger: str, monkeypatch: pytest.MonkeyPatch, status: int, words: str
) -> None:
    monkeypatch.setattr(Strange, "health", status)
    ran = examine("--studio", stranger)
    assert ran.code == 1
    assert words in found(ran, "Studio").said


def test_addresses_that_others_cannot_use(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = examine("--edge", "0.0.0.0:9", "--studio", "0.0.0.0:9")
    assert ran.code == 0
    for key in ("site.url", "studio.url"):
        assert found(ran, key).state == "warn", key
    monkeypatch.setenv("HOLDFAST_SITE__URL", "http://example.org")
    monkeypatch.setenv("HOLDFAST_STUDIO__URL", "https://studio.example.org")
    ran = examine()
    assert "not https" in found(ran, "site.url").said
    assert found(ran, "studio.url").state == "ok"


def test_a_cache_in_front_that_lacks_its_secret_or_is_not_looked_through(
    examine: Examine, backends: Backends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = '[[purge.target]]\nkind = "fastly"\nname = "cdn"\nservice = "s"\ntoken_env = "FASTLY_TOKEN"\n'
    (tmp_path / "site.toml").write_text(table)
    monkeypatch.delenv("FASTLY_TOKEN", raising=False)
    assert found(examine(), "Cache").remedy.startswith("set FASTLY_TOKEN")
    monkeypatch.setenv("FASTLY_TOKEN", "a token of nobody")
    assert "probe" in found(examine(), "Cache").remedy
    (tmp_path / "site.toml").write_text(f'{table}probe = "https://example.org"\n')
    assert found(examine(), "Cache").state == "ok"


@pytest.mark.parametrize(
    ("media_url", "state", "words"),
    [
        ("https://media.example.org", "ok", ""),
        ("https://example.org", "warn", "[site] url as well"),
        ("http://example.org", "warn", "[site] url as well"),
        ("https://studio.example.org", "warn", "[studio] url as well"),
        ("http://media.example.org", "warn", "not https"),
    ],
)
def test_a_media_host_that_is_none(
    examine: Examine, monkeypatch: pytest.MonkeyPatch, media_url: str, state: str, words: str
) -> None:
    monkeypatch.setenv("HOLDFAST_SITE__URL", "https://example.org")
    monkeypatch.setenv("HOLDFAST_STUDIO__URL", "https://studio.example.org")
    monkeypatch.setenv("HOLDFAST_SITE__MEDIA_URL", media_url)
    check = found(examine(), "site.media_url")
    assert check.state == state
    assert words in check.said
