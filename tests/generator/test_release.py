"""A release: one fingerprint for all that decides a page's bytes; assets, addresses, icons, drawn initials, colours."""

from __future__ import annotations

import io
import re
import shutil
from itertools import product
from pathlib import Path

import pytest
from PIL import Image

import templates
from core import keys
from core.settings import SiteSettings
from generator import initials
from generator.icons import Icons, icon_for
from generator.release import Release, load_release
from generator.urls import Urls

OURS = Path(templates.__file__).parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of our templates that a test may change."""
    return Path(shutil.copytree(OURS, tmp_path / "templates", ignore=shutil.ignore_patterns("__pycache__")))


def test_equal_files_have_one_fingerprint_wherever_they_lie(folder: Path, release: Release) -> None:
    assert load_release(release.site, folder).fingerprint == release.fingerprint
    assert re.fullmatch(r"[0-9a-f]{32}", release.fingerprint)


@pytest.mark.parametrize("name", ["base.html", "parts/card.html", "static/style.css", "themes/moss.css"])
def test_a_changed_file_is_another_release(name: str, folder: Path, release: Release) -> None:
    with (folder / name).open("a") as file:
        file.write("\n")
    assert load_release(release.site, folder).fingerprint != release.fingerprint


def test_changed_settings_are_another_release(release: Release) -> None:
    assert load_release(SiteSettings(name="Pier")).fingerprint != release.fingerprint


def test_what_an_editor_leaves_behind_is_no_release(folder: Path, release: Release) -> None:
    (folder / ".base.html.swp").write_text("x")
    (folder / "base.html~").write_text("x")
    assert load_release(release.site, folder).fingerprint == release.fingerprint


def test_an_assets_key_changes_with_its_bytes(folder: Path, release: Release) -> None:
    with (folder / "themes" / "dusk.css").open("a") as file:
        file.write("\n/* later */")
    urls = Urls("https://quay.example", "/people")
    before, after = (
        one.asset_url("style.css", urls) for one in (release, load_release(release.site, folder))
    )
    assert before != after
    assert before.startswith("/people/_assets/style.")
    style = next(asset for asset in release.assets if asset.name == "style.css")
    assert (style.type, keys.route("/" + style.key).key) == ("text/css; charset=utf-8", style.key)


@pytest.mark.parametrize(
    ("path", "key", "address"),
    [
        ("", "index.html", "https://quay.example/"),
        ("/people", "index.html", "https://quay.example/people"),
        ("", "ann/index.html", "https://quay.example/ann"),
        ("/people", "ann/feed.xml", "https://quay.example/people/ann/feed.xml"),
        ("", "ann/posts/日記/index.html", "https://quay.example/ann/posts/%E6%97%A5%E8%A8%98"),
    ],
)
def test_an_address_is_absolute_or_root_relative_and_always_ascii(path: str, key: str, address: str) -> None:
    urls = Urls("https://quay.example", path)
    assert urls.of(key) == address
    assert urls.at(key) == address.removeprefix("https://quay.example")


@pytest.mark.parametrize(
    ("icon", "url", "name"),
    [
        ("", "https://www.github.com/ann", "github"),
        ("", "https://gist.github.com/ann", "github"),
        ("", "https://twitter.com/ann", "x"),
        ("", "https://mastodon.example/@ann", "mastodon"),
        ("", "https://ann.bandcamp.com", "bandcamp"),
        ("", "mailto:ann@example.org", "mail"),
        ("", "tel:+351", "phone"),
        ("", "https://unknown.example", "globe"),
        ("", "https://localhost", "globe"),
        ("", "http://[broken", "globe"),
        ("fagraduationcap", "https://github.com/ann", "graduation"),
        ("linkedin-in", "https://unknown.example", "linkedin"),
        ("nonsense", "https://github.com/ann", "github"),
    ],
)
def test_a_link_has_the_creators_icon_or_its_services(
    icon: str, url: str, name: str, release: Release
) -> None:
    assert release.icons.name_for(icon, url) == name
    assert release.icons[name].svg


def test_every_icon_is_a_drawing_and_nothing_else() -> None:
    body = (OURS / "icons" / "icons.json").read_bytes()
    icons = Icons.read(body)
    for name in re.findall(rb'^  "([a-z0-9-]+)":', body, re.MULTILINE):
        drawing = icons[name.decode()]
        assert drawing.kind in ("fill", "stroke")
        assert set(re.findall(r"<([a-z]+)", drawing.svg)) <= {"path", "circle", "rect", "line", "polyline", "polygon", "ellipse"}  # fmt: skip
        assert not re.search(r"\bon\w+=|href|style=|url\(", drawing.svg)
    assert icon_for("https://example.org") == "example"


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Ann Lee Orr", "AO"),
        ("ann", "A"),
        ("  ", ""),
        ("🦊", ""),
        ("🦊 Fox", "F"),
        ("Åsa", "Å"),
        ("ßen", "S"),
    ],
)
def test_initials_are_the_first_letters_of_first_and_last_word(name: str, letters: str) -> None:
    assert initials.initials(name) == letters


@pytest.mark.parametrize("name", ["Ann Lee", "山田太郎", "ليلى", "🦊", "Łukasz Żak"])
def test_every_name_has_an_icon_with_something_on_it(name: str) -> None:
    body = initials.draw(name, "seed", "moss")
    image = Image.open(io.BytesIO(body))
    assert (image.format, image.size) == ("PNG", (256, 256))
    middle = image.convert("L").crop((64, 64, 192, 192))
    darkest, lightest = middle.getextrema()
    assert isinstance(darkest, int) and isinstance(lightest, int) and lightest - darkest > 80
    initials._drawn.cache_clear()
    assert initials.draw(name, "seed", "moss") == body


def test_two_people_of_one_name_differ_and_a_name_in_another_script_is_no_box() -> None:
    assert len({initials.draw("Ann", seed) for seed in map(str, range(8))}) > 3
    assert initials.draw("山", "seed") == initials.draw("ليلى", "seed") != initials.draw("A", "seed")


# ── colours ───────────────────────────────────────────────────────────────────────────────────────


def luminance(colour: str) -> float:
    """WCAG 2.2's relative luminance of #rgb or #rrggbb."""
    digits = colour.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def palettes(theme: str) -> list[dict[str, str]]:
    """The theme's colours by name: light, dark."""
    light, dark = (OURS / "themes" / f"{theme}.css").read_text().split("@media")
    found = [dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{3,6})\b", part)) for part in (light, dark)]
    return [found[0], found[0] | found[1]]


@pytest.mark.parametrize("theme", ["plain", "dusk", "paper", "moss"])
def test_every_text_can_be_read_on_every_ground(theme: str) -> None:
    for colours in palettes(theme):
        for text, ground in product(("text", "quiet", "accent"), ("bg", "card", "soft")):
            assert contrast(colours[text], colours[ground]) >= 4.5, (theme, text, ground)
        assert contrast(colours["on-accent"], colours["accent"]) >= 4.5, theme
    for pair in initials.PALETTES[theme]:
        for colour in pair.split():
            assert contrast("#ffffff", colour) >= 4.5, (theme, colour)
