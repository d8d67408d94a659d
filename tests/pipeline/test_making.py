"""What makers make of pictures besides their first files: crops for their places on the page, the card, remakes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core import keys
from core.errors import UnsupportedMedia
from core.media import Focus, Media
from core.objects import Headers
from core.profile import Snapshot
from core.store import MediaTask
from pipeline import carding, making, renditions
from pipeline.carding import wish
from pipeline.decoded import Decoded
from pipeline.making import Maker, make_some
from pipeline.media.make import Limits, StillRecipe
from pipeline.rebuild import Stand
from pipeline.remaking import Remaking
from pipeline.wanted import remakes, tasks
from tests.pipeline.little_site import Site, with_head

ME = "medium1234"


def photo(colour: str = "#336699") -> bytes:
    """Wide, its right half in another colour."""
    image = Image.new("RGB", (600, 300), colour)
    image.paste("#cc3311", (300, 0, 600, 300))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


class House:
    """A site with a maker that is called by hand."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.maker = Maker(
            site.store, site.private, Limits(), site.folder, Decoded(site.folder), lambda: False
        )
        self.ann = site.sign_up("ann")

    def snapshot(self) -> Snapshot:
        found = self.site.store.profiles.load(self.ann)
        assert found
        return found

    def upload(self) -> None:
        self.site.upload(self.ann, made=False)
        self.site.private.put(keys.original(ME), photo(), Headers())

    def wanted(self) -> list[MediaTask]:
        return list(tasks(self.snapshot(), self.maker.site))

    def make_all(self) -> None:
        """Turn after turn, until nothing is wanted any more."""
        for _ in range(12):
            waiting = self.wanted()
            if not waiting:
                return
            for task in waiting:
                self.make(task)
        raise AssertionError(f"never done: {self.wanted()}")

    def make(self, task: MediaTask) -> None:
        """One turn, in the lane in which it goes on."""
        left = make_some(self.maker, task)
        if left and left != task.lane:
            make_some(self.maker, task._replace(lane=left))

    def change(self, **fields: Any) -> None:
        def swap(old: Snapshot) -> Snapshot:
            return with_head(old, profile=old.head.profile.model_copy(update=fields))

        self.site.change(self.ann, swap)

    def focus(self, x: float) -> None:
        def swap(old: Snapshot) -> Snapshot:
            media = tuple(
                one.model_copy(update={"focus": Focus(x=x, y=0.5)}) if one.id == ME else one
                for one in old.media
            )
            return old.model_copy(update={"media": media})

        self.site.change(self.ann, swap)

    def recipes(self) -> set[str]:
        return {made.recipe for made in self.medium.renditions}

    @property
    def medium(self) -> Media:
        return self.site.medium(self.ann)

    def pixel(self, recipe: str, name: str) -> tuple[int, ...]:
        made = self.medium.rendition(recipe)
        assert made
        stored = self.site.private.get(keys.rendition(ME, recipe, made.attempt, name))
        assert stored
        image = Image.open(io.BytesIO(stored.body)).convert("RGB")
        found = image.getpixel((image.width // 2, image.height // 2))
        assert isinstance(found, tuple)
        return found

    def card(self) -> Image.Image:
        card = self.snapshot().card
        assert card
        (made,) = card.renditions
        stored = self.site.private.get(keys.rendition(self.ann, "card", made.attempt, "card.jpg"))
        assert stored
        return Image.open(io.BytesIO(stored.body))


@pytest.fixture
def house(site: Site) -> Iterator[House]:
    yield House(site)


def test_what_becomes_the_avatar_gets_its_crop_and_stays_ready_meanwhile(house: House) -> None:
    house.upload()
    house.make_all()
    assert house.recipes() == {"still", "avif"}
    house.change(avatar=ME)
    (crop,) = house.wanted()
    assert crop.later, "no new picture waits for a crop of one that is shown"
    house.make_all()
    assert house.recipes() == {"still", "avif", "avatar", "avatar-avif"}
    assert house.medium.state == "ready"
    assert house.wanted() == []


def test_what_is_only_the_avatar_is_made_only_so(house: House) -> None:
    house.upload()
    house.change(avatar=ME)
    house.make_all()
    assert house.recipes() == {"avatar", "avatar-avif"}


def test_a_new_focus_replaces_the_crops_and_nothing_else(house: House) -> None:
    house.upload()
    house.change(avatar=ME)
    house.focus(0.0)
    house.make_all()
    assert house.pixel("avatar", "300.jpg")[2] > 130
    before = {made.recipe: made.attempt for made in house.medium.renditions}
    house.focus(1.0)
    house.make_all()
    assert house.pixel("avatar", "300.jpg")[0] > 180
    assert {made.focus for made in house.medium.renditions} == {Focus(x=1.0, y=0.5)}
    assert all(before[made.recipe] != made.attempt for made in house.medium.renditions)


def test_all_files_come_from_one_download_and_one_decoding(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    fetch = renditions.fetch

    def counting(private: Any, key: str, to: Path) -> None:
        fetched.append(key)
        fetch(private, key, to)

    monkeypatch.setattr(renditions, "fetch", counting)
    house.upload()
    house.make_all()
    assert house.recipes() == {"still", "avif"}
    assert fetched.count(keys.original(ME)) == 1
    assert list(house.site.folder.glob("decoded-*/*")) == []


def test_where_the_original_is_lost_the_best_that_was_made_of_it_has_to_do(house: House) -> None:
    house.upload()
    house.make_all()
    house.site.private.delete(keys.original(ME))
    house.change(avatar=ME)
    house.make_all()
    assert "avatar" in house.recipes()


def test_a_card_shows_the_avatar_and_is_drawn_anew_for_another_name(house: House) -> None:
    house.make_all()
    initials = house.card()
    assert initials.size == (1200, 630)
    house.upload()
    house.change(avatar=ME)
    house.make_all()
    face = house.card().convert("RGB").getpixel((600, 200))
    assert isinstance(face, tuple)
    assert face[0] > 120 or face[2] > 120
    attempts = [house.snapshot().card.renditions[0].attempt]  # type: ignore[union-attr]
    house.change(name="Another Name")
    house.make_all()
    attempts.append(house.snapshot().card.renditions[0].attempt)  # type: ignore[union-attr]
    house.change(tagline="Something that no card shows")
    assert house.wanted() == []
    assert attempts[0] != attempts[1]


def test_a_card_whose_picture_is_taken_back_while_it_is_drawn_is_not_shown(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = carding.draw_initials

    def draw_slowly(*given: Any) -> Any:
        house.change(visibility="private")
        return draw(*given)

    monkeypatch.setattr(carding, "draw_initials", draw_slowly)
    house.make_all()
    assert house.snapshot().card is None
    assert list(house.site.private.walk(keys.rendition_folder(house.ann))) == []


def test_no_card_is_drawn_of_who_is_hidden_and_none_shows_what_needs_a_warning(house: House) -> None:
    house.upload()
    house.change(avatar=ME, visibility="private")
    assert all(task.media_id == ME for task in house.wanted())
    house.change(visibility="public", sensitive=True)
    house.make_all()
    wanted = wish(house.snapshot(), house.maker.site)
    assert wanted and wanted.avatar == ""


def test_a_page_names_its_card_for_networks(house: House) -> None:
    house.make_all()
    house.site.publish(house.ann)
    page = house.site.text("ann/index.html")
    made = house.snapshot().card.renditions[0]  # type: ignore[union-attr]
    assert f"card-{made.attempt}/card.jpg" in page
    assert '<meta name="twitter:card" content="summary_large_image">' in page


def animation() -> bytes:
    frames = [Image.new("RGB", (300, 200), colour) for colour in ("red", "green", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=200, loop=0)
    return out.getvalue()


def test_an_animation_s_film_is_made_among_films_and_its_rest_among_pictures(house: House) -> None:
    house.site.upload(house.ann, made=False)
    house.site.private.put(keys.original(ME), animation(), Headers())
    (task,) = (one for one in house.wanted() if one.media_id == ME)
    assert (task.lane, make_some(house.maker, task)) == ("image", "video")
    assert house.recipes() == {"still"}
    assert make_some(house.maker, task) == "video", "as after a restart, when it is added anew"
    assert house.recipes() == {"still"}, "pictures don't wait for it"
    film = task._replace(lane="video")
    assert make_some(house.maker, film) == "image"
    assert house.recipes() == {"still", "loop"}
    assert make_some(house.maker, film) == "image"
    assert make_some(house.maker, task) is None
    assert (house.recipes(), house.medium.state) == ({"still", "loop", "avif"}, "ready")


def test_a_crop_that_can_t_be_made_anew_stays_as_it_was_and_is_not_wanted_for_ever(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.upload()
    house.change(avatar=ME)
    house.make_all()
    before = house.medium.rendition("avatar")
    assert before

    def refuse(*_: Any, **__: Any) -> None:
        raise UnsupportedMedia("This picture takes too long.")

    monkeypatch.setattr(making, "make", refuse)
    house.focus(0.9)
    assert house.medium.lacks("avatar")
    house.make_all()
    after = house.medium.rendition("avatar")
    assert after and (after.attempt, after.files) == (before.attempt, before.files)
    assert not house.medium.lacks("avatar")
    assert house.medium.state == "ready"


def test_remakes_are_what_was_made_with_other_settings(house: House) -> None:
    house.upload()
    house.make_all()
    usual, other = StillRecipe(), StillRecipe(webp_quality=50)
    assert list(remakes(house.snapshot(), house.maker.site, usual)) == []
    (task,) = remakes(house.snapshot(), house.maker.site, other)
    assert (task.media_id, task.remake, task.later) == (ME, True, True)
    before = {made.recipe: made.attempt for made in house.medium.renditions}
    maker = house.maker._replace(stills=other)
    while make_some(maker, task):
        # The old files are shown until each new one is ready.
        assert house.recipes() == {"still", "avif"}
        assert house.medium.state == "ready"
    assert list(remakes(house.snapshot(), house.maker.site, other)) == []
    assert all(before[made.recipe] != made.attempt for made in house.medium.renditions)


def test_a_remake_that_comes_to_nothing_leaves_what_there_is(house: House) -> None:
    house.upload()
    house.make_all()
    house.site.private.put(keys.original(ME), photo()[:200], Headers())
    (task,) = remakes(house.snapshot(), house.maker.site, StillRecipe(webp_quality=50))
    with pytest.raises(Exception, match="damaged"):
        make_some(house.maker._replace(stills=StillRecipe(webp_quality=50)), task)
    assert house.medium.state == "ready"
    assert house.recipes() == {"still", "avif"}


def test_the_remaking_of_all_hands_over_what_is_wanted_and_waits(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.upload()
    house.make_all()
    remaking = Remaking(house.site.tools, StillRecipe(webp_quality=50), per_s=1000, patience_s=0.1)
    found = [task for one in remaking.of_all(Stand()) for task in one.tasks]
    assert [task.media_id for task in found] == [ME]
    with pytest.raises(Exception, match="start `holdfast worker`"):
        remaking.run(iter(found), lambda _: None)
    assert [task.remake for task in house.site.store.media_work.pending(10)] == [True]
    house.site.store.media_work.done(ME)
    monkeypatch.setattr(house.site.store.media_work, "add", lambda _: None)
    told: list[int] = []
    assert remaking.run(iter(found), told.append) == 1
    assert told[-1] == 1
