"""Everything but the edge stops while readers read, object storage too: no read of a page that was read before fails."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.gateway import gateway
from tests.house import House

pytestmark = [pytest.mark.server("versitygw"), pytest.mark.slow, pytest.mark.timeout(180)]
READERS, UNDER_LOAD_S = 4, 4.0


class Load:
    """Readers who read these pages again and again; what they got, by status and by whether it was the page."""

    def __init__(self, edge: str, pages: dict[str, str]) -> None:
        self._edge, self._pages = edge, pages
        self._end = threading.Event()
        self.answers: Counter[tuple[object, bool]] = Counter()
        self._readers = [threading.Thread(target=self._read) for _ in range(READERS)]

    def _read(self) -> None:
        with httpx.Client(base_url=self._edge, trust_env=False, timeout=30) as reader:
            while not self._end.is_set():
                for path, text in self._pages.items():
                    try:
                        answer = reader.get(path)
                        self.answers[answer.status_code, answer.text == text] += 1
                    except httpx.HTTPError as error:
                        self.answers[repr(error), False] += 1

    def __enter__(self) -> Load:
        for reader in self._readers:
            reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for reader in self._readers:
            reader.join()


def test_with_everything_stopped_under_load_no_read_of_a_cached_page_fails(
    credentials: Path, tmp_path: Path
) -> None:
    with gateway("versitygw", tmp_path / "storage") as storage:
        region = storage.region()
        house = House(
            tmp_path / "house",
            objects__backend="s3",
            objects__endpoint=region.endpoint,
            objects__profile=region.profile,
            objects__public=region.public,
            objects__private=region.private,
        )
        house.folder.mkdir()
        with house:
            ann = house.sign_up("ann")
            ann.post(title="Hello", body="World.", state="published")
            ann.wait_settled()
            assert house.stop() == 0
        # From here on the house is its edge alone.
        with house.log.open("ab") as log:
            house.process = subprocess.Popen(
                [sys.executable, "-m", "cli.main", "serve", "edge", *house.flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=house.environment,
            )
        try:
            house._await(house.edge)
            with httpx.Client(base_url=house.edge, trust_env=False) as reader:
                pages = {
                    path: reader.get(path).text for path in ("/ann", "/ann/posts/hello", "/ann/feed.xml")
                }
            with Load(house.edge, pages) as load:
                time.sleep(UNDER_LOAD_S / 4)
                storage.server.kill()
                before = load.answers.total()
                time.sleep(UNDER_LOAD_S)
            assert load.answers.total() > before + 100, "they went on reading"
            assert set(load.answers) == {(200, True)}
        finally:
            house.stop()
