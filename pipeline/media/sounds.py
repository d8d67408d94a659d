"""Makes what is shown of sound alone: an MP4 that any browser plays, and its cover. Runs in the child process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import ffmpeg

from core.errors import UnsupportedMedia
from core.media_types import identify
from pipeline.media import clips, images, words
from pipeline.media.base import Base
from pipeline.media.clips import Ffmpeg
from pipeline.media.recipes import Limits, StillRecipe

SOUND = "sound.m4a"
_COVER = "cover"


def sound(encoder: Ffmpeg) -> dict[str, Any]:
    """AAC in an MP4, copied where it is such already."""
    stream, options = clips.sound(encoder, encoder.source())
    encoder.run(
        ffmpeg.output(
            stream, SOUND, format="mp4", movflags="+faststart", **options, **clips.tidy(encoder.limits)
        )
    )
    return {"files": [{"name": SOUND, "type": "audio/mp4"}]}


def cover(encoder: Ffmpeg, how: StillRecipe) -> dict[str, Any]:
    """The picture that came with the sound, as a poster."""
    with encoder.open() as container:
        picture = _picture(container, encoder.probe.video_stream or 0, encoder.limits)
    return images.poster(picture, how) | {"width": picture.width, "height": picture.height}


def cover_stream(container: Any, limits: Limits) -> int | None:
    """The stream of a cover that can truly be shown, if there is one."""
    for stream in container.streams.video:
        if stream.disposition & av.stream.Disposition.attached_pic:
            try:
                _picture(container, stream.index, limits)
            except (UnsupportedMedia, av.error.FFmpegError):
                continue
            return int(stream.index)
    return None


def _picture(container: Any, index: int, limits: Limits) -> Any:
    packet = next((one for one in container.demux(container.streams[index]) if one.size), None)
    body = bytes(packet) if packet is not None else b""
    found = identify(body)
    if not found or found[0] != "image" or found[1] == "image/heic":
        raise UnsupportedMedia(words.NO_FRAME)
    path = Path(_COVER).absolute()
    path.write_bytes(body)
    probe = images.probe(str(path), found[1], limits)
    return Base.decode(str(path), probe, StillRecipe()).image
