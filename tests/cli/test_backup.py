"""`holdfast backup`, `restore` and `verify` as an operator types them: destroy everything but the backup, and restore."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core import keys
from core.backends import Backends
from core.objects import Headers
from core.profile import Profile
from core.settings import Settings
from core.store import Account
from core.store.naming import found
from tests.cli.conftest import Holdfast

# A rebuild starts processes.
pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def ann(holdfast: Holdfast, backends: Backends) -> str:
    """A published profile with an editor."""
    ann = found(backends.store, "ann", Profile(name="Ann", bio="Paints boats.")).head.id
    account = Account(id="account1", email="ann@example.org", password_hash="argon", created_at=1)
    backends.store.accounts.create(account)
    backends.store.accounts.allow("account1", ann)
    assert holdfast("rebuild", "--all", "--json").code == 0
    return ann


def page(data: Path) -> bytes:
    from core.objects.folder import FolderReader

    return FolderReader(data / "public").get(keys.page("ann")).body  # type: ignore[union-attr]


# ── backup and restore ──


def test_older_backups_may_be_forgotten(holdfast: Holdfast, ann: str, tmp_path: Path) -> None:
    target = tmp_path / "backups"
    ids = [holdfast("backup", target, "--json").json["id"] for _ in range(3)]
    last = holdfast("backup", target, "--keep", "2", "--json").json
    assert last["forgot"]["forgotten"] == ids[:2]
    told = holdfast("backup", target, "--keep", "1")
    assert "2 older, with" in told.err
    assert holdfast("backup", target, "--keep", "0").code == 2


def test_all_is_destroyed_and_restored(
    holdfast: Holdfast, backends: Backends, ann: str, data: Path, tmp_path: Path
) -> None:
    target = tmp_path / "backups"
    saved = holdfast("backup", target, "--json").json
    assert (saved["profiles"], saved["accounts"], saved["missing"]) == (1, 1, [])
    before = page(data)
    backends.close()
    shutil.rmtree(data)
    restored = holdfast("restore", target, "--json")
    assert restored.code == 0
    assert {key: restored.json[key] for key in ("life", "profiles", "accounts", "notes")} == {
        "life": 2,
        "profiles": 1,
        "accounts": 1,
        "notes": [],
    }
    assert b"<!--holdfast 2." in page(data)
    assert page(data).partition(b"-->")[2] == before.partition(b"-->")[2]
    assert holdfast("verify", "--grace-h", "0").code == 0


def test_the_target_may_stand_in_the_settings(
    holdfast: Holdfast, ann: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = holdfast("backup")
    assert told.code == 1
    assert "backup.target" in told.err
    monkeypatch.setenv("HOLDFAST_BACKUP__TARGET", str(tmp_path / "backups"))
    assert holdfast("backup").code == 0
    (one,) = holdfast("restore", "--list", "--json").json
    assert one["profiles"] == 1


def test_a_restore_never_mixes_two_sites(holdfast: Holdfast, ann: str, tmp_path: Path) -> None:
    assert holdfast("backup", tmp_path / "backups").code == 0
    told = holdfast("restore", tmp_path / "backups")
    assert told.code == 1
    assert "isn't empty" in told.err


def test_there_has_to_be_a_backup(holdfast: Holdfast, tmp_path: Path) -> None:
    told = holdfast("restore", tmp_path / "nothing")
    assert told.code == 1
    assert "`holdfast backup`" in told.err
    told = holdfast("restore", tmp_path / "nothing", "--backup", "20260101T000000Z-000000")
    assert "--list" in told.err


def test_only_the_public_bucket_survives(
    holdfast: Holdfast, backends: Backends, ann: str, data: Path, tmp_path: Path
) -> None:
    bob = found(backends.store, "bob", Profile(name="Bob", visibility="private")).head.id
    assert holdfast("rebuild", bob, "--json").code == 0
    backends.close()
    for path in data.iterdir():
        if path.name != "public":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    links = tmp_path / "links.csv"
    restored = holdfast("restore", "--from-pages", "--claim-links", links, "--json")
    assert restored.json["notes"] == []
    assert (restored.json["profiles"], restored.json["life"]) == (1, 2)
    assert links.read_text().splitlines()[1].startswith("ann,http://127.0.0.1:8000/claim/")
    assert b"Paints boats." in page(data)
    assert b"<!--holdfast 2." in page(data)
    assert holdfast("status", "@ann", "--json").json["claim_link"] is True


# ── verify ──


def test_what_is_equal_is_said(holdfast: Holdfast, ann: str) -> None:
    told = holdfast("verify")
    assert told.code == 0
    assert "Equal" in told.err
    assert holdfast("verify", "--json").json["differences"] == {}
    assert holdfast("verify", "@ann", "--json").json["differences"] == {}


def test_what_differs_is_told_and_mended(
    holdfast: Holdfast, backends: Backends, ann: str, settings: Settings
) -> None:
    backends.public.delete(keys.page("ann"))
    backends.private.put(keys.original("unknown123"), b"nobody's", Headers())
    told = holdfast("verify", "--grace-h", "0")
    assert told.code == 1
    assert "public/ann/index.html" in told.err
    assert "--repair" in told.err
    one = holdfast("verify", "@ann", "--json")
    assert (one.code, one.json["differences"]) == (1, {"missing": 1})
    mended = holdfast("verify", "--grace-h", "0", "--repair", "--json")
    assert (mended.code, mended.json["mended"], mended.json["left"]) == (0, 2, 0)
    assert holdfast("verify", "--grace-h", "0").code == 0


def test_a_repair_that_may_not_delete_says_so(holdfast: Holdfast, backends: Backends, ann: str) -> None:
    backends.private.put(keys.original("unknown123"), b"nobody's", Headers())
    told = holdfast("verify", "--grace-h", "0", "--repair", "--deletes-max", "0", "--json")
    assert (told.code, told.json["left"]) == (1, 1)
    assert "--deletes-max" in told.json["shown"][0]["outcome"]
    assert holdfast("verify").code == 0, "it is young, so it may still be named"
