"""The operator's verbs on S3: init, rights, doctor, and a server for developers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from core import keys
from core.ids import new_id
from core.objects import Headers
from core.objects.s3 import S3Objects
from core.objects.s3_setup import open_to_readers, shown_to
from core.settings import RegionSettings
from tests.cli.conftest import Holdfast, Ran
from tests.gateway import Gateway

pytestmark = pytest.mark.server("versitygw")


@pytest.fixture
def region(versitygw: Gateway, holdfast: Holdfast, monkeypatch: pytest.MonkeyPatch) -> RegionSettings:
    """Buckets that aren't made yet, and the environment that names them."""
    name = f"test-{new_id()}"
    region = RegionSettings(
        backend="s3",
        endpoint=versitygw.server.endpoint,
        profile=versitygw.profile,
        public=f"{name}-public",
        private=f"{name}-private",
    )
    for key in ("backend", "endpoint", "profile", "public", "private"):
        monkeypatch.setenv(f"HOLDFAST_OBJECTS__{key.upper()}", getattr(region, key))
    return region


def checks(ran: Ran) -> dict[str, Any]:
    return {one["name"]: one for one in ran.json["checks"]}


def test_init_makes_the_buckets_and_proves_them(holdfast: Holdfast, region: RegionSettings) -> None:
    told = holdfast("objects", "init")
    assert told.code == 0
    assert f"{region.public}: made" in told.err
    assert "both honour conditional writes" in told.err
    again = holdfast("objects", "init", "--json")
    assert again.json["steps"][0] == {"what": f"{region.public}: was there", "done": True, "why": ""}


def test_buckets_that_nobody_made_are_told(holdfast: Holdfast, region: RegionSettings) -> None:
    told = holdfast("rebuild", "--all")
    assert told.code == 1
    assert "holdfast objects init" in told.err


def test_folders_need_no_init(holdfast: Holdfast) -> None:
    told = holdfast("objects", "init")
    assert told.code == 1
    assert "objects.backend" in told.err


def test_rights_name_the_buckets_and_no_more_than_is_needed(
    holdfast: Holdfast,
    region: RegionSettings,
) -> None:
    told = holdfast("objects", "rights").json
    (reads,) = told["reader"]["Statement"]
    assert reads["Action"] == ["s3:GetObject"]

    def may_read(bucket: str, key: str) -> bool:
        return any(fnmatchcase(f"arn:aws:s3:::{bucket}/{key}", one) for one in reads["Resource"])

    assert may_read(region.public, "ann/index.html")
    for key in (
        "ann/index.html",
        "0ann/posts/a/index.html",
        "_data/ann.json",
        "_media/m1/p1/still-a1/640.webp",
    ):
        assert may_read(region.private, key)
    for key in (
        "_originals/m1",
        "_manifests/p1.json",
        "_renditions/m1/climb.json",
        ".uploads/u1/0",
        "_trials/a1",
    ):
        assert not may_read(region.private, key)
    (bucket,) = told["private_bucket"]["Statement"]
    assert (bucket["Principal"], bucket["Action"]) == ({"AWS": ["EDGE"]}, reads["Action"])
    assert bucket["Resource"] == [one for one in reads["Resource"] if f":{region.private}/" in one]
    actions = {action for one in told["writer"]["Statement"] for action in one["Action"]}
    assert {"s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:ListBucket"} <= actions


def test_doctor_finds_nothing_where_the_edges_can_only_read(
    holdfast: Holdfast,
    region: RegionSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert holdfast("objects", "init").code == 0
    assert holdfast("rebuild", "--all").code == 0
    warned = checks(holdfast("doctor", "--json"))
    assert warned["Edges' access"]["state"] == "warn"
    assert "reader_profile" in warned["Edges' access"]["remedy"]
    monkeypatch.setenv("HOLDFAST_OBJECTS__READER_PROFILE", "anonymous")
    found = checks(holdfast("doctor", "--json"))
    for name in ("Storage (public)", "Storage (private)", "Strangers", "Edges' access"):
        assert found[name]["state"] == "ok", found[name]
    assert found["Private pages"]["state"] == "warn"
    assert "no link to one opens" in found["Private pages"]["said"]
    assert "`holdfast objects rights`" in found["Private pages"]["remedy"]


def test_doctor_finds_nothing_where_the_edges_have_their_own_rights(
    holdfast: Holdfast, region: RegionSettings, versitygw: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert holdfast("objects", "init").code == 0
    assert holdfast("rebuild", "--all").code == 0
    monkeypatch.setenv("HOLDFAST_OBJECTS__READER_PROFILE", versitygw.edge(region))
    found = checks(holdfast("doctor", "--json"))
    for name in ("Strangers", "Edges' access", "Private pages"):
        assert found[name]["state"] == "ok", found[name]
    bucket = S3Objects(versitygw.clients(region), region.private)
    assert list(bucket.walk()) == [], "nothing is left of what it tried"


def test_doctor_says_what_edges_can_do_that_they_must_not(
    holdfast: Holdfast, region: RegionSettings, versitygw: Gateway
) -> None:
    assert holdfast("objects", "init").code == 0
    assert holdfast("rebuild", "--all").code == 0
    S3Objects(versitygw.clients(region), region.private).put(keys.original("m1"), b"photo", Headers())
    found = checks(holdfast("doctor", "--json"))["Edges' access"]
    for what in (
        "reads private objects (_trials/, _originals/)",
        "writes public",
        "writes private",
        "deletes",
    ):
        assert what in found["said"]
    assert "objects.reader_profile" in found["remedy"]
    original = S3Objects(versitygw.clients(region), region.private).get(keys.original("m1"))
    assert original and original.body == b"photo", "what is there is only read"


def test_doctor_finds_edges_that_can_not_read_the_public_bucket(
    holdfast: Holdfast, region: RegionSettings, versitygw: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert holdfast("objects", "init").code == 0
    assert holdfast("rebuild", "--all").code == 0
    versitygw.clients(region).steady.delete_bucket_policy(Bucket=region.public)
    monkeypatch.setenv("HOLDFAST_OBJECTS__READER_PROFILE", "anonymous")
    ran = holdfast("doctor", "--json")
    assert ran.code == 1
    found = checks(ran)["Edges' access"]
    assert (found["state"], found["said"]) == ("fail", "edges can't read the public bucket")
    assert "`holdfast objects init`" in found["remedy"]


def test_doctor_finds_private_pages_that_strangers_can_read(
    holdfast: Holdfast, region: RegionSettings, versitygw: Gateway
) -> None:
    assert holdfast("objects", "init").code == 0
    assert holdfast("rebuild", "--all").code == 0
    policy = shown_to("*", region)
    policy["Statement"][0]["Principal"] = "*"
    versitygw.clients(region).steady.put_bucket_policy(Bucket=region.private, Policy=json.dumps(policy))
    found = checks(holdfast("doctor", "--json"))["Strangers"]
    assert (found["state"], found["said"]) == (
        "fail",
        "who has no credentials reads what private profiles show",
    )


def test_doctor_finds_a_private_bucket_that_is_open(
    holdfast: Holdfast,
    region: RegionSettings,
    versitygw: Gateway,
) -> None:
    assert holdfast("objects", "init").code == 0
    assert holdfast("rebuild", "--all").code == 0
    policy = json.dumps(open_to_readers(region.private))
    versitygw.clients(region).steady.put_bucket_policy(Bucket=region.private, Policy=policy)
    ran = holdfast("doctor", "--json")
    assert ran.code == 1
    found = checks(ran)["Strangers"]
    assert found["state"] == "fail"
    assert "reads private objects" in found["said"]


def test_doctor_tells_credentials_that_are_not_there(
    holdfast: Holdfast, region: RegionSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert holdfast("objects", "init").code == 0
    assert holdfast("rebuild", "--all").code == 0
    monkeypatch.setenv("HOLDFAST_OBJECTS__READER_PROFILE", "nobody")
    assert checks(holdfast("doctor", "--json"))["Edges' access"]["state"] == "fail"
    monkeypatch.setenv("HOLDFAST_OBJECTS__PROFILE", "nobody")
    found = checks(holdfast("doctor", "--json"))["Storage"]
    assert found["state"] == "fail"
    assert "objects.profile" in found["said"]


# ── a server for developers ──


@pytest.fixture
def folder(tmp_path: Path, holdfast: Holdfast) -> Iterator[Path]:
    yield tmp_path / "s3"
    holdfast("dev-s3", "destroy", "--folder", tmp_path / "s3")


def test_a_developers_server_lives_as_long_as_it_is_wanted(holdfast: Holdfast, folder: Path) -> None:
    assert "holdfast dev-s3 start" in holdfast("dev-s3", "status", "--folder", folder).err
    started = holdfast("dev-s3", "start", "--folder", folder, "--json").json
    assert (started["state"], started["kind"]) == ("ready", "versitygw")
    assert set(started["settings"]) == {
        "HOLDFAST_OBJECTS__BACKEND",
        "HOLDFAST_OBJECTS__ENDPOINT",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    }
    assert (folder / "server.json").stat().st_mode & 0o077 == 0
    for act, state in (
        ("pause", "paused"),
        ("resume", "ready"),
        ("kill", "down"),
        ("start", "ready"),
        ("stop", "down"),
    ):
        now = holdfast("dev-s3", act, "--folder", folder, "--json").json
        assert (act, now["state"]) == (act, state)
        assert now["settings"] == started["settings"], "the same place and keys after all of it"
    holdfast("dev-s3", "destroy", "--folder", folder)
    assert not folder.exists()
