"""`holdfast dev` over a copy of the code: a saved template is a page a moment later, and a broken one breaks nothing."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import core
from cli.dev import CODE
from tests.house import House

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
WAIT_S = 60.0


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The code in a folder of its own, from which `python -m cli.main` runs."""
    here = Path(core.__file__).parent.parent
    made = tmp_path / "code"
    for name in (*CODE, "templates"):
        shutil.copytree(here / name, made / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(made)
    return made


@pytest.fixture
def house(copy: Path, tmp_path: Path) -> Iterator[House]:
    with House(tmp_path, "dev", "--no-sample") as running:
        yield running


def soon(true: Callable[[], bool], what: str, house: House) -> None:
    ends = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < ends, f"{what}: {house.console()}"
        time.sleep(0.05)


def test_what_is_saved_is_shown_and_what_is_broken_is_named(house: House, copy: Path) -> None:
    ann = house.sign_up("ann")
    ann.edit(bio="Paints boats.")
    ann.wait_live()
    soon(lambda: "watching" in house.console(), "it watches", house)
    foot, icons = copy / "templates" / "parts" / "foot.html", copy / "generator" / "icons.py"
    whole = foot.read_text()

    foot.write_text(whole + "<p>Made by hand</p>\n")
    soon(lambda: "Made by hand" in house.visit("/ann").text, "a template is saved", house)
    soon(lambda: house.console().count("restarted") == 2, "worker and edge take it up", house)
    house.wait_ready()
    assert "1 profiles" in house.console()
    ann.edit(bio="Paints rafts.")
    ann.wait_live()

    foot.write_text(whole + "{% if %}")
    soon(lambda: "foot.html" in house.console() and "stay as they are" in house.console(), "named", house)
    assert "Made by hand" in house.visit("/ann").text
    ann.edit(bio="Paints ships.")
    ann.wait_live()

    icons.write_text(icons.read_text() + "\n)\n")
    soon(lambda: "the old code runs on" in house.console(), "broken code is named", house)
    foot.write_text(whole + "<p>Made by machine</p>\n")
    soon(lambda: "Made by machine" in house.visit("/ann").text, "the template is mended", house)

    icons.write_text(icons.read_text().replace("\n)\n", "\n# A word more.\n"))
    soon(lambda: "everything starts anew" in house.console(), "code is saved", house)
    soon(lambda: house.console().count("watching") == 2, "it watches again", house)
    house.wait_ready()
    ann.edit(bio="Paints whales.")
    ann.wait_live()
    page = house.visit("/ann").text
    assert "Paints whales." in page
    assert "Made by machine" in page
    assert house.stop() == 0
