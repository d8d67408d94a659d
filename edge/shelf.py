"""Entries by path in a bounded memory: the least recently used ones leave when all weigh too much."""

from __future__ import annotations

from collections import OrderedDict

from edge.entry import Entry


class Shelf:
    """Holds `bytes_max`, and nothing that would take a quarter of that alone."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._entries: OrderedDict[str, tuple[Entry, int]] = OrderedDict()
        self._resting: dict[str, set[str]] = {}
        self.weight_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, path: str) -> Entry | None:
        found = self._entries.get(path)
        if found is None:
            return None
        self._entries.move_to_end(path)
        return found[0]

    def resting_on(self, path: str) -> list[str]:
        """The paths of all entries whose `rests_on` is `path`."""
        return list(self._resting.get(path, ()))

    def put(self, path: str, entry: Entry) -> None:
        self.drop(path)
        weight = entry.weight_bytes
        if weight > self._bytes_max // 4:
            return  # it would push out too many others
        self._entries[path] = (entry, weight)
        self.weight_bytes += weight
        if entry.rests_on:
            self._resting.setdefault(entry.rests_on, set()).add(path)
        while self.weight_bytes > self._bytes_max:
            self.drop(next(iter(self._entries)))

    def grown(self, path: str, entry: Entry) -> None:
        """Weighs an entry again that has got another encoding, if it is still here."""
        if self.get(path) is entry:
            self.put(path, entry)

    def drop(self, path: str) -> None:
        if path not in self._entries:
            return
        entry, weight = self._entries.pop(path)
        self.weight_bytes -= weight
        if resting := self._resting.get(entry.rests_on):
            resting.discard(path)
            if not resting:
                del self._resting[entry.rests_on]
