"""Pictures that stay decoded on a worker's disk between the turns of one medium, so that its AVIF files cost neither a
second download nor a second decoding. Only a saving: what isn't here any more is decoded again."""

from __future__ import annotations

import json
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.ids import new_id
from pipeline.media.make import Probe

BYTES_MAX = 512 << 20
_PROBE = "probe.json"


class Decoded:
    """The newest pictures, up to `bytes_max` together, in a folder of this process's own. Safe to use from any thread."""

    def __init__(self, scratch: Path, bytes_max: int = BYTES_MAX) -> None:
        self._folder, self._bytes_max = scratch / f"decoded-{new_id()}", bytes_max
        self._bytes: OrderedDict[str, int] = OrderedDict()
        self._guard = threading.Lock()

    @contextmanager
    def of(self, media_id: str) -> Iterator[Path]:
        """The folder of one medium, for one turn of it."""
        with self._guard:
            self._bytes.pop(media_id, None)
        folder = self._folder / media_id
        folder.mkdir(parents=True, exist_ok=True)
        try:
            yield folder
        finally:
            with self._guard:
                self._bytes[media_id] = sum(file.stat().st_size for file in folder.iterdir())
                while sum(self._bytes.values()) > self._bytes_max:
                    shutil.rmtree(self._folder / self._bytes.popitem(last=False)[0], ignore_errors=True)

    def drop(self, media_id: str) -> None:
        """For a medium that is finished."""
        with self._guard:
            self._bytes.pop(media_id, None)
        shutil.rmtree(self._folder / media_id, ignore_errors=True)

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def keep_probe(folder: Path, probe: Probe) -> None:
    (folder / _PROBE).write_text(json.dumps(probe._asdict()))


def kept_probe(folder: Path) -> Probe | None:
    """What was found out about the original in an earlier turn."""
    path = folder / _PROBE
    return Probe(**json.loads(path.read_text())) if path.is_file() else None
