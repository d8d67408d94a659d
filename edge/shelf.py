"""Entries by path in a bounded memory: the least recently used ones leave when all weigh too much."""

from __future__ import annotations

from collections import OrderedDict

from edge.entry import Entry


class Shelf:
    """Holds `bytes_max`, and nothing that would take a quarter of that alone."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._entries: OrderedDict[str, tuple[Entry, int]] = OrderedDict()
        self._bytes = 0

    def get(self, path: str) -> Entry | None:
        found = self._entries.get(path)
        if found is None:
            return None
        self._entries.move_to_end(path)
        return found[0]

    def put(self, path: str, entry: Entry) -> None:
        self.drop(path)
        weight = entry.weight_bytes
        if weight > self._bytes_max // 4:
            return  # it would push out too many others
        self._entries[path] = (entry, weight)
        self._bytes += weight
        while self._bytes > self._bytes_max:
            _, (_, left) = self._entries.popitem(last=False)
            self._bytes -= left

    def grown(self, path: str, entry: Entry) -> None:
        """Weighs an entry again that has got another encoding, if it is still here."""
        if self.get(path) is entry:
            self.put(path, entry)

    def drop(self, path: str) -> None:
        if found := self._entries.pop(path, None):
            self._bytes -= found[1]
