"""Credentials: the writers' and the edge's, wrong ones, and a missing key that looks like a refusal."""

from __future__ import annotations

import io
from typing import Any

import pytest

from core import keys
from core.backends import open_bucket, open_reader
from core.errors import AccessRefused, ObjectMissing, OperatorError
from core.objects import ABSENT, Headers
from core.objects.s3 import S3Objects, S3Reader
from core.objects.s3_client import ANONYMOUS, connect
from core.objects.s3_setup import init
from core.settings import RegionSettings, Settings
from tests.gateway import CREDENTIALS, Gateway
from tests.s3.conftest import Line
from tests.s3.proxy import PASS, Call, Fault, says

PLAIN = Headers(type="text/plain")
KEY, SENTINEL = "ann/index.html", "_site/404.html"
SHOWN = (
    KEY,
    "0ann/posts/boats/index.html",
    keys.data("ann"),
    keys.media("m1", "p1", "still", "a1", "640.webp"),
)
"""What private profiles show."""
HIDDEN = (
    keys.manifest("p1"),
    keys.original("m1"),
    keys.rendition("m1", "still", "a1", "640.webp"),
    keys.trial("a1"),
)


@pytest.fixture
def made(gateway: Gateway) -> RegionSettings:
    """Two buckets, made by `init`."""
    region = gateway.region()
    list(init(gateway.clients(region), region, "http://127.0.0.1:8000"))
    return region


@pytest.mark.parametrize("wrong", ["aws_secret_access_key", "aws_access_key_id"])
def test_wrong_credentials_are_refused_and_never_taken_for_missing_keys(
    gateway: Gateway, wrong: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    region = gateway.region()
    keys = {
        "aws_access_key_id": gateway.server.record.access_key,
        "aws_secret_access_key": gateway.server.record.secret_key,
        wrong: "somethingelse",
    }
    file = tmp_path / "credentials"
    file.write_text("\n".join(["[wrong]", *(f"{name} = {value}" for name, value in keys.items())]))
    monkeypatch.setenv(CREDENTIALS, str(file))
    bucket = S3Objects(connect(region, 4, "wrong"), region.private)
    for call in (
        lambda: bucket.get(KEY),
        lambda: bucket.put(KEY, b"one", PLAIN),
        lambda: bucket.put(KEY, b"one", PLAIN, only_if=ABSENT),
        lambda: bucket.delete(KEY),
        lambda: bucket.delete_many([KEY]),
        lambda: list(bucket.walk()),
    ):
        with pytest.raises(AccessRefused, match="AWS_ACCESS_KEY_ID") as caught:
            call()
        assert "somethingelse" not in str(caught.value)


def test_a_profile_of_nobody_is_told(gateway: Gateway) -> None:
    with pytest.raises(OperatorError, match=r"objects\.profile"):
        connect(gateway.region(), 4, "nobody")


def test_no_credentials_at_all_are_told(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(CREDENTIALS, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    region = gateway.region
    bucket = S3Objects(connect(RegionSettings(endpoint=gateway.server.endpoint), 4, ""), "holdfast-private")
    assert region
    with pytest.raises(AccessRefused, match="want of credentials"):
        bucket.get(KEY)


# ── the edge's ──


def test_readers_without_credentials_read_the_public_bucket_and_nothing_else(
    gateway: Gateway, made: RegionSettings
) -> None:
    clients = gateway.clients(made)
    for bucket in (made.public, made.private):
        S3Objects(clients, bucket).put(KEY, b"one", PLAIN)
    anonymous = connect(made, 4, ANONYMOUS)
    public, private = S3Objects(anonymous, made.public), S3Objects(anonymous, made.private)
    assert public.get(KEY).body == b"one"
    with pytest.raises(ObjectMissing):
        public.get("nobody/index.html")
    for call in (
        lambda: public.put(KEY, b"two", PLAIN),
        lambda: public.delete(KEY),
        lambda: list(public.walk()),
        lambda: private.get(KEY),
        lambda: private.put(KEY, b"two", PLAIN),
    ):
        with pytest.raises(AccessRefused):
            call()
    assert S3Objects(clients, made.public).get(KEY).body == b"one"


def test_an_edges_own_credentials_read_what_it_shows_and_do_nothing_else(
    gateway: Gateway, made: RegionSettings
) -> None:
    """By the policies that `holdfast objects rights` prints."""
    ours = {name: S3Objects(gateway.clients(made), name) for name in (made.public, made.private)}
    shown = [(made.public, KEY), *((made.private, key) for key in SHOWN)]
    hidden = [(made.private, key) for key in HIDDEN]
    for bucket, key in shown + hidden:
        ours[bucket].put(key, b"one", PLAIN)
    clients = connect(made, 4, gateway.edge(made))
    edge = {name: S3Objects(clients, name) for name in (made.public, made.private)}
    for bucket, key in shown:
        assert edge[bucket].get(key).body == b"one", key
        assert edge[bucket].read(key, 1, 1) == b"n"
    for bucket, key in hidden:
        for read in (edge[bucket].get, edge[bucket].stat):
            with pytest.raises(AccessRefused):
                read(key)
    for bucket, key in shown + hidden:
        objects = edge[bucket]
        for write in (
            lambda objects=objects, key=key: objects.put(key, b"two", PLAIN),
            lambda objects=objects, key=key: objects.put(f"{key}-new", b"two", PLAIN, only_if=ABSENT),
            lambda objects=objects, key=key: objects.put_file(key, io.BytesIO(b"two"), PLAIN),
            lambda objects=objects, key=key: objects.start(key, PLAIN),
            lambda objects=objects, key=key: objects.delete(key),
            lambda objects=objects, key=key: objects.delete_many([key]),
            lambda objects=objects: list(objects.walk()),
        ):
            with pytest.raises(AccessRefused):
                write()
        assert ours[bucket].get(key).body == b"one"
    assert sorted(ours[made.private].walk()) == sorted((*SHOWN, *HIDDEN))


def test_an_edge_is_given_readers_with_these_credentials(gateway: Gateway, made: RegionSettings) -> None:
    ours = S3Objects(gateway.clients(made), made.private)
    S3Objects(gateway.clients(made), made.public).put(SENTINEL, b"not here", PLAIN)
    for key in (KEY, keys.manifest("p1")):
        ours.put(key, b"one", PLAIN)
    reader_profile = gateway.edge(made)
    objects = {**made.model_dump(), "reader_profile": reader_profile}
    private = open_reader(Settings.model_validate({"objects": objects}), "private")
    assert private.get(KEY).body == b"one"
    for missing in ("bob/index.html", keys.manifest("p1")):
        with pytest.raises(ObjectMissing):
            private.get(missing)


class Hiding:
    """Answers as AWS does to who may not list: 403 for a missing key."""

    def __init__(self, missing: str, refused: bool = False) -> None:
        self.missing, self.refused = missing, refused

    def __call__(self, call: Call) -> Fault:
        return says(403, "AccessDenied") if self.refused or call.key == self.missing else PASS


def test_a_missing_key_may_look_like_a_refusal(line: Line) -> None:
    line.direct.put(SENTINEL, b"there", PLAIN)
    reader = S3Reader(line.bucket._clients, line.bucket.bucket, (line.bucket.bucket, SENTINEL))
    line.proxy.decide = Hiding(KEY)
    for read in (reader.get, reader.stat, lambda key: reader.read(key, 0, 10)):
        with pytest.raises(ObjectMissing):
            read(KEY)


def test_a_refusal_of_all_is_not_taken_for_a_missing_key(line: Line) -> None:
    line.direct.put(SENTINEL, b"there", PLAIN)
    line.direct.put(KEY, b"there", PLAIN)
    reader = S3Reader(line.bucket._clients, line.bucket.bucket, (line.bucket.bucket, SENTINEL))
    line.proxy.decide = Hiding(KEY, refused=True)
    for read in (reader.get, reader.stat):
        with pytest.raises(AccessRefused):
            read(KEY)


# ── init ──


def test_what_a_store_does_not_know_is_told_and_left_out(gateway: Gateway) -> None:
    region = gateway.region()
    told = [list(init(gateway.clients(region), region, "http://127.0.0.1:8000")) for _ in range(2)]
    assert [step.what for step in told[0] if not step.done] == [
        step.what for step in told[1] if not step.done
    ]
    assert len(told[0]) == 6
    kind = gateway.server.record.kind
    left_out = [step for step in told[0] if not step.done]
    # versitygw has no lifecycle; MinIO has no such rule, since it drops broken uploads anyway, and no CORS of a bucket.
    codes = {"versitygw": ["501", "501"], "minio": ["400", "400", "501"]}
    assert [step.why.split()[3] for step in left_out] == codes[kind]


def test_buckets_are_made_once(gateway: Gateway) -> None:
    region = gateway.region()
    fresh = region.model_copy(update={"public": f"{region.public}-2", "private": f"{region.private}-2"})
    made = [step.what for step in init(gateway.clients(fresh), fresh, "http://127.0.0.1:8000")][:2]
    again = [step.what for step in init(gateway.clients(fresh), fresh, "http://127.0.0.1:8000")][:2]
    assert made == [f"{fresh.public}: made", f"{fresh.private}: made"]
    assert again == [f"{fresh.public}: was there", f"{fresh.private}: was there"]


def test_there_are_connections_for_every_thread_that_writes() -> None:
    settings = Settings.model_validate(
        {"objects": {"backend": "s3", "region": "eu-west-1"}, "worker": {"threads": 40}}
    )
    bucket: Any = open_bucket(settings, settings.objects, "private")
    assert bucket._clients.steady.meta.config.max_pool_connections >= 40
