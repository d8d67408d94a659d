"""TLS, by a real server whose certificate a CA of our own has signed: what works, and what an operator is told when not."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from cli.gateway.server import HEALTH, Server
from core.backends import prove
from core.errors import AccessRefused, OperatorError, OutcomeUnknown, PreconditionFailed, Unavailable
from core.objects import ABSENT, Headers
from core.objects.s3 import S3Objects
from core.objects.s3_client import connect
from core.objects.s3_multipart import PART_BYTES
from core.settings import RegionSettings
from tests.gateway import Gateway, running

# versitygw keeps boto3's chunks as part of an object when it speaks TLS itself.
pytestmark = pytest.mark.server("minio", "openssl")

PAGE = Headers(type="text/html; charset=utf-8", cache="no-cache", tags="ann")
KEY, BODY = "ann/index.html", b"Paints boats."
BUNDLE = "AWS_CA_BUNDLE"
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def authority(folder: Path) -> tuple[Path, Path]:
    """A CA: its certificate and its key."""
    certificate, key = folder / "ca.pem", folder / "ca.key"
    openssl("req", "-x509", *NEW_KEY, "-subj", "/CN=A CA", "-keyout", key, "-out", certificate)
    return certificate, key


class TlsServer(Server):
    """MinIO, which speaks TLS where it finds a certificate in its home."""

    def __init__(self, folder: Path, ca: Path, ca_key: Path) -> None:
        super().__init__(folder, "minio")
        self._context = ssl.create_default_context(cafile=str(ca))
        certs = self.folder / "data" / ".minio" / "certs"
        certs.mkdir(parents=True)
        openssl(
            *("req", "-x509", *NEW_KEY, "-subj", "/CN=127.0.0.1", "-CA", ca, "-CAkey", ca_key),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"),
            *("-keyout", certs / "private.key", "-out", certs / "public.crt"),
        )

    @property
    def endpoint(self) -> str:
        return f"https://127.0.0.1:{self.record.port}"

    def ready(self) -> bool:
        address = ("127.0.0.1", self.record.port)
        with closing(http.client.HTTPSConnection(*address, timeout=2, context=self._context)) as line:
            try:
                line.request("GET", HEALTH["minio"])
                return line.getresponse().status == 200
            except (OSError, http.client.HTTPException):
                return False


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def guarded(
    credentials: Path, ca: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    with running(TlsServer(tmp_path_factory.mktemp("guarded"), *ca)) as started:
        yield started


@pytest.fixture(autouse=True)
def _nobody_else_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (BUNDLE, "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def stranger(guarded: Gateway) -> RegionSettings:
    """Settings that would do if only the server were trusted."""
    return RegionSettings(
        backend="s3", endpoint=guarded.server.endpoint, profile=guarded.profile, connect_s=1, read_s=2
    )


def bucket_of(region: RegionSettings, **changes: object) -> S3Objects:
    return S3Objects(connect(region.model_copy(update=changes), 4, region.profile), region.private)


@pytest.mark.parametrize("way", [BUNDLE, "tls_ca"])
def test_objects_are_kept_by_tls_where_its_ca_is_named(
    guarded: Gateway, ca: tuple[Path, Path], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BUNDLE, str(ca[0]))
    region = guarded.region()
    if way == "tls_ca":
        monkeypatch.delenv(BUNDLE)
        region = region.model_copy(update={"tls_ca": str(ca[0])})
    bucket = bucket_of(region)
    prove([bucket], 0)
    etag = bucket.put(KEY, BODY, PAGE, only_if=ABSENT)
    found = bucket.get(KEY)
    assert found
    assert (found.body, found.etag, found.headers) == (BODY, etag, PAGE)
    with pytest.raises(PreconditionFailed):
        bucket.put(KEY, b"Once more.", PAGE, only_if=ABSENT)
    bucket.put(KEY, b"Newer.", PAGE, only_if=etag)
    with pytest.raises(PreconditionFailed):
        bucket.put(KEY, b"Older.", PAGE, only_if=etag)
    assert bucket.read(KEY, 0, 100) == b"Newer."
    huge = b"boats " * (PART_BYTES // 4)
    bucket.put_file("huge", io.BytesIO(huge), PAGE)
    assert bucket.read("huge", 0, len(huge) + 1) == huge
    assert list(bucket.walk()) == [KEY, "huge"]


def told(bucket: S3Objects) -> str:
    """What each call says."""
    words = set()
    for call in (
        lambda: bucket.get(KEY),
        lambda: bucket.put(KEY, BODY, PAGE),
        lambda: bucket.put(KEY, BODY, PAGE, only_if=ABSENT),
        lambda: list(bucket.walk()),
    ):
        with pytest.raises(AccessRefused) as caught:
            call()
        words.add(str(caught.value))
        assert bucket.bucket not in caught.value.detail, "hosts and buckets are for operators"
    with pytest.raises(OperatorError) as refused:
        prove([bucket], None)
    assert words == {str(refused.value)}
    return words.pop()


def test_a_server_that_is_not_trusted_is_told_with_what_mends_it(stranger: RegionSettings) -> None:
    said, _, remedy = told(bucket_of(stranger)).partition(": ")  # as `holdfast doctor` has it
    assert said.endswith(f"at {stranger.endpoint} isn't trusted (unable to get local issuer certificate)")
    assert remedy.startswith("set objects.tls_ca (or AWS_CA_BUNDLE)")


def test_the_wrong_ca_or_none_in_its_file_is_told(stranger: RegionSettings, tmp_path: Path) -> None:
    other, _ = authority(tmp_path)
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate")
    for file, why in (
        (other, "unable to get local issuer certificate"),
        (empty, "NO_CERTIFICATE"),
        (tmp_path / "missing.pem", "No such file"),
    ):
        said = told(bucket_of(stranger, tls_ca=str(file)))
        assert why in said
        assert "objects.tls_ca" in said


def test_a_name_that_is_not_in_the_certificate_is_told(
    stranger: RegionSettings, ca: tuple[Path, Path]
) -> None:
    elsewhere = stranger.endpoint.replace("127.0.0.1", "localhost")
    said = told(bucket_of(stranger, endpoint=elsewhere, tls_ca=str(ca[0])))
    assert "doesn't match '127.0.0.1'" in said
    assert "objects.endpoint to a name that stands in that" in said


def test_a_server_without_tls_is_told(stranger: RegionSettings, minio: Gateway) -> None:
    said = told(bucket_of(stranger, endpoint=minio.server.endpoint.replace("http", "https")))
    assert "speaks no TLS" in said
    assert "http://" in said


@pytest.fixture
def hanging_up() -> Iterator[str]:
    """An address at which everybody who says hello is hung up on, as by a balancer that has nobody behind it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            with suppress(OSError):
                while True:
                    line, _ = listener.accept()
                    with line:
                        line.recv(1 << 16)

        thread = threading.Thread(target=hang_up)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_line_that_breaks_is_not_taken_for_a_lack_of_trust(
    stranger: RegionSettings, hanging_up: str
) -> None:
    bucket = bucket_of(stranger, endpoint=hanging_up, attempts=1)
    with pytest.raises(Unavailable) as caught:
        bucket.get(KEY)
    assert not isinstance(caught.value, AccessRefused)
    with pytest.raises(OutcomeUnknown):
        bucket.put(KEY, BODY, PAGE, only_if=ABSENT)
    with pytest.raises(Unavailable):
        prove([bucket], 0)  # who comes back is waited for
