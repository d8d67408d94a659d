"""Reads what a decoder's child has laid into its folder: it could be a link to a file of ours, or a pipe that never ends."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def read_plain(path: Path, most: int, *, from_end: bool = False) -> bytes | None:
    """The first `most` bytes of a plain file, or its last; None where there is none. Raises ValueError for anything else."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"{path.name} is no plain file") from error
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(f"{path.name} is no plain file")
        return os.pread(handle, most, max(0, found.st_size - most) if from_end else 0)
    finally:
        os.close(handle)
