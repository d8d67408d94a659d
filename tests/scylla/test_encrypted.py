"""TLS and passwords, against a real node that wants both: what works, and what an operator is told when it doesn't."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from cli.ring.jars import prepare
from cli.ring.node import EXTRA
from cli.ring.ring import Ring, silent
from core.errors import OperatorError
from core.settings import StoreSettings
from core.store.scylla import ScyllaStore
from core.store.scylla.cluster import connect
from core.store.scylla.migrate import init
from tests.contracts.nouns import batch

pytestmark = pytest.mark.server("cassandra")
USER = PASSWORD = "cassandra"  # what a new Cassandra begins with
STORE_PASSWORD = "changeit"
BOOT_S = 120.0

OPTIONS = """
authenticator: PasswordAuthenticator
authorizer: CassandraAuthorizer
client_encryption_options:
  enabled: true
  optional: false
  keystore: {keys}
  keystore_password: {password}
  store_type: PKCS12
"""


def certificate(folder: Path, address: str) -> tuple[Path, Path]:
    """A key store for the node at that address, and the certificate by which to trust it."""
    keys, pem = folder / "node.p12", folder / "node.pem"
    store = ["-keystore", str(keys), "-storetype", "PKCS12", "-storepass", STORE_PASSWORD, "-alias", "node"]
    about = ["-keyalg", "EC", "-dname", "CN=node", "-ext", f"SAN=ip:{address}", "-ext", "BC=ca:true"]
    for call in (["-genkeypair", *about, *store], ["-exportcert", "-rfc", "-file", str(pem), *store]):
        subprocess.run(["keytool", *call], check=True, capture_output=True)
    return keys, pem


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreSettings]:
    """Settings that open a store on a node which takes only TLS, and only who has a password."""
    folder = tmp_path_factory.mktemp("guarded")
    ring = Ring(folder / "ring", nodes=1)
    keys, pem = certificate(folder, ring.addresses[0])
    (ring.folder / EXTRA).write_text(OPTIONS.format(keys=keys, password=STORE_PASSWORD))
    settings = StoreSettings(
        backend="scylla",
        nodes=ring.addresses,
        replication=("datacenter1:1",),
        tls_ca=str(pem),
        username=USER,
        password=SecretStr(PASSWORD),
    )
    try:
        prepare(silent).boot(ring.nodes[0])
        made = connect_at_last(settings)
        init(made, settings, lambda _: None)
        made.close()
        yield settings
    finally:
        ring.destroy()


def connect_at_last(settings: StoreSettings):  # type: ignore[no-untyped-def]
    """The node answers after some seconds, and knows its first user some seconds later."""
    ends = time.monotonic() + BOOT_S
    while True:
        try:
            return connect(settings, patience_s=BOOT_S)
        except OperatorError:
            assert time.monotonic() < ends
            time.sleep(1)


def refused(settings: StoreSettings, **changes: object) -> str:
    with pytest.raises(OperatorError) as caught:
        connect(settings.model_copy(update=changes), patience_s=0)
    return str(caught.value)


def test_a_store_works_by_tls_and_with_a_password(guarded: StoreSettings) -> None:
    store = ScyllaStore(guarded, 30)
    assert store.profiles.commit(batch("profile1"))
    assert store.profiles.head("profile1") is not None
    store.close()


def test_a_wrong_password_is_told_with_the_settings_that_hold_it(guarded: StoreSettings) -> None:
    for changes in ({"password": SecretStr("wrong")}, {"username": "nobody"}):
        said = refused(guarded, **changes)
        assert "store.username and HOLDFAST_STORE__PASSWORD" in said
        assert "wrong" not in said, "and never the password itself"


def test_a_node_whose_certificate_nobody_trusts_is_not_spoken_to(
    guarded: StoreSettings, tmp_path: Path
) -> None:
    _, other = certificate(tmp_path, guarded.nodes[0])
    assert "store.tls_ca" in refused(guarded, tls_ca=str(other))


def test_without_tls_such_a_node_counts_as_away(guarded: StoreSettings) -> None:
    assert "can be reached" in refused(guarded, tls_ca="", connect_s=2)


def test_files_that_are_not_there_are_named(guarded: StoreSettings, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.pem")
    assert f"{missing} is not there" in refused(guarded, tls_ca=missing)
    assert "store.tls_ca, which turns TLS on" in refused(guarded, tls_ca="", tls_cert=missing)
