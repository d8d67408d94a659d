"""How fast a whole site is rebuilt on an S3 server, and its peak memory, against bare puts by boto3 of the same objects.

The server runs on the same cores as its clients, so the figures compare one thing with another, and say nothing of what an
S3 service can do. The ceiling is boto3's own `put_object`, without conditions, from as many processes and threads.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
from botocore.config import Config
from rich.console import Console
from rich.table import Table

from bench.rebuild import rebuild, seed
from cli.gateway.build import Kind
from cli.gateway.server import REGION, Server
from core.backends import open_backends
from core.settings import Settings, load

SIZES = (2_000,)
Put = tuple[str, bytes]


@contextmanager
def serving(folder: Path, kind: Kind, data: Path) -> Iterator[Server]:
    """A server that the environment names, so that `holdfast` and boto3 use it; the store lies in `data`."""
    server = Server(folder, kind)
    try:
        with mock.patch.dict(os.environ, {**server.start().environment, "HOLDFAST_DATA__DIR": str(data)}):
            yield server
    finally:
        server.destroy()


def objects() -> list[Put]:
    """What the rebuild has put for the profiles."""
    backends = open_backends(load())
    found = [
        (key, stored.body)
        for bucket in (backends.public, backends.private)
        for key in bucket.walk()
        if not key.startswith(("_site", "_assets")) and (stored := bucket.get(key))
    ]
    backends.close()
    return found


def bare(endpoint: str, bucket: str, puts: list[Put], threads: int) -> None:
    """Puts them all, from so many threads of this process."""
    config = Config(max_pool_connections=threads, s3={"addressing_style": "path"})
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name=REGION, config=config)
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda one: s3.put_object(Bucket=bucket, Key=one[0], Body=one[1]), puts):
            pass


def ceiling(server: Server, puts: list[Put], threads: int) -> float:
    """Seconds of putting them from as many processes as a rebuild has; their start isn't counted."""
    cores = os.cpu_count() or 1
    s3 = boto3.client("s3", endpoint_url=server.endpoint, region_name=REGION)
    for bucket in ("warm", "bare"):
        s3.create_bucket(Bucket=bucket)
    with ProcessPoolExecutor(cores, get_context("spawn")) as pool:

        def put_all(bucket: str, some: list[Put]) -> None:
            jobs = [
                pool.submit(bare, server.endpoint, bucket, some[number::cores], threads)
                for number in range(cores)
            ]
            for job in jobs:
                job.result()

        put_all("warm", puts[: 20 * cores])
        started = time.perf_counter()
        put_all("bare", puts)
        return time.perf_counter() - started


def measure(size: int, kind: Kind) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as name:
        data = Path(name) / "data"
        with serving(Path(name) / "s3", kind, data) as server:
            settings = load()
            _make_buckets(server, settings)
            seed(data, size)
            first, again = rebuild(data, "The first release."), rebuild(data, "The second release.")
            puts = objects()
            took_s = ceiling(server, puts, settings.worker.threads)
        ours = again["profiles_per_s"]
        return {
            "server": kind,
            "profiles": size,
            "first_per_s": first["profiles_per_s"],
            "rebuild_per_s": ours,
            "peak_mib": again["peak_mib"],
            "objects": len(puts),
            "bare_puts_per_s": round(len(puts) / took_s),
            "ceiling_per_s": round(size / took_s, 1),
            "to_ceiling": round(ours * took_s / size, 2),
        }


def _make_buckets(server: Server, settings: Settings) -> None:
    s3 = boto3.client("s3", endpoint_url=server.endpoint, region_name=REGION)
    for bucket in (settings.objects.public, settings.objects.private):
        s3.create_bucket(Bucket=bucket)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES))
    parser.add_argument("--kind", nargs="*", default=["versitygw"], choices=["versitygw", "minio"])
    wanted, _ = parser.parse_known_args()
    table = Table(
        "Server", "profiles", "first build /s", "rebuild /s", "peak MiB", "bare puts, profiles/s", "of it"
    )
    rows = [measure(size, kind) for kind in wanted.kind for size in wanted.sizes]
    for one in rows:
        table.add_row(
            one["server"],
            f"{one['profiles']:,}",
            f"{one['first_per_s']:,.0f}",
            f"{one['rebuild_per_s']:,.0f}",
            str(one["peak_mib"]),
            f"{one['ceiling_per_s']:,.0f}",
            f"{one['to_ceiling']:.2f}",
        )
    if wanted.json:
        print(json.dumps({"bench": "rebuild_s3", "rows": rows}))
    else:
        Console().print(table)


if __name__ == "__main__":
    main()
