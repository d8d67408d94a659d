"""An operator changes how pictures are made: `holdfast rebuild --media` has them made anew, while pages go on showing the old."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path

import pytest
from PIL import Image

from tests.house import House

pytestmark = pytest.mark.slow


def test_pictures_are_made_anew_with_other_settings_and_none_is_missing_meanwhile(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    Image.effect_noise((900, 600), 90).convert("RGB").save(photo)
    with House(tmp_path) as house:
        ann = house.sign_up("ann")
        media_id = ann.upload(photo, alt="Noise")
        ann.edit(avatar=media_id)
        ann.wait_settled()
        idle = house.holdfast("rebuild", "--media", "--dry-run", "--json")
        assert (idle.returncode, json.loads(idle.stdout)["media"]) == (0, 0)
        before = shown(house)
    with House(tmp_path, media__webp_quality="20", media__avatar_px="[64, 200]") as house:
        assert shown(house) == before
        wanted = house.holdfast("rebuild", "--media", "--dry-run", "--json")
        assert json.loads(wanted.stdout)["media"] == 1
        broken: list[str] = []
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                broken.extend(address for address in shown(house) if house.visit(address).status_code != 200)

        reader = threading.Thread(target=read)
        reader.start()
        made = house.holdfast("rebuild", "--media", "--per-s", "5", "--json")
        done.set()
        reader.join()
        assert (made.returncode, made.stdout, broken) == (0, '{"media": 1}\n', []), made.stderr
        house.holdfast("rebuild", "@ann")
        after = shown(house)
        assert after.isdisjoint(before)
        assert {name for name in map(file_name, after) if name.endswith(".webp")} == {"64.webp", "200.webp"}
        again = house.holdfast("rebuild", "--media", "--json")
        assert json.loads(again.stdout)["media"] == 0
        refused = house.holdfast("rebuild", "--media", "--all")
        assert refused.returncode != 0 and "rebuild --media @ann" in refused.stderr
        one = house.holdfast("rebuild", "--media", "@ann", "--json")
        assert json.loads(one.stdout)["media"] == 0


def shown(house: House) -> set[str]:
    """The addresses of all pictures on the page but its card."""
    return {one for one in re.findall(r'/_media/[^" ,)]+', house.visit("/ann").text) if "/card-" not in one}


def file_name(address: str) -> str:
    return address.rpartition("/")[2]
