"""The manifest of a profile: an index of every key it ever had, and a done-mark. An index, never the fence.

It lies in the private bucket. A key is named here before it is first written and never dropped, so that every later
publisher knows what to take down, whoever died.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from core.objects import Bucket
from core.rank import Mark, Rank

FORMAT = 1


class Place(NamedTuple):
    """A key in one of the two buckets."""

    bucket: Bucket
    key: str


class Entry(NamedTuple):
    """What is known of a mutable key. `rank` and `etag` are of its last known write; None when it was only named.

    `gone` is what its tombstone says ("410", "404", "301 https://…"), "" while it is, or may be, alive. `claim` is the
    number under which the profile held the name. A `lost` key lies under a name that has another owner by now; it isn't
    tried again before the profile holds the name under a higher number.
    """

    rank: Rank | None = None
    etag: str | None = None
    gone: str = ""
    claim: int = 0
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """`mark` is the done-mark, of which everything had been written. `begun` is of the newest publisher that named
    anything; older ones stop at both. `gone` is set first thing in a takedown, and cleared by what shows the profile
    again. `folders` holds immutable children by folder: when they were superseded (seconds since 1970), or None while
    they are shown. `named` are folders that were announced and may be half-copied, `removed` those that went without grace, and were purged."""

    mark: Mark | None = None
    begun: Mark | None = None
    gone: Mark | None = None
    entries: dict[Place, Entry] = field(default_factory=dict)
    folders: dict[Place, int | None] = field(default_factory=dict)
    named: frozenset[Place] = frozenset()
    removed: frozenset[Place] = frozenset()

    def naming(
        self, claims: Mapping[Place, int], folders: set[Place], mark: Mark, *, takedown: bool
    ) -> Manifest:
        """This manifest with all that is about to be written named (keys with the claim number they lie under) and
        un-marked as gone; itself if there is nothing to name."""
        entries = dict(self.entries)
        for place, claim in claims.items():
            known = entries.get(place, Entry())
            if place not in entries or known.gone or claim > known.claim:
                lost = known.lost and claim <= known.claim
                entries[place] = known._replace(gone="", claim=claim, lost=lost)
        fresh = {place for place in folders if self.folders.get(place, 0) is not None}
        named = replace(
            self,
            gone=mark if takedown else None,
            entries=entries,
            folders={**self.folders, **dict.fromkeys(fresh, None)},
            named=self.named | fresh,
            removed=self.removed - fresh,
        )
        return self if named == self else replace(named, begun=mark)


def encode(manifest: Manifest) -> bytes:
    """Deterministic bytes: equal manifests have equal ETags."""
    body = {
        "format": FORMAT,
        "mark": manifest.mark,
        "begun": manifest.begun,
        "gone": manifest.gone,
        "entries": [
            [*place, str(entry.rank) if entry.rank else None, entry.etag, entry.gone, entry.claim, entry.lost]
            for place, entry in sorted(manifest.entries.items())
        ],
        "folders": [[*place, at] for place, at in sorted(manifest.folders.items())],
        "named": sorted(manifest.named),
        "removed": sorted(manifest.removed),
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def decode(body: bytes) -> Manifest:
    """What `encode` wrote; ValueError for anything else."""
    data: dict[str, Any] = json.loads(body)
    if data.get("format") != FORMAT:
        raise ValueError(f"a manifest of format {data.get('format')}, which this version can't read")
    return Manifest(
        mark=Mark(*data["mark"]) if data["mark"] else None,
        begun=Mark(*data["begun"]) if data["begun"] else None,
        gone=Mark(*data["gone"]) if data["gone"] else None,
        entries={
            Place(bucket, key): Entry(Rank.parse(rank) if rank else None, etag, gone, claim, lost)
            for bucket, key, rank, etag, gone, claim, lost in data["entries"]
        },
        folders={Place(bucket, key): at for bucket, key, at in data["folders"]},
        named=frozenset(Place(*place) for place in data["named"]),
        removed=frozenset(Place(*place) for place in data.get("removed", ())),
    )
