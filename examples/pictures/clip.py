"""Maren Solvik's clip: seven seconds of an evening on the fjord, drawn frame by frame and encoded by ffmpeg."""

from __future__ import annotations

import contextlib
import math
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import imageio_ffmpeg
from PIL import Image, ImageDraw

from examples.pictures import boats, sea
from examples.pictures.canvas import Size, both, drawn, dyed, grained, levels, lit, noise, ramp, shaded

SIZE: Size = (960, 540)
FPS = 24
DURATION_S = 7.0
HORIZON = 0.57
ENCODERS = ("libx264", "libopenh264", "mpeg4")


class Spark(NamedTuple):
    """One glint on the water: its place and size in pixels, how bright it can be, when and how often it shines."""

    x: float
    y: float
    half: float
    thick: float
    bright: float
    phase: float
    turns: int


class Evening:
    """What stays the same from frame to frame; `frame(t)` draws the moment t (0…1) of a walk that closes on itself."""

    def __init__(self, size: Size) -> None:
        rng = Random("maren-clip")
        self.size = size
        self.light = sea.DUSK
        width, height = size
        self.shore = round(height * HORIZON)
        self.sun = (width * 0.36, self.shore - width * 0.035)
        above = sea.with_sun(
            sea.sky((width, self.shore), rng, self.light, 0.5), self.light, self.sun, width * 0.026
        )
        sea.hills(
            above,
            rng,
            self.light,
            [(width * 0.11, 0.52, 0.0), (width * 0.07, 0.55, 0.35), (width * 0.03, 0.55, 0.65)],
            self.shore,
        )
        self.above = grained(above, rng, 10)
        below = (width, height - self.shore)
        mirror = above.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize(below)
        mirror = shaded(mirror, self.light.water, ramp(below, [(0, 40), (1, 255)]), 0.75)
        dyed(mirror, self.light.water, ramp(below, [(0, 10), (0.5, 60), (1, 150)]), 0.8)
        self.mirror = grained(mirror, rng, 10)
        self.wide_mirror = _widened(self.mirror, max(1, width // 40))
        self.clouds = levels(noise(rng, (width * 2, self.shore), (4, 9), 5), 130, 250, 110)
        self.clouds = both(self.clouds, ramp(self.clouds.size, [(0, 60), (0.4, 255), (0.75, 120), (1, 0)]))
        self.swell = sea.waves(rng, (width + 2 * width // 8, below[1]))
        self.sparks = self._sparks(rng, below)
        self.boat = boats.boat(round(width * 0.44), self.light).reduce(2)

    def _sparks(self, rng: Random, size: Size) -> list[Spark]:
        sparks = []
        for _ in range(420):
            depth = rng.random() ** 1.5
            spread = self.size[0] * 0.05 * (0.25 + 1.25 * depth)
            away = rng.gauss(0, 0.5)
            sparks.append(
                Spark(
                    self.sun[0] + away * spread, depth * size[1],
                    size[0] / 90 * (0.2 + depth) * rng.uniform(0.4, 1.5), size[1] / 230 * (0.3 + depth),
                    255 * max(0.0, 1 - abs(away) * 0.6) * (1 - 0.6 * depth),
                    rng.uniform(0, math.tau), rng.randint(3, 9),
                )
            )  # fmt: skip
        return sparks

    def frame(self, t: float) -> Image.Image:
        image = Image.new("RGB", self.size)
        image.paste(self._sky(t), (0, 0))
        image.paste(self._water(t), (0, self.shore))
        self._gulls(image, t)
        self._sail(image, t)
        return image

    def _sky(self, t: float) -> Image.Image:
        shift = self.size[0] * (0.1 + 0.07 * t)
        clouds = self.clouds.transform(
            self.above.size, Image.Transform.AFFINE, (1, 0, shift, 0, 1, 0), Image.Resampling.BILINEAR
        )
        return lit(self.above, self.light.cloud, clouds, 0.8)

    def _water(self, t: float) -> Image.Image:
        width, height = self.mirror.size
        mesh = []
        for y in range(0, height, 2):
            depth = (y + 1) / height
            wave = math.sin(100 * math.sqrt(depth) - t * math.tau * 4) + 0.6 * math.sin(
                210 * math.sqrt(depth) + t * math.tau * 6
            )
            x = wave * depth * width / 130 + max(1, width // 40)
            bottom = min(height, y + 2)
            mesh.append(((0, y, width, bottom), (x, y, x, bottom, x + width, bottom, x + width, y)))
        water = self.wide_mirror.transform(
            self.mirror.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR
        )
        sway = width / 8 * (1 + 0.5 * math.sin(t * math.tau))
        swell = self.swell.transform(
            self.mirror.size, Image.Transform.AFFINE, (1, 0, sway, 0, 1, 0), Image.Resampling.BILINEAR
        )
        water = shaded(water, self.light.water, levels(swell, 120, 215), 0.35)

        def glints(draw: ImageDraw.ImageDraw, s: float) -> None:
            for spark in self.sparks:
                shine = math.sin(spark.phase + t * math.tau * spark.turns)
                if shine > 0:
                    draw.ellipse(
                        ((spark.x - spark.half) * s, (spark.y - spark.thick) * s, (spark.x + spark.half) * s, (spark.y + spark.thick) * s),
                        fill=round(spark.bright * shine),
                    )  # fmt: skip

        return lit(water, self.light.sun, drawn(self.mirror.size, glints), 0.85)

    def _gulls(self, image: Image.Image, t: float) -> None:
        def wings(draw: ImageDraw.ImageDraw, s: float) -> None:
            width, height = self.size
            for i in range(3):
                x = width * (0.98 - 0.42 * t + 0.045 * i)
                y = height * (0.17 + 0.03 * ((i * 2) % 3)) + height * 0.012 * math.sin(t * math.tau * 2 + i)
                beat, span = math.sin(t * math.tau * 11 + i * 1.7), width / 75
                line = [
                    (x - span, y - span * 0.35 * beat),
                    (x - span * 0.45, y - span * (0.22 + 0.2 * beat)),
                    (x, y),
                    (x + span * 0.45, y - span * (0.22 + 0.2 * beat)),
                    (x + span, y - span * 0.35 * beat),
                ]
                draw.line(
                    [(a * s, b * s) for a, b in line],
                    fill=230,
                    width=max(1, round(s * width / 520)),
                    joint="curve",
                )

        dyed(image, self.light.near, drawn(self.size, wings))

    def _sail(self, image: Image.Image, t: float) -> None:
        width, height = self.size
        edge = self.boat.width
        lean = math.radians(2 + 1.3 * math.sin(t * math.tau * 2))
        heave = width / 400 * math.sin(t * math.tau * 2 + 0.9)
        cos, sin, x, y = math.cos(lean), math.sin(lean), edge / 2, edge + heave
        # Turned about the middle of its waterline and lifted, in one step.
        matrix = (cos, -sin, x - cos * x + sin * y, sin, cos, edge - sin * x - cos * y)
        sprite = self.boat.transform(self.boat.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
        boats.afloat(
            image,
            sprite.crop((0, 0, edge, round(edge * 0.97))),
            width * (0.66 + 0.02 * math.sin(t * math.tau)),
            height * 0.79,
            phase=t * math.tau * 3,
        )


def _widened(image: Image.Image, by: int) -> Image.Image:
    """The picture with its outer columns drawn out, so that a ripple finds something beyond the edge."""
    width, height = image.size
    wide = Image.new("RGB", (width + 2 * by, height))
    wide.paste(image, (by, 0))
    for x, column in ((0, 0), (width + by, width - 1)):
        wide.paste(image.crop((column, 0, column + 1, height)).resize((by, height)), (x, 0))
    return wide


def make_clip(path: Path, size: Size = SIZE, duration_s: float = DURATION_S) -> None:
    """Draws the evening and encodes it, with a soft chord, to an MP4 file."""
    with tempfile.TemporaryFile() as errors:
        ffmpeg = subprocess.Popen(_command(path, size, duration_s), stdin=subprocess.PIPE, stderr=errors)
        assert ffmpeg.stdin
        try:
            for frame in frames(size, max(1, round(duration_s * FPS))):
                ffmpeg.stdin.write(frame.tobytes())
        except BrokenPipeError:
            pass  # ffmpeg has stopped, and its own words say why
        finally:
            with contextlib.suppress(BrokenPipeError):
                ffmpeg.stdin.close()
            failed = ffmpeg.wait()
        if failed:
            errors.seek(0)
            words = errors.read().decode(errors="replace").strip()
            raise RuntimeError(f"ffmpeg could not encode the sample clip: {words}")


def frames(size: Size, count: int) -> Iterator[Image.Image]:
    evening = Evening(size)
    for number in range(count):
        yield evening.frame(number / count)


def _command(path: Path, size: Size, duration_s: float) -> list[str]:
    binary = imageio_ffmpeg.get_ffmpeg_exe()
    chord = "+".join(
        f"0.035*sin(2*PI*{hertz}*t)*(1+0.5*sin(2*PI*t/{period}))"
        for hertz, period in ((146.83, 7), (220, 3.5), (293.66, 5), (369.99, 2.3))
    )
    sound = f"aevalsrc={chord}:s=44100:d={duration_s},afade=t=in:d=1,afade=t=out:st={max(0.0, duration_s - 1.5)}:d=1.5"
    encoder = _encoder(binary)
    tuning = ["-preset", "veryfast", "-crf", "20"] if encoder == "libx264" else ["-b:v", "3M"]
    return [
        binary, "-hide_banner", "-loglevel", "error", "-y",
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}", "-r", str(FPS), "-i", "pipe:0",
        "-f", "lavfi", "-i", sound,
        "-c:v", encoder, *tuning, "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "96k", "-shortest",
        "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact", "-movflags", "+faststart",
        "-f", "mp4", str(path),
    ]  # fmt: skip


def _encoder(binary: str) -> str:
    """The best encoder that this ffmpeg was built with."""
    listing = subprocess.run(
        [binary, "-hide_banner", "-encoders"], capture_output=True, text=True, check=True
    ).stdout
    there = {words[1] for line in listing.splitlines() if len(words := line.split()) > 1}
    return next(encoder for encoder in ENCODERS if encoder in there)
