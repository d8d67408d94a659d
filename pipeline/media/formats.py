"""The containers and codecs of video and sound that may be opened: FFmpeg knows some hundred others, never needed here."""

from __future__ import annotations

DEMUXERS = {
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "video/webm": "matroska",
    "video/x-matroska": "matroska",
    "audio/mp4": "mov",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/flac": "flac",
    "audio/wav": "wav",
}
"""The format is forced, so that a playlist or a script under a video's name is read as a broken video."""

VIDEO_DECODERS = (
    "h264,hevc,vp8,libvpx,vp9,libvpx-vp9,libdav1d,libaom-av1,av1,mpeg4,mpeg2video,mjpeg,prores,theora"
)
AUDIO_DECODERS = (
    "aac,libopus,opus,libvorbis,vorbis,mp3float,mp3,flac,alac,ac3,eac3,amrnb,libopencore_amrnb,"
    "pcm_u8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_f32le"
)
DECODERS = f"{VIDEO_DECODERS},{AUDIO_DECODERS}"
"""By their names in FFmpeg, as its option `codec_whitelist` takes them."""
