"""What a creator is told when a file can't be used: what is wrong with it, then what to do."""

from __future__ import annotations

DAMAGED_PICTURE = "This picture is damaged or incomplete. Please export it once more, or send another one."
DAMAGED_VIDEO = "This video is damaged or incomplete. Please export it once more, or send another one."
INCOMPLETE_VIDEO = (
    "This video is incomplete: its end is missing. Please send it once more, or export it again."
)
INCOMPLETE_SOUND = (
    "This recording is incomplete: its end is missing. Please send it once more, or export it again."
)
UNREADABLE = "This file can't be read. It may be damaged; please export it once more."
TOO_SLOW = "This file takes too long to read. Please send a smaller or simpler one."
TOO_MUCH_MEMORY = "This file needs more memory than one upload may take. Please send a smaller one."
TOO_MANY_PIXELS = "This picture has {0} megapixels; up to {1} can be used. Please send a smaller one."
TOO_MANY_FRAMES = (
    "This animation has {0} megapixels in all its frames; up to {1} can be used. Please send a shorter one."
)
SIDE_TOO_LONG = (
    "This picture is {0} x {1} pixels; up to {2} on a side can be used. Please send a smaller one."
)
OTHER_COLOURS = (
    "This picture is in HDR colours, which most screens show wrong. Please export it in sRGB or Display P3."
)
VIDEO_TOO_LARGE = (
    "This video is {0} x {1} pixels; up to {2} on a side can be used. Please export a smaller one."
)
VIDEO_TOO_LONG = "This video lasts {0} minutes; up to {1} can be used. Please send a shorter one."
SOUND_TOO_LONG = "This recording lasts {0} minutes; up to {1} can be used. Please send a shorter one."
DAMAGED_SOUND = "This recording is damaged or incomplete. Please export it once more, or send another one."
OTHER_CODEC = "This video is of a kind ({0}) that can't be used. Please export it as MP4 (H.264)."
NO_FRAME = "No frame of this video can be shown. Please export it once more."
NO_HEIC_HERE = (
    "HEIC photos can't be used on this site. Please export it as JPEG, or on the iPhone choose "
    "Settings > Camera > Formats > Most Compatible."
)

DISK_FULL = "The disk is full."
INSTALL_FFMPEG = (
    "Install a full one, 5.0 or newer: `apt-get install ffmpeg`, or `pip install imageio-ffmpeg`."
)
