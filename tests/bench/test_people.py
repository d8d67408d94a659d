"""Invented people: the same for the same seed, each a whole profile that an import takes without a word."""

from __future__ import annotations

from pathlib import Path

from bench.rehearsal.people import write_people
from cli.archive import read_candidate
from generator.icons import Icons

ICONS = Icons.read((Path(__file__).parents[2] / "templates/icons/icons.json").read_bytes())


def test_the_same_seed_makes_the_same_people(tmp_path: Path) -> None:
    few, more = (write_people(tmp_path / str(count), count, seed=7) for count in (5, 9))
    assert more[:5] == few
    for name in few:
        file = f"{name}.json"
        assert (tmp_path / "5" / file).read_bytes() == (tmp_path / "9" / file).read_bytes()
    assert write_people(tmp_path / "other", 5, seed=8) != few


def test_every_profile_is_whole_and_unlike_the_others(tmp_path: Path) -> None:
    names = write_people(tmp_path / "people", 60, seed=1)
    found = [read_candidate(tmp_path / "people" / f"{name}.json", ICONS) for name in names]
    assert [one.notes for one in found] == [[]] * 60
    assert len({one.profile for one in found}) == 60
    assert all(one.profile.links and one.profile.tags and one.profile.sections for one in found)
    assert any(one.posts for one in found)
    sizes = [file.stat().st_size for file in (tmp_path / "people").iterdir()]
    assert 2500 < sum(sizes) / len(sizes) < 4000
