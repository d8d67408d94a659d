"""The third walk: readers need neither studio nor worker nor database."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import House

pytestmark = pytest.mark.slow


def test_with_everything_but_the_edge_stopped_every_page_still_reads(tmp_path: Path, photo: Path) -> None:
    house = House(tmp_path)
    with house:
        nia = house.sign_up("nia")
        nia.upload(photo, alt="Boats")
        nia.post(title="Hello", body="World.", state="published")
        nia.wait_settled()
        paths = ["/", "/nia", "/nia/posts/hello", "/nia/feed.xml"]
        before = {path: house.visit(path).text for path in paths}
        assert house.stop() == 0
        # Not even the file of the database is there.
        shutil.move(house.data / "holdfast.db", tmp_path / "elsewhere.db")
        shutil.rmtree(house.data / "private")
        alone = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "serve", "edge", *house.flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=house.environment,
        )
        try:
            house._await(house.edge)
            assert {path: house.visit(path).text for path in paths} == before
            (house.data / "public" / "nia" / "index.html").unlink()
            assert house.visit("/nia").text == before["/nia"], (
                "a missing page is rendered from its data document"
            )
            assert not (house.data / "public" / "nia" / "index.html").exists(), "the edge never writes"
        finally:
            alone.terminate()
            alone.wait(20)
