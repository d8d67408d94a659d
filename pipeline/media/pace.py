"""Where encoded rungs are cut: by counting pictures, so that all are cut alike, and alike in every run."""

from __future__ import annotations

import math
from fractions import Fraction

from pipeline.media.recipes import Probe

KEYFRAME_S = 2
SEGMENT_LEAST_S = Fraction("3.5")
"""A segment ends at the first keyframe after that: encoded ones have two of two seconds."""


def rate_of(probe: Probe) -> Fraction:
    """Pictures per second of every rung."""
    return Fraction(probe.frame_rate)


def keyframes_apart(probe: Probe) -> int:
    """By how many pictures, in every rung that is encoded."""
    return max(1, round(rate_of(probe) * KEYFRAME_S))


def segment_frames(probe: Probe) -> int:
    """How many pictures an encoded segment has, but for the last of a film."""
    apart = keyframes_apart(probe)
    return apart * math.ceil(SEGMENT_LEAST_S * rate_of(probe) / apart)
