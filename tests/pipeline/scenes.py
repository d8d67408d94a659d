"""The little dramas that publishers play in every order: storage before, who publishes what, and the truth in the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from core import keys
from core.media import Rendition, RenditionFile
from core.objects import Object
from core.rank import Edition, Mark, Rank, read_rank, stamp_html
from generator.files import File, Page, headers
from generator.urls import Urls
from pipeline.fence import get
from pipeline.manifest import Entry, Place
from pipeline.publish import publish, read_manifest
from pipeline.target import Child, Fate, Target
from pipeline.tidy import remove_expired
from tests.pipeline.schedules import Storage, World

HTML = "text/html; charset=utf-8"
P, Q, R = "ann/index.html", "ann/posts/q/index.html", "ann/posts/r/index.html"
MUCH_LATER = 1 << 40


class TinyTarget(Target):
    """A target whose tombstones need no template."""

    def tombstone(self, place: Place, rank: Rank, fate: Fate) -> File:
        head = headers(HTML, rank, self.profile_id, fate.status, fate.location)
        return File(place.key, stamp_html(str(fate), rank), head, rank)


def revision(
    number: int,
    pages: Mapping[str, tuple[str, int]],
    *,
    profile: str = "profile1",
    folders: tuple[str, ...] = (),
    rollout: int = 1,
    bare: int = 1,
    private: bool = False,
    deleted: bool = False,
    claims: Mapping[str, int] | None = None,
    name: str = "ann",
) -> Target:
    """Revision `number` of a profile: pages by key, each with its words and the revision at which they last changed."""
    claims = claims or {"ann": 1}
    drawn = []
    for key, (words, changed) in pages.items():
        rank = Edition(1, rollout, bare).rank(key, claims[name], changed)
        drawn.append(Page(key, rank, headers(HTML, rank, profile), lambda w=words, r=rank: stamp_html(w, r)))
    file = RenditionFile(name="640.webp", type="image/webp", bytes=3)
    still = Rendition(recipe="still", attempt="attempt1", files=(file,))
    return TinyTarget(
        profile_id=profile,
        mark=Mark(1, number, rollout),
        bucket="private" if private or deleted else "public",
        pages=tuple(drawn),
        folders={
            keys.media("medium1", one, "still", "a1", ""): Child("_renditions/", still) for one in folders
        },
        takedown=private or deleted,
        claims=claims,
        names=(name, *(one for one in claims if one != name)),
        bare=bare,
        media=frozenset() if deleted else frozenset({"medium1"}),
        release=None,  # type: ignore[arg-type]
        urls=Urls("https://holdfast.example"),
        deleted=deleted,
    )


@dataclass(frozen=True)
class Scene:
    """`before` was published in peace; `actors` publish at once; `heads` are delivered again after everybody died. So
    many replies as `faults` says get lost on the way."""

    before: tuple[Target, ...]
    actors: tuple[Target, ...]
    heads: tuple[Target, ...]
    faults: int = 0
    storage: Storage = field(default_factory=dict)

    def opened(self, faults: int = 0) -> Scene:
        """The scene with what was published before in storage."""
        world = World({("private", "_renditions/640.webp"): Object(b"pic", "pic")}, ())
        for target in self.before:
            publish(world.buckets, target, world.queue)
        return replace(self, storage=world.storage, faults=faults)

    def begin(self) -> World:
        return World(self.storage, self.actors, self.faults)

    def finish(self, world: World) -> Iterator[str]:
        """What is wrong once the heads were delivered again, and again once those who seemed dead have woken up."""
        for target in self.heads:
            try:
                publish(world.buckets, target, world.queue)
            except Exception as error:
                yield f"it never ends: {error!r}"
                return
        yield from self._wrong(world)
        world.run_on()
        for target in self.heads:
            remove_expired(world.buckets, target.profile_id, MUCH_LATER, 0)
        for rule in (*self._wrong(world), *self._left_over(world)):
            yield f"{rule}, after a publisher woke up"

    def _wrong(self, world: World) -> Iterator[str]:
        wanted: dict[Place, bytes] = {}
        for target in self.heads:
            wanted |= {Place(target.bucket, page.key): page.render() for page in target.pages}
        for place, body in wanted.items():
            stored = world.storage.get(place)
            if stored is None or stored.body != body:
                yield "an old page stays"
        for place, stored in world.storage.items():
            if read_rank(stored.body) and Place(*place) not in wanted and stored.headers.status == 200:
                yield "what is gone is public" if place[0] == "public" else "what is gone is kept"
        for target in self.heads:
            yield from self._wrong_of(target, world)
        yield from self._unpurged(world)

    def _wrong_of(self, target: Target, world: World) -> Iterator[str]:
        manifest, _ = read_manifest(world.buckets["private"], target.profile_id)
        if manifest.mark != target.mark:
            yield "the done-mark is of another revision"
        for place, entry in manifest.entries.items():
            if not _is_true(entry, get(world.buckets[place.bucket], place.key)):
                yield "the manifest is wrong"
            if entry.gone and entry.gone != str(target.fate(place)):
                yield "a tombstone leads elsewhere"
        for folder in target.folders:
            if (target.bucket, f"{folder}640.webp") not in world.storage:
                yield "a picture is missing"

    def _unpurged(self, world: World) -> Iterator[str]:
        for place, stored in world.storage.items():
            rank = read_rank(stored.body)
            changed = place[0] == "public" and rank and self.storage.get(place) != stored
            if changed and (keys.path_of(place[1]), str(rank)) not in world.queued:
                yield "readers keep what nobody purged"

    def _left_over(self, world: World) -> Iterator[str]:
        shown = {
            f"{folder}640.webp" for one in self.heads if one.bucket == "public" for folder in one.folders
        }
        if {key for bucket, key in world.storage if bucket == "public" and key.startswith("_media/")} - shown:
            yield "a picture is left over"


def _is_true(entry: Entry, stored: Object | None) -> bool:
    rank = read_rank(stored.body) if stored else None
    if stored is None or rank is None:
        return entry.rank is None
    if entry.lost or rank.claim > entry.claim:
        return rank.claim > entry.claim  # the name is somebody else's now
    alive = stored.headers.status == 200
    return (entry.rank, entry.etag, not entry.gone) == (rank, stored.etag, alive)


CHANGED_BACK = Scene(
    before=(revision(4, {P: ("A", 4)}),),
    actors=(revision(5, {Q: ("Q", 5), P: ("B", 5)}), revision(6, {P: ("A", 6)})),
    heads=(revision(6, {P: ("A", 6)}),),
)
"""A page that changes and is changed back, a post that is added and deleted."""

DELETED_AGAIN = Scene(
    before=(revision(4, {Q: ("Q", 4), P: ("A", 4)}),),
    actors=(revision(5, {P: ("B", 5)}), revision(6, {Q: ("Q", 6), P: ("C", 6)})),
    heads=(revision(7, {P: ("D", 7)}),),
)
"""A post that is deleted, revived, and deleted for good."""

REVIVED = Scene(
    before=(revision(3, {Q: ("Q", 3), P: ("A", 3)}), revision(4, {P: ("B", 4)})),
    actors=(revision(5, {Q: ("Q", 5), P: ("C", 5)}), revision(6, {Q: ("Q", 5), P: ("D", 6)})),
    heads=(revision(6, {Q: ("Q", 5), P: ("D", 6)}),),
)
"""A post that replaces its own tombstone."""

MADE_PRIVATE = Scene(
    before=(revision(4, {P: ("A", 4)}, folders=("pub4",)),),
    actors=(
        revision(5, {Q: ("Q", 5), P: ("B", 5)}, folders=("pub4", "pub5")),
        revision(6, {Q: ("Q", 6), P: ("B", 6)}, folders=("pub5",), private=True),
    ),
    heads=(revision(6, {Q: ("Q", 6), P: ("B", 6)}, folders=("pub5",), private=True),),
)
"""A profile that goes private while an older publisher adds a post and a picture."""

DELETED = Scene(
    before=(revision(4, {P: ("A", 4)}, folders=("pub4",)),),
    actors=(
        revision(5, {Q: ("Q", 5), P: ("B", 5)}, folders=("pub4", "pub5")),
        revision(6, {}, deleted=True),
    ),
    heads=(revision(6, {}, deleted=True),),
)
"""A profile that is deleted while an older publisher adds a post and a picture."""

DATA = keys.data("ann")
DELETED_WITH_DATA = Scene(
    before=(revision(4, {P: ("A", 4), DATA: ("A", 4)}),),
    actors=(revision(5, {Q: ("Q", 5), P: ("B", 5), DATA: ("B", 5)}), revision(6, {}, deleted=True)),
    heads=(revision(6, {}, deleted=True),),
)
"""As DELETED, where all of its tombstones are named already: only the takedown's own mark tells the older publisher."""

PUBLIC_AGAIN = Scene(
    before=(revision(4, {P: ("A", 4)}, folders=("pub4",)),),
    actors=(
        revision(5, {P: ("A", 5)}, folders=("pub4",), private=True),
        revision(6, {P: ("A", 6)}, folders=("pub6",)),
    ),
    heads=(revision(6, {P: ("A", 6)}, folders=("pub6",)),),
)
"""A profile that goes private and public again: an overtaken takedown must not take the new pictures along."""

REVIVED_IN_VAIN = Scene(
    before=(revision(3, {Q: ("Q", 3), P: ("A", 3)}), revision(4, {P: ("B", 4)})),
    actors=(revision(5, {Q: ("Q", 5), P: ("C", 5)}), revision(6, {Q: ("Q", 5), P: ("D", 6)})),
    heads=(revision(7, {P: ("E", 7)}),),
)
"""A post that replaces its own tombstone, and is deleted again before anybody got to the end."""

NAME_MOVES = Scene(
    before=(revision(4, {P: ("A", 4)}),),
    actors=(
        revision(5, {"bob/index.html": ("A", 5)}, name="bob", claims={"bob": 1, "ann": 1}),
        revision(6, {"bob/index.html": ("A", 6)}, name="bob", claims={"bob": 1}),
        revision(2, {P: ("Z", 2)}, profile="profile2", claims={"ann": 2}),
    ),
    heads=(
        revision(6, {"bob/index.html": ("A", 6)}, name="bob", claims={"bob": 1}),
        revision(2, {P: ("Z", 2)}, profile="profile2", claims={"ann": 2}),
    ),
)
"""A name that is left for another, released, and taken by another profile under the next claim."""

RENAMED_BACK = Scene(
    before=(revision(4, {P: ("A", 4)}),),
    actors=(
        revision(5, {"bob/index.html": ("A", 5)}, name="bob", claims={"bob": 1, "ann": 1}),
        revision(6, {P: ("A", 6)}, name="ann", claims={"bob": 1, "ann": 2}),
    ),
    heads=(revision(6, {P: ("A", 6)}, name="ann", claims={"bob": 1, "ann": 2}),),
)
"""A profile that takes its old name again."""

ROLLED_OUT = Scene(
    before=(revision(4, {Q: ("Q", 4), P: ("A", 4)}),),
    actors=(
        revision(5, {Q: ("Q", 4), R: ("R", 5), P: ("B", 5)}),
        revision(4, {Q: ("Q", 4), P: ("A", 4)}, rollout=2),
    ),
    heads=(revision(5, {Q: ("Q", 4), R: ("R", 5), P: ("B", 5)}, rollout=2),),
)
"""An edit in the old roll-out against a rebuild of the older revision in the new one: neither is newer."""

NEW_TEMPLATES = Scene(
    before=(revision(4, {P: ("A", 4), DATA: ("A", 4)}),),
    actors=(
        revision(5, {P: ("A", 5), DATA: ("A", 5)}, private=True, rollout=2),
        revision(6, {P: ("A", 6), DATA: ("A", 6)}, rollout=2),
    ),
    heads=(revision(6, {P: ("A", 6), DATA: ("A", 6)}, rollout=2),),
)
"""A roll-out that leaves bare files as they are, and a profile that goes private in it and public again."""
