"""Many at one profile at once: each edit is made on what was read, and none is lost; renditions are no edits."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from PIL import Image

from core.media import Media
from core.profile import Profile
from core.store import naming
from core.store.revise import revise
from core.store.scylla import ScyllaStore
from ingest import edits
from ingest.edits import Terms
from tests.faults.authors import Author, wait_until
from tests.faults.conclusion import conclude
from tests.fleet import Fleet

SignUp = Callable[[int], list[Author]]
pytestmark = pytest.mark.timeout(240)
MANY, AT_ONCE = 100, 16


def patch(author: Author, number: int, edit: int, bio: str) -> httpx.Response:
    """Until it is known how it went: a client that is told 503 sends the same again."""
    while True:
        answer = author.creator.ask(
            "PATCH",
            ingest=1 + number % 2,
            json={"bio": bio, "tagline": f"edit-{number}"},
            headers={"If-Match": f'"{edit}"', "Idempotency-Key": f"{number} on {edit}"},
        )
        if answer.status_code != 503:
            return answer


def test_of_a_hundred_edits_made_on_the_same_one_wins(
    fleet: Fleet, store: ScyllaStore, authors: SignUp
) -> None:
    (ann,) = authors(1)
    head = store.profiles.head(ann.id)
    assert head is not None
    with ThreadPoolExecutor(MANY) as pool:
        answers = list(pool.map(lambda number: patch(ann, number, head.edit, f"w{number}"), range(MANY)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: MANY - 1}
    (winner,) = (number for number, answer in enumerate(answers) if answer.status_code == 200)
    after = store.profiles.head(ann.id)
    assert after is not None
    assert (after.edit, after.profile.bio) == (head.edit + 1, f"w{winner}")
    assert {answer.json()["edit"] for answer in answers} == {after.edit}, "losers are told what is newest"
    ann.acknowledged.clear()
    ann.read()
    conclude(fleet, store, [ann])


def test_a_hundred_edits_that_try_until_they_are_done_are_all_there(
    fleet: Fleet, store: ScyllaStore, authors: SignUp
) -> None:
    (ann,) = authors(1)
    first = ann.acknowledged[-1][0]

    def add(number: int) -> tuple[int, str]:
        word = f"w{number}"
        while True:
            found = ann.creator.ask("GET", ingest=1 + number % 2)
            if found.status_code == 503:
                continue
            was = found.json()
            answer = patch(ann, number, was["edit"], f"{was['profile']['bio']} {word}")
            if answer.status_code == 200:
                return answer.json()["edit"], word
            assert answer.status_code == 412

    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = sorted(pool.map(add, range(MANY)))
    assert [edit for edit, _ in done] == list(range(first + 1, first + MANY + 1)), "dense, each given once"
    head = store.profiles.head(ann.id)
    assert head is not None
    assert head.profile.bio.split()[-MANY:] == [word for _, word in done], "in their order, none lost"
    ann.acknowledged += done
    ann.read()
    conclude(fleet, store, [ann])


def test_a_revision_between_load_and_save_costs_a_try_and_never_the_edit(store: ScyllaStore) -> None:
    ann = naming.found(store, "between-load-and-save", Profile(name="Ann")).head
    calls = itertools.count(1)

    def make(old: Profile) -> Profile:
        turn = next(calls)
        if turn <= 2:
            # Somebody's work on a medium is done just now: a revision, and no edit.
            medium = Media(id=f"medium000{turn}", kind="image", state="uploaded")
            revise(
                store,
                ann.id,
                lambda snapshot: snapshot.model_copy(update={"media": (*snapshot.media, medium)}),
                writer=f"maker-{turn}",
                what="rendition",
                by_creator=False,
            )
        return old.model_copy(update={"tagline": "Kept."})

    done = edits.change_profile(store, ann.id, make, Terms(edit=ann.edit)).snapshot.head
    assert (done.edit, done.profile.tagline) == (ann.edit + 1, "Kept.")
    history = [one.what for one in store.profiles.history(ann.id)]
    assert next(calls) <= 4 + history.count("card drawn"), "two that came first, and one more try"
    assert [what for what in history if what != "card drawn"][:3] == ["profile", "rendition", "rendition"], (
        "a worker of the whole site may draw the profile's card meanwhile"
    )


def test_pictures_that_are_being_made_refuse_no_edit(
    fleet: Fleet, store: ScyllaStore, authors: SignUp, tmp_path: Path
) -> None:
    (ann,) = authors(1)
    file = tmp_path / "boat.png"
    Image.effect_noise((900, 700), 60).convert("RGB").save(file)
    ann.creator.client().upload(ann.id, file)
    assert ann.read()
    uploaded = store.profiles.history(ann.id)[0].revision
    statuses: Counter[int] = Counter()

    def written_while_made() -> bool:
        answer = ann.write(1 + statuses.total() % 2)
        statuses[answer.status_code if answer is not None else 0] += 1
        snapshot = store.profiles.load(ann.id)
        assert snapshot is not None
        return all(medium.state == "ready" for medium in snapshot.media)

    wait_until(written_while_made, "the picture is made")
    assert statuses[412] == 0, json.dumps(statuses)
    edits_since = [one.edit for one in store.profiles.history(ann.id) if one.revision >= uploaded]
    landed = [newer for newer, older in itertools.pairwise(edits_since) if newer == older]
    assert landed, "renditions landed between"
    conclude(fleet, store, [ann])
