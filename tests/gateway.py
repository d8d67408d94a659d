"""Buckets of a real S3 server for tests: each test gets its own, on one server for all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest

from cli.gateway.build import Kind
from cli.gateway.server import Server
from core.ids import new_id
from core.objects.s3 import S3Objects
from core.objects.s3_client import Clients, connect
from core.settings import RegionSettings

THREADS = 16
CREDENTIALS = "AWS_SHARED_CREDENTIALS_FILE"
EACH = [pytest.param(kind, marks=pytest.mark.server(kind)) for kind in get_args(Kind)]
"""Params of a fixture, for tests that have to hold on every server: what one lacks is told of its own ones only."""


class Gateway(NamedTuple):
    """A server, and the profile of boto3's shared files that holds its keys."""

    server: Server
    profile: str

    def region(self, **others: Any) -> RegionSettings:
        """Two new buckets."""
        name = f"test-{new_id()}"
        region = RegionSettings(
            backend="s3",
            endpoint=self.server.endpoint,
            profile=self.profile,
            public=f"{name}-public",
            private=f"{name}-private",
        )
        s3 = self.clients(region).steady
        for bucket in (region.public, region.private):
            s3.create_bucket(Bucket=bucket)
        return region.model_copy(update=others)

    def buckets(self, **others: Any) -> tuple[S3Objects, S3Objects]:
        """A new public and a new private one."""
        region = self.region(**others)
        clients = self.clients(region)
        return S3Objects(clients, region.public), S3Objects(clients, region.private)

    def clients(self, region: RegionSettings) -> Clients:
        return connect(region, THREADS, self.profile)


@contextmanager
def gateway(kind: Kind, folder: Path) -> Iterator[Gateway]:
    """Starts a server, and ends it. Its keys go into the file that boto3's chain is told of."""
    with running(Server(folder, kind)) as started:
        yield started


@contextmanager
def running(server: Server) -> Iterator[Gateway]:
    """As `gateway`, of a server that is made otherwise."""
    try:
        server.start()
        profile = f"{server.record.kind}-{new_id()}"
        _add_profile(Path(os.environ[CREDENTIALS]), profile, server)
        yield Gateway(server, profile)
    finally:
        server.destroy()


def _add_profile(file: Path, profile: str, server: Server) -> None:
    known = ConfigParser()
    known.read(file)
    known[profile] = {
        "aws_access_key_id": server.record.access_key,
        "aws_secret_access_key": server.record.secret_key,
    }
    with file.open("w") as written:
        known.write(written)


PLACE = "region.json"


def leave_region(folder: Path, region: RegionSettings) -> None:
    """Says in a test's folder where its buckets are; so that a client in any process finds them."""
    (folder / PLACE).write_text(region.model_dump_json())


def open_both(folder: Path) -> tuple[S3Objects, S3Objects]:
    """The public and the private bucket of the region that the folder names."""
    region = RegionSettings.model_validate_json((folder / PLACE).read_text())
    clients = connect(region, THREADS, region.profile)
    return S3Objects(clients, region.public), S3Objects(clients, region.private)


def open_private(folder: Path) -> S3Objects:
    return open_both(folder)[1]
