"""Little films for the corpus, each filmed once in a process."""

from __future__ import annotations

import subprocess
import tempfile
from functools import cache
from pathlib import Path

from pipeline.media.make import find_ffmpeg

PICTURE = "testsrc=size=64x48:rate=10:duration=1"
SOUND = "sine=440:duration=1"


@cache
def film(*options: str, picture: str = PICTURE, sound: str = "", name: str = "film.mp4") -> bytes:
    """A second of a test picture, with these further options of ffmpeg's."""
    inputs = ["-f", "lavfi", "-i", picture, *(["-f", "lavfi", "-i", sound] if sound else [])]
    return ffmpeg(*inputs, *options, name=name)


def ffmpeg(*options: str, name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        command = [find_ffmpeg(), "-v", "error", "-nostdin", *options, str(path)]
        subprocess.run(command, check=True, cwd=folder, capture_output=True)
        return path.read_bytes()


def refilm(whole: bytes, *options: str, name: str, source: str = "source.mkv") -> bytes:
    """The film once more through ffmpeg, by these options."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / source
        path.write_bytes(whole)
        return ffmpeg("-i", str(path), *options, name=name)
