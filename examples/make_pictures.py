"""Paints every picture and the clip of the sample site into a folder: `python -m examples.make_pictures FOLDER`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from examples.pictures import clip, efua, ines, leila, maren, mio, nerys
from examples.pictures.canvas import Picture

PICTURES: dict[str, Picture] = {
    name: picture
    for artist in (maren, ines, mio, nerys, efua, leila)
    for name, picture in artist.PICTURES.items()
}
CLIP = "maren-evening.mp4"
FILES = (CLIP, *PICTURES)
JPEG_QUALITY = 88


def paint(folder: Path, name: str, scale: float = 1.0) -> Path:
    """Makes one file unless it exists; it is whole or absent. A `scale` below 1 makes a smaller sketch."""
    path = folder / name
    if path.exists():
        return path
    unfinished = folder / f".{os.getpid()}-{name}"
    try:
        if name == CLIP:
            wide, high = (max(2, round(edge * scale / 2) * 2) for edge in clip.SIZE)
            clip.make_clip(unfinished, (wide, high), clip.DURATION_S * scale)
        else:
            size, painter = PICTURES[name]
            image = painter((round(size[0] * scale), round(size[1] * scale)))
            image.save(unfinished, "JPEG", quality=JPEG_QUALITY, optimize=True, progressive=True)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def paint_all(folder: Path) -> Iterator[Path]:
    """Makes what is missing on all cores, the clip first because it takes longest; yields each file when it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = []
    for name in FILES:
        if (folder / name).exists():
            yield folder / name
        else:
            missing.append(name)
    if not missing:
        return
    workers = min(len(missing), os.cpu_count() or 1, 4)
    # Spawned, not forked: the caller may run threads.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            for done in as_completed([pool.submit(paint, folder, name) for name in missing]):
                yield done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


if __name__ == "__main__":
    for made in paint_all(Path(sys.argv[1] if len(sys.argv) > 1 else "pictures")):
        print(made)
