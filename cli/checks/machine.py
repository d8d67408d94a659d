"""Checks of the machine: Python, the disk, the clock, ffmpeg, libvips, and what decoders are held by."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from cli.checks import Check
from core.errors import HoldfastError, OperatorError, UnsupportedMedia
from core.objects.folder_file import refuse_network
from core.settings import Settings
from pipeline.media.make import Limits, Made, Probe, find_ffmpeg, make, probe, rungs, steps
from pipeline.media.sandbox import Bounds, confinement, run
from pipeline.worker import media_limits

PYTHON_MIN = (3, 11)
FREE_BYTES_LOW, FREE_BYTES_MIN = 2_000_000_000, 200_000_000
CLOCK_MIN_S = 1_767_225_600
"""The beginning of 2026: no Holdfast has ever run before."""
CLOCK_SLACK_S = 60.0
_HLG = "color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc:range=tv"
_FILM = (
    *("-v", "error", "-f", "lavfi", "-i", f"testsrc=size=64x48:rate=10:duration=10,setparams={_HLG}"),
    *("-f", "lavfi", "-i", "sine=440:duration=10", "-c:v", "libx264", "-pix_fmt", "yuv420p"),
    *("-color_primaries", "bt2020", "-color_trc", "arib-std-b67", "-colorspace", "bt2020nc", "-c:a", "aac"),
)
"""Just long enough for a storyboard (`recipes.STORYBOARD_FROM_S`)."""
_SAID_CHARS_MAX = 400
TOO_LITTLE_MEMORY = Bounds(wall_s=30, memory_bytes=48 << 20, cpu_s=30)
"""Not enough for any decoder to load in: where the limit binds, there is no answer."""


def machine(settings: Settings) -> Iterator[Check]:
    """All checks of the machine, with these settings."""
    yield python()
    yield from disk(settings.data.dir)
    yield clock(settings.data.dir)
    yield ffmpeg()
    yield confined()
    yield from decoders(media_limits(settings))


def python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < PYTHON_MIN:
        least = ".".join(map(str, PYTHON_MIN))
        return Check(
            "Python", "fail", f"{version} is too old", f"install Python {least} or newer, then `make clean`"
        )
    return Check("Python", "ok", version)


def disk(folder: Path) -> Iterator[Check]:
    """Whether the data folder can be written, lies on a disk of this machine, and has room."""
    if not folder.exists():
        above = next(one for one in folder.absolute().parents if one.exists())
        yield Check("Data folder", "warn", f"{folder.absolute()} is not there yet", "`holdfast run` makes it")
        folder = above
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
        refuse_network(folder)
    except OSError as error:
        said = f"{folder.absolute()} can't be written ({error.strerror})"
        yield Check("Data folder", "fail", said, "mend its owner or mode, or set data.dir (--data DIR)")
        return
    except OperatorError as error:
        yield Check("Data folder", "fail", str(error), "set data.dir (--data DIR) to a disk of this machine")
        return
    yield Check("Data folder", "ok", f"{folder.absolute()} can be written")
    free = shutil.disk_usage(folder).free
    said = f"{free / 1e9:,.1f} GB free"
    if free < FREE_BYTES_LOW:
        state = "fail" if free < FREE_BYTES_MIN else "warn"
        yield Check("Disk", state, said, "make room, or set data.dir (--data DIR) to a larger disk")  # type: ignore[arg-type]
    else:
        yield Check("Disk", "ok", said)


def clock(folder: Path) -> Check:
    """Receipts, due dates and the signatures of purges rest on it."""
    now = time.time()
    newest = max((path.stat().st_mtime for path in folder.glob("holdfast.db*")), default=0.0)
    remedy = "set the clock, and keep it by NTP (`timedatectl set-ntp true`)"
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    if now < CLOCK_MIN_S:
        return Check("Clock", "fail", f"{shown} is long ago", remedy)
    if newest > now + CLOCK_SLACK_S:
        return Check(
            "Clock", "fail", f"{shown} is {newest - now:,.0f} s before the last write to the store", remedy
        )
    return Check("Clock", "ok", shown)


def ffmpeg() -> Check:
    remedy = "`apt-get install ffmpeg`, or `make servers` as root"
    try:
        path = find_ffmpeg()
        said = subprocess.run(
            [path, "-version"],
            capture_output=True,
            text=True,
            timeout=30,
            stdin=subprocess.DEVNULL,
            check=True,
        ).stdout
    except OperatorError as error:
        return Check("ffmpeg", "fail", str(error), remedy)
    except (OSError, subprocess.SubprocessError) as error:
        return Check("ffmpeg", "fail", f"it does not run ({error})", remedy)
    return Check("ffmpeg", "ok", f"{said.partition('Copyright')[0].strip()} ({path})")


def confined() -> Check:
    """Which of the two holds for decoders, bubblewrap or limits alone, and what is refused then."""
    found = confinement()
    if found.bwrap:
        said = f"each in namespaces of its own by bubblewrap ({found.bwrap}): no network, no file but its own"
        return Check("Decoders", "ok", said)
    said = f"bound by limits alone, since {found.reason}; HEIC photos are refused"
    remedy = (
        "`apt-get install bubblewrap`, or `make servers` as root; user namespaces have to be allowed to this user"
        " (sysctl user.max_user_namespaces; in a container its seccomp profile)"
    )
    return Check("Decoders", "warn", said, remedy)


def decoders(limits: Limits) -> Iterator[Check]:
    """A picture and a video through the whole sandbox, as an upload goes; and a decoder that gets too little memory to
    answer."""
    with tempfile.TemporaryDirectory(prefix="holdfast-doctor-") as folder:
        original = Path(folder) / "original"
        Image.new("RGB", (64, 48), "#335577").save(original, "PNG")
        try:
            found = probe(original, limits)
            made = [make(original, found, one, Path(folder) / one, limits) for one in ("still", "avif")]
        except HoldfastError as error:
            why = "".join(f" ({note})" for note in getattr(error, "__notes__", ()) if note)
            yield Check(
                "Pictures",
                "fail",
                f"a test picture came to nothing: {error}{why}",
                "raise media.memory_mb_max and media.image_s_max to their defaults; if that doesn't help, `make clean`"
                " and `make run` install libvips anew",
            )
        else:
            types = sorted({file.type.removeprefix("image/") for one in made for file in one.files})
            yield Check("Pictures", "ok", f"libvips makes {', '.join(types)}, in a process of its own")
        yield _video(limits, Path(folder))
        yield _limits(original, limits, Path(folder) / "limits")


def _video(limits: Limits, folder: Path) -> Check:
    """A film as phones make it, HDR and with sound, through every step that uploads go through: only so is each filter
    and muxer tried that they need."""
    film, doing = folder / "film.mp4", "filming it"
    try:
        subprocess.run(
            [find_ffmpeg(), *_FILM, str(film)],
            timeout=60,
            stdin=subprocess.DEVNULL,
            check=True,
            capture_output=True,
            text=True,
        )
        doing = "the probe"
        found = probe(film, limits)
        made: list[Made] = []
        for doing in steps(found):
            made.append(make(film, found, doing, folder / doing, limits, rung=_rung(found, doing, folder)))
    except (HoldfastError, OSError, subprocess.SubprocessError) as error:
        said = (*getattr(error, "__notes__", ()), getattr(error, "stderr", None))
        why = "".join(f" ({note.strip()[-_SAID_CHARS_MAX:]})" for note in said if note)
        return Check(
            "Videos",
            "fail",
            f"of a test video, {doing} came to nothing: {error}{why}",
            "install ffmpeg 5.0 or newer by the system's packages: others may lack filters (zscale), and of one from"
            " elsewhere a confined decoder may not see all libraries",
        )
    files = sum(len(one.files) for one in made)
    return Check(
        "Videos",
        "ok",
        f"ffmpeg makes {files} files of a test video in HDR with sound ({', '.join(steps(found))}), in a process of its own",
    )


def _rung(found: Probe, step: str, folder: Path) -> Path | None:
    """What the MP4 is wrapped from."""
    return folder / f"rung-{rungs(found)[0]}" if step == "mp4" else None


def _limits(original: Path, limits: Limits, work: Path) -> Check:
    work.mkdir()
    job = {"task": "probe", "original": str(original), "kind": "image", "type": "image/png"}
    try:
        run(job | {"limits": limits._asdict()}, TOO_LITTLE_MEMORY, work)
    except UnsupportedMedia:
        return Check("Decoder limits", "ok", "a decoder that takes too much memory is ended")
    except HoldfastError as error:
        return Check(
            "Decoder limits", "fail", str(error), "see that this user may start processes (`ulimit -u`)"
        )
    return Check(
        "Decoder limits",
        "fail",
        "a limit on a decoder's memory does not bind on this system",
        "run it on Linux, or in a container whose memory is limited: a hostile file could take all of it",
    )
