"""The pictures are painted from seeds: the same ones everywhere, whole or absent, at any size."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from PIL import Image, ImageStat

import examples
from examples.make_pictures import CLIP, FILES, PICTURES, paint
from examples.pictures import clip

SKETCH = 0.1


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_has_its_size_and_is_no_flat_colour(name: str, tmp_path: Path) -> None:
    path = paint(tmp_path, name, SKETCH)
    with Image.open(path) as image:
        wide, high = PICTURES[name].size
        assert (image.format, image.mode) == ("JPEG", "RGB")
        assert image.size == (round(wide * SKETCH), round(high * SKETCH))
        assert max(ImageStat.Stat(image).stddev) > 12
    assert list(tmp_path.iterdir()) == [path]


def test_full_sizes_are_what_the_page_needs() -> None:
    sizes = {name: picture.size for name, picture in PICTURES.items()}
    assert max(map(max, sizes.values())) <= 1600
    avatars = {wide - high for name, (wide, high) in sizes.items() if name.endswith("-avatar.jpg")}
    assert avatars == {0}, "they are squares"
    assert {size for name, size in sizes.items() if name.endswith("-cover.jpg")} == {(1600, 600)}


@pytest.mark.parametrize("name", [name for name in PICTURES if "avatar" in name or "cover" in name])
def test_the_same_seed_paints_the_same_picture(name: str, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    first, second = paint(tmp_path, name, SKETCH), paint(tmp_path / "again", name, SKETCH)
    assert first.read_bytes() == second.read_bytes()


def test_the_clip_plays_with_sound(tmp_path: Path) -> None:
    path = paint(tmp_path, CLIP, 0.15)
    with av.open(str(path)) as film:
        video, audio = film.streams.video[0], film.streams.audio[0]
        frames = list(film.decode(video))
        assert (video.width, video.height) == (144, 80)
        assert audio.codec_context.name == "aac"
    assert len(frames) == round(clip.DURATION_S * 0.15 * clip.FPS)
    first, last = frames[0].to_image(), frames[-1].to_image()
    assert first.tobytes() != last.tobytes()
    assert list(tmp_path.iterdir()) == [path]


def test_a_clip_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="No such file or directory"):
        clip.make_clip(tmp_path / "nowhere" / "clip.mp4", (32, 18), 0.2)


def test_an_interrupted_painter_leaves_nothing_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def torn(self: Image.Image, path: Path, *args: object, **options: object) -> None:
        path.write_bytes(b"half a pict")
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", torn)
    with pytest.raises(KeyboardInterrupt):
        paint(tmp_path, "ines-avatar.jpg", SKETCH)
    assert not list(tmp_path.iterdir())


def test_only_what_is_missing_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in FILES:
        if name != "ines-avatar.jpg":
            (folder / name).write_bytes(b"painted earlier")
    made = examples.make_media(folder)
    assert made == {name: folder / name for name in FILES}
    assert made["maren-cover.jpg"].read_bytes() == b"painted earlier"
    with Image.open(made["ines-avatar.jpg"]) as image:
        assert image.size == (800, 800)
