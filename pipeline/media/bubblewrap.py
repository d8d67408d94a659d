"""The command line that shuts a child in by bubblewrap: namespaces of its own, what it may read, one folder to write in.

Everything that isn't named here isn't there: no network, no other process, no file of the site's or of anybody's.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

_NAMESPACES = ("--unshare-all", "--unshare-user", "--disable-userns")
"""A user namespace may be made to get out of everything else, but none within: those are what kernels are broken by."""
_LINKED = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""Links into /usr nowadays, folders of their own on older systems."""
_LINKER = ("/etc/ld.so.cache", "/etc/alternatives")
_CODE = Path(__file__).parents[2]


def shut_in(
    bwrap: str, command: Sequence[str], *, reads: Iterable[str], work: Path, status: int
) -> list[str]:
    """`command` by `bwrap`, with `reads` (absolute paths without links) and the folder `work` at their own places.

    bwrap tells the number of the child's first process on the descriptor `status`, and its exit code in the end.
    """
    return [
        *(bwrap, *_NAMESPACES, "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
        *("--json-status-fd", str(status)),
        *_system(),
        *_read_only(_runtime()),
        *("--proc", "/proc", "--dev", "/dev"),
        *_read_only(reads),
        *("--bind", str(work), str(work), "--chdir", str(work)),
        # Last, when every place is made: else what isn't there could be written, into memory that nothing limits.
        *("--remount-ro", "/dev", "--remount-ro", "/"),
        *("--", *command),
    ]


def _system() -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr")
    for folder in map(Path, _LINKED):
        if folder.is_symlink():
            yield from ("--symlink", str(folder.readlink()), str(folder))
        else:
            yield from _read_only([str(folder)])
    yield from _read_only(_LINKER)


def _runtime() -> Iterator[str]:
    """Python, the environment with its libraries, and our code. Only the parts: data may lie in the same folder."""
    interpreter = Path(sys.executable).resolve().parents[1]
    for prefix in sorted(
        {Path(sys.prefix), Path(sys.base_prefix), Path(sys.base_prefix).resolve(), interpreter}
    ):
        for part in ("bin", "lib", "lib64", "pyvenv.cfg"):
            yield str(prefix / part)
    yield from (str(_CODE / part) for part in ("core", "generator", "pipeline"))


def _read_only(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        yield from ("--ro-bind-try", path, path)
