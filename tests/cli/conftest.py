"""The command as an operator types it, run in this process against a data folder of the test's own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import structlog

from cli.main import main
from core.backends import Backends, open_backends
from core.profile import Snapshot
from core.settings import DataSettings, Settings
from core.store.naming import owner_of


class Ran(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Holdfast = Callable[..., Ran]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def settings(data: Path) -> Settings:
    """As the command has them here."""
    return Settings(data=DataSettings(dir=data))


@pytest.fixture
def holdfast(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, data: Path
) -> Iterator[Holdfast]:
    """`holdfast("import", folder, "--json")`: away from any site.toml, with `--data` given by the environment."""
    monkeypatch.chdir(tmp_path)
    for variable in [name for name in os.environ if name.startswith("HOLDFAST_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("HOLDFAST_DATA__DIR", str(data))
    monkeypatch.setenv("COLUMNS", "200")
    configure = structlog.configure
    # A logger that is kept would go on writing to this test's captured stderr.
    monkeypatch.setattr(
        structlog, "configure", lambda **how: configure(**{**how, "cache_logger_on_first_use": False})
    )

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["holdfast", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
            sys.exit(0)
        code = ended.value.code
        return Ran(code if isinstance(code, int) else 0 if code is None else 1, *capsys.readouterr())

    yield run
    structlog.reset_defaults()


@pytest.fixture
def backends(settings: Settings) -> Iterator[Backends]:
    """The store and buckets that the command works on."""
    opened = open_backends(settings)
    yield opened
    opened.close()


@pytest.fixture
def profile(backends: Backends) -> Callable[[str], Snapshot]:
    """`profile("ann")`: as it is in the store now."""

    def load(username: str) -> Snapshot:
        owner = owner_of(backends.store, username)
        assert owner is not None, f"there is no {username}"
        snapshot = backends.store.profiles.load(owner)
        assert snapshot is not None
        return snapshot

    return load
