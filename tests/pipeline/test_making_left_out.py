"""What can't be made of a medium that is shown already is left out, also of one that is made anew with other settings."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import UnsupportedMedia
from pipeline import making
from pipeline.making import make_some
from pipeline.media.make import StillRecipe
from pipeline.wanted import remakes
from tests.pipeline.little_site import Site
from tests.pipeline.test_making import House

OTHER = StillRecipe(webp_quality=50)


@pytest.fixture
def house(site: Site) -> House:
    house = House(site)
    house.upload()
    return house


def refuse_avif(monkeypatch: pytest.MonkeyPatch) -> None:
    make = making.make

    def refuse(*given: Any, **named: Any) -> Any:
        if given[2] == "avif":
            raise UnsupportedMedia("This picture takes too long.")
        return make(*given, **named)

    monkeypatch.setattr(making, "make", refuse)


def remake(house: House) -> None:
    (task,) = remakes(house.snapshot(), house.maker.site, OTHER)
    while make_some(house.maker._replace(stills=OTHER), task):
        pass


def attempts(house: House) -> dict[str, str]:
    """Of what has files."""
    return {made.recipe: made.attempt for made in house.medium.made}


def test_what_was_left_out_before_and_is_refused_again_is_left_out_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_avif(monkeypatch)
    house.make_all()
    before = attempts(house)
    assert (before.keys(), house.recipes()) == ({"still"}, {"still", "avif"})
    remake(house)
    after = attempts(house)
    assert after.keys() == {"still"} and after["still"] != before["still"], "the rest is made anew"
    assert house.medium.state == "ready"
    assert list(remakes(house.snapshot(), house.maker.site, OTHER)) == [], "it isn't wanted for ever"


def test_what_was_left_out_before_and_can_be_made_by_now_is_made(house: House) -> None:
    with pytest.MonkeyPatch.context() as patch:
        refuse_avif(patch)
        house.make_all()
    remake(house)
    assert attempts(house).keys() == {"still", "avif"}


def test_what_is_there_is_kept_when_it_can_not_be_made_anew_and_that_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.make_all()
    before = attempts(house)
    refuse_avif(monkeypatch)
    with pytest.raises(UnsupportedMedia, match="too long"):
        remake(house)
    after = attempts(house)
    assert after.keys() == {"still", "avif"}
    assert after["avif"] == before["avif"]
    assert house.medium.state == "ready"
