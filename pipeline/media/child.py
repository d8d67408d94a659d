"""The child process that decodes: one JSON job on stdin, one JSON answer on stdout, limits on itself first.

Started by `sandbox.run` as leader of its own process group, in an empty folder, with an empty environment. The answer
is `{"done": …}`, or `{"refused": sentence, "why": …}` for the input's fault, or `{"operator": sentence}` or
`{"unavailable": sentence}` for ours. Whatever else comes out is taken for a crash.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from core.errors import HoldfastError, OperatorError, Unavailable, UnsupportedMedia
from pipeline.media import words

DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
LIMIT_SIGNS = ("out of memory", "Cannot allocate memory", "File too large", "can't start new thread")
"""How libraries say that a limit was met, where it isn't a MemoryError."""
_ALONE_SHARE = 0.6
PROCESSES_MAX = 256
"""Threads count, of which ffmpeg has some dozens."""


def main() -> None:
    job = json.loads(sys.stdin.buffer.readline())
    _stand_back(job["nice"])
    _limit(
        job["memory_bytes"], job["cpu_s"], job["limits"]["file_bytes_max"], job["limits"]["open_files_max"]
    )
    if job["shut_in"]:
        # Counted within its own namespace; elsewhere all that the user runs would count.
        _bind(resource.RLIMIT_NPROC, PROCESSES_MAX)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    # What a library prints must not land in the answer.
    answer = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(answer, "w", encoding="utf-8") as out:
        json.dump(_answer(job), out)
    os._exit(0)  # without tidying up: the folder goes, and so does all memory


def _limit(memory_bytes: int, cpu_s: int, file_bytes: int, open_files: int) -> None:
    """Binds this process and the ffmpeg it starts; never above what already binds us."""
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_NOFILE: open_files,
    }
    for what, value in wanted.items():
        _bind(what, value)
    # A second before the kill there is a signal that tells why.
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    if hard == resource.RLIM_INFINITY or cpu_s < hard:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))


def _bind(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (bound, bound))


def _stand_back(nice: int) -> None:
    """Publishing and the studio come first. Linux may share out by sessions first, and then wants it said of ours, too."""
    os.nice(nice)
    with suppress(OSError), open("/proc/self/autogroup", "w") as group:  # noqa: PTH123  (pathlib costs as much as the rest)
        group.write(str(nice))


def _die_with_parent() -> None:
    """The parent holds our stdin open; when it dies, the pipe ends, and so does our whole group."""
    while os.read(0, 64):
        pass
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)


def _answer(job: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"done": _work(job)}
    except UnsupportedMedia as refusal:
        return {"refused": refusal.detail, "why": str(refusal.__cause__ or "")}
    except OperatorError as error:
        return {"operator": error.detail}
    except Unavailable as error:
        return {"unavailable": error.detail}
    except HoldfastError:
        raise
    except MemoryError:
        return {"refused": words.TOO_MUCH_MEMORY, "why": "MemoryError"}
    except OSError as error:
        if error.errno in DISK_FULL:
            return {"unavailable": words.DISK_FULL}
        return _at_a_limit(error)
    except Exception as error:
        return _at_a_limit(error)


def _at_a_limit(error: Exception) -> dict[str, Any]:
    """The refusal, if that error comes of a limit on ourselves; else the error itself: something broke that shouldn't."""
    if any(sign in str(error) for sign in LIMIT_SIGNS):
        return {"refused": words.TOO_MUCH_MEMORY, "why": str(error)}
    raise error


def _share_threads(widths: Sequence[int]) -> None:
    """AVIF's is the one encoder with threads of its own, at a price: where other widths keep the second processor busy for
    as long as the widest takes, each has one. libvips asks when it is imported."""
    if max(widths) ** 2 <= _ALONE_SHARE * sum(width**2 for width in widths):
        os.environ["VIPS_CONCURRENCY"] = "1"


def _work(job: dict[str, Any]) -> dict[str, Any]:
    """Imports only the decoder that this job needs: its start is part of a picture's way to the page."""
    if job["task"] == "trial":
        return {"sees": os.access(job["outside"], os.F_OK)}
    if job["task"] == "card":
        from pipeline.media import card

        return card.draw(job["original"], job["card"])
    from pipeline.media.recipes import RUNG, Limits, Probe, StillRecipe

    limits = Limits(**job["limits"])
    original, task = job.get("original", ""), job["task"]
    if task == "probe":
        if job["kind"] == "image":
            from pipeline.media import images

            return images.probe(original, job["type"], limits)._asdict()
        from pipeline.media import probing

        return probing.probe(original, job["type"], limits)._asdict()
    if job["probe"] is None:
        from pipeline.media import images

        probe = images.probe(original, job["type"], limits)
        made = images.make(original, probe, task, StillRecipe(**job["stills"]), job["focus"])
        return {**made, "probe": probe._asdict()}
    probe = Probe(**job["probe"])
    if task.endswith("avif"):
        _share_threads(StillRecipe(**job["stills"]).widths(task, probe.width))
    if task == "loop":
        from pipeline.media import animations

        return animations.loop(original, probe)
    if probe.kind == "image":
        from pipeline.media import images

        return images.make(original, probe, task, StillRecipe(**job["stills"]), job["focus"])
    from pipeline.media import clips

    ffmpeg, stills = clips.Ffmpeg(job["ffmpeg"], original, probe, limits), StillRecipe(**job["stills"])
    if task == "climb":
        return clips.climb(ffmpeg, job["recipes"], job["begun"])
    if task == "mp4":
        return clips.progressive(ffmpeg, job["rung"])
    if task.startswith(RUNG):
        return clips.rung(ffmpeg, task)
    from pipeline.media import poster, sounds, storyboard

    if task == "storyboard":
        return storyboard.storyboard(ffmpeg)
    if task == "sound":
        return sounds.sound(ffmpeg)
    return sounds.cover(ffmpeg, stills) if probe.kind == "audio" else poster.poster(ffmpeg, stills)
