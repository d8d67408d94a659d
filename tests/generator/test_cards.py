"""Cards: what chats show beside a link; every theme, every name, the avatar, letters that can be read."""

from __future__ import annotations

import inspect
import io
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

import templates
from generator import cards, grounds, release
from generator.cards import Card, draw, set_name
from generator.lettering import Face, rise_px
from tests.generator.test_release import contrast, palettes

THEMES = ("plain", "dusk", "paper", "moss")
ANN = Card("Ann Lee", "ann", "plain", "seed", "Holdfast")
LONG = "Maximiliane Oberhauser-Lindström of the Very Long Name and of Even More, Surely!"


def seen(card: Card, avatar: bytes | None = None) -> Image.Image:
    return Image.open(io.BytesIO(draw(card, avatar))).convert("RGB")


def square(colour: str, kind: str = "JPEG", mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (256, 256), colour).save(out, kind)
    return out.getvalue()


def lines(name: str, face: str = "sans-semibold") -> list[str]:
    return set_name(name, Face(face)).lines


# ── the file ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", ["Ann Lee", LONG])
def test_a_card_is_a_small_jpeg_of_the_size_that_networks_ask_for(theme: str, name: str) -> None:
    body = draw(ANN._replace(theme=theme, name=name), None)
    image = Image.open(io.BytesIO(body))
    assert (image.format, image.size, image.mode) == ("JPEG", (1200, 630), "RGB")
    assert len(body) < cards.BYTES_MAX


def test_the_busiest_avatar_makes_no_heavy_card() -> None:
    out = io.BytesIO()
    Image.effect_noise((384, 384), 120).convert("RGB").save(out, "JPEG", quality=95)
    assert len(draw(ANN._replace(theme="paper", name=LONG), out.getvalue())) < cards.BYTES_MAX


def test_equal_profiles_have_equal_bytes_also_in_a_process_that_remembers_nothing() -> None:
    body = draw(ANN, square("teal"))
    assert draw(ANN, square("teal")) == body
    grounds.ground.cache_clear()
    cards._disc.cache_clear()
    cards._shadow.cache_clear()
    assert draw(ANN, square("teal")) == body


def test_whatever_a_card_shows_makes_another_card() -> None:
    others = [ANN._replace(theme=theme) for theme in THEMES]
    others += [ANN._replace(name="Ann Lea"), ANN._replace(username="anna"), ANN._replace(site="Elsewhere")]
    bodies = {draw(other, None) for other in others} | {draw(ANN, square("teal")), draw(ANN, square("red"))}
    assert len(bodies) == len(others) + 2


# ── the face ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
@pytest.mark.parametrize("theme", THEMES)
def test_the_avatar_is_a_disc_in_the_middle_of_the_centred_square(theme: str, kind: str) -> None:
    card = ANN._replace(theme=theme)
    changed = ImageChops.difference(seen(card, square("#00ffff", kind)), seen(card, square("#ff0000", kind)))
    box = changed.convert("L").point(lambda level: 255 if level > 60 else 0).getbbox()
    assert box is not None
    left, top, right, bottom = box
    assert abs((left + right) / 2 - 600) <= 1 and abs((right - left) - (bottom - top)) <= 2
    assert right - left >= 200 and top > 40
    # Its corners are ground, not avatar.
    assert max(changed.getpixel((left + 12, top + 12))) < 24  # type: ignore[arg-type]


def test_a_transparent_avatar_lies_on_white() -> None:
    image = seen(ANN, square("#00000000", "PNG", "RGBA"))
    red, green, blue = image.getpixel((600, 210))  # type: ignore[misc]
    assert min(red, green, blue) > 250


def test_without_an_avatar_the_initials_stand_for_it_in_the_profiles_own_colour() -> None:
    colours = {seen(ANN._replace(seed=seed)).getpixel((520, 210)) for seed in map(str, range(8))}
    assert len(colours) > 3


# ── names ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("face", ["sans-semibold", "serif-semibold"])
@pytest.mark.parametrize(
    "name",
    ["Ann Lee", "Ελένη Παππά", "Тарас Їжак", "Nguyễn Thị Ánh", "Łukasz Żak", "Åsa Öğüt", "Ștefan Țiriac", "O’Neill & Co. №5"],
)  # fmt: skip
def test_names_of_many_tongues_are_drawn_as_they_are(name: str, face: str) -> None:
    assert " ".join(lines(name, face)) == name


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("Ann Lee 🌸", "Ann Lee"),
        ("🦊 Fox · 狐", "Fox"),
        ("Yuki Tanaka (雪)", "Yuki Tanaka"),
        ("A\u030asa", "Åsa"),
        ("Ọ\u0300ṣun", "Ọṣun"),
        ("𝕬𝖗𝖙 𝓛𝓮𝓮", "Art Lee"),
        ("Ann\u200b\u202eLee", "AnnLee"),
        ("Ann\nLee\t\x00", "Ann Lee"),
    ],
)
def test_what_the_fonts_lack_is_left_out(name: str, drawn: str) -> None:
    assert " ".join(lines(name)) == drawn


@pytest.mark.parametrize("name", ["山田太郎", "ليلى", "अनन्या", "🦊🦊", "★", "", "\u202e", "山田太郎 A"])
def test_the_username_takes_the_place_of_a_name_that_cant_be_drawn(name: str) -> None:
    assert lines(name) == []
    assert seen(ANN._replace(name=name)).tobytes() == seen(ANN._replace(name="山" + name)).tobytes()
    assert seen(ANN._replace(name=name)).tobytes() != seen(ANN._replace(name=name, username="bo")).tobytes()


def test_a_serif_without_the_letters_stands_back() -> None:
    assert set_name("Ѕѓѣ Ҕѯ", Face("serif-semibold")).face == Face("sans-semibold")
    assert set_name("Ali", Face("serif-semibold")).face == Face("serif-semibold")


def test_a_name_is_as_large_as_its_length_allows_and_breaks_between_words() -> None:
    short, two, long = (set_name(name, cards.SANS) for name in ("Ann", "Alexandra Papadopoulou", LONG))
    assert short.size_px > two.size_px > long.size_px
    assert two.lines == ["Alexandra", "Papadopoulou"]
    assert " ".join(long.lines) == LONG
    assert lines("Zoë Tavares-Wójcik") == ["Zoë", "Tavares-Wójcik"]
    assert set_name("", cards.SANS).lines == []


@pytest.mark.parametrize(
    "name", ["W" * 80, "W" * 40 + " " + "M" * 39, "Ŵ ж " * 20, "-" * 79 + "a", "i" * 80, "@" * 79 + "W"]
)
def test_no_line_is_wider_than_the_card(name: str) -> None:
    for face in ("sans-semibold", "serif-semibold"):
        setting = set_name(name, Face(face))
        assert 1 <= len(setting.lines) <= 2
        assert all(
            line and setting.face.width(line, setting.size_px) <= cards.WIDE_PX for line in setting.lines
        )
    assert lines("W" * 80)[-1].endswith("W…")


@settings(max_examples=60, deadline=None)
@given(
    name=st.text(max_size=100) | st.text("AÅжλ -.,(山ل🦊\u0301\u202e", max_size=100),
    theme=st.sampled_from(THEMES),
    site=st.text(max_size=100),
)
def test_no_name_is_too_odd(name: str, theme: str, site: str) -> None:
    assert seen(Card(name, "w" * 39, theme, "seed", site)).size == grounds.SIZE


# ── letters ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("file", ["sans-semibold", "sans-medium", "serif-semibold"])
def test_a_face_kerns_also_what_has_accents(file: str) -> None:
    face = Face(file)
    for pair in ("AV", "To", "ÁV", "ГД", "Yá"):
        assert face.width(pair) < sum(map(face.width, pair)) - 10, pair
    assert face.width("nn") == 2 * face.width("n")


@pytest.mark.parametrize("file", ["sans-semibold", "sans-medium", "serif-semibold"])
def test_a_drawn_text_is_as_wide_as_it_was_measured_and_has_no_box(file: str) -> None:
    face = Face(file)
    box = face.drawn("HAVEN", 96).getbbox()
    assert box is not None
    assert abs((box[2] - box[0]) - face.width("HAVEN", 96)) < 96 * 0.2
    assert not any(map(face.has, "山ل🦊\U0010ffff"))
    assert all(map(face.has, "Aéжλễ @-_09…"))


def test_a_changed_font_is_another_release() -> None:
    assert {name for name in release._code() if name.startswith("generator/fonts/")} == {
        f"generator/fonts/{file}.{kind}"
        for file in ("sans-semibold", "sans-medium", "serif-semibold")
        for kind in ("woff2", "json")
    }


@pytest.mark.parametrize("file", ["sans-semibold", "sans-medium", "serif-semibold"])
def test_neither_accents_nor_tails_are_cut(file: str) -> None:
    for letter in "ẪẾỖǺŮĄŞỵђjçÅŰ@Ǻ":
        mask = Face(file).drawn(letter, 48)
        box = mask.getbbox()
        assert box is not None
        assert box[0] > 0 and box[1] > 0 and box[2] < mask.width and box[3] < mask.height, letter


# ── colours ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("avatar", [None, square("white"), square("black")])
@pytest.mark.parametrize("name", ["Ann Lee", "Alexandra Papadopoulou", LONG, "W" * 80, "山"])
@pytest.mark.parametrize("theme", THEMES)
def test_every_text_can_be_read_on_the_ground_it_stands_on(
    theme: str, name: str, avatar: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ground and avatar are drawn without texts; each text is then compared with all pixels that it covers."""
    written: list[tuple[str, Image.Image, tuple[int, int]]] = []
    bare: list[Image.Image] = []

    def noted(
        image: Image.Image, text: str, face: Face, size_px: int, colour: str, left: int, base: int
    ) -> None:
        written.append((colour, face.drawn(text, size_px), (left - size_px // 4, base - rise_px(size_px))))
        bare.append(image)

    monkeypatch.setattr(cards, "_write", noted)
    draw(Card(name, "w" * 39, theme, "seed", "The Site of Many Long Names"), avatar)
    assert len(written) >= 2
    for (colour, mask, (left, top)), image in zip(written, bare, strict=True):
        inked = mask.point(lambda level: 255 if level > 60 else 0).getbbox()
        assert inked is not None
        under = image.crop((left + inked[0], top + inked[1], left + inked[2], top + inked[3]))
        few = under.resize((under.width // 3, under.height // 3), Image.Resampling.NEAREST)
        for _, rgb in few.getcolors(few.width * few.height) or []:
            assert contrast(colour, "#{:02x}{:02x}{:02x}".format(*rgb)) >= 4.5, (theme, colour, rgb)


@pytest.mark.parametrize("theme", THEMES)
def test_a_card_wears_the_colours_of_its_theme(theme: str) -> None:
    look = grounds.LOOKS[theme]
    css = (Path(templates.__file__).parent / "themes" / f"{theme}.css").read_text()
    used = set(re.findall(r"#[0-9a-f]{6}\b", f"{look[1:-1]} {inspect.getsource(look.paint)}"))
    assert len(used) > 4
    assert used - set(re.findall(r"#[0-9a-f]{6}\b", css)) <= {"#ffffff"}
    assert look.text in {colours["text"] for colours in palettes(theme)}
