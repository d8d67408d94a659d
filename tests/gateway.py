"""Buckets of a real S3 server for tests: each test gets its own, on one server for all."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, get_args

import boto3
import pytest
from botocore.config import Config

from cli.gateway.build import Kind, program
from cli.gateway.server import REGION, Server
from core.ids import new_id
from core.objects.s3 import S3Objects
from core.objects.s3_client import Clients, connect
from core.objects.s3_setup import rights, shown_to
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
        # Short, since a session's policy of 40 lines with it must have no more than 2,048 characters.
        name = f"test-{new_id()[:10]}"
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

    def edge(self, region: RegionSettings) -> str:
        """The profile of an edge's own credentials, which may do what `holdfast objects rights` says and nothing else."""
        if self.server.record.kind == "minio":
            return _session(self, json.dumps(rights("reader", region), separators=(",", ":")))
        user, record = f"edge{new_id()}", self.server.record
        secret = new_id()
        subprocess.run(
            [
                *(str(program("versitygw")), "admin", "--endpoint-url", self.server.endpoint),
                *("--access", record.access_key, "--secret", record.secret_key),
                *("create-user", "--access", user, "--secret", secret, "--role", "user"),
            ],
            check=True,
            capture_output=True,
        )
        policy = json.dumps(shown_to(user, region))
        self.clients(region).steady.put_bucket_policy(Bucket=region.private, Policy=policy)
        return _add_profile("edge", aws_access_key_id=user, aws_secret_access_key=secret)

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
        access, secret = server.record.access_key, server.record.secret_key
        yield Gateway(
            server,
            _add_profile(server.record.kind, aws_access_key_id=access, aws_secret_access_key=secret),
        )
    finally:
        server.destroy()


def _session(gateway: Gateway, policy: str) -> str:
    """Credentials for an hour, which may do what the policy says and no more."""
    sts = boto3.session.Session(profile_name=gateway.profile).client(
        "sts", endpoint_url=gateway.server.endpoint, region_name=REGION, config=Config(proxies={})
    )
    made = sts.assume_role(RoleArn="arn:aws:iam::0:role/edge", RoleSessionName="edge", Policy=policy)
    keys = made["Credentials"]
    return _add_profile(
        "edge",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


def _add_profile(name: str, **keys: str) -> str:
    """Adds one to the file that boto3's chain is told of; its name."""
    file, profile, known = (
        Path(os.environ[CREDENTIALS]),
        f"{name}-{new_id()}",
        ConfigParser(interpolation=None),
    )
    known.read(file)
    known[profile] = keys
    with file.open("w") as written:
        known.write(written)
    return profile


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
