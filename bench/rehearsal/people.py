"""Invented people as files that `holdfast import` takes: the same ones for the same seed, some 3 kB each, none like another."""

from __future__ import annotations

import hashlib
import json
import random
import tomllib
from pathlib import Path
from typing import Any

from cli.archive import FORMAT, VERSION

_MADE_OF: dict[str, list[str]] = tomllib.loads((Path(__file__).parent / "words.toml").read_text("utf-8"))
FIRST, LAST, CRAFTS, PLACES, TAGS, ICONS, WORDS = (
    _MADE_OF[name] for name in ("first", "last", "crafts", "places", "tags", "icons", "words")
)
WITH_POSTS = 0.1
"""The share of people who write posts."""


def write_people(folder: Path, count: int, seed: int) -> list[str]:
    """Writes so many profiles, a file each; their usernames."""
    folder.mkdir(parents=True)
    names = []
    for number in range(count):
        # A generator for each: the first hundred of a thousand are the same as a hundred.
        chance = random.Random(f"{seed}/{number}")
        username = f"{chance.choice(FIRST)}-{chance.choice(LAST)}-{number}"
        (folder / f"{username}.json").write_text(json.dumps(_file(chance, username)), "utf-8")
        names.append(username)
    return names


def _file(chance: random.Random, username: str) -> dict[str, Any]:
    posts = [_post(chance, username, number) for number in range(chance.randint(1, 3))]
    return {
        "format": FORMAT,
        "version": VERSION,
        "username": username,
        "profile": _profile(chance, username),
        "posts": posts if chance.random() < WITH_POSTS else [],
        "media": [],
    }


def _profile(chance: random.Random, username: str) -> dict[str, Any]:
    first, last, _ = username.split("-")
    place = chance.choice(PLACES)
    return {
        "name": f"{first.title()} {last.title()}",
        "tagline": f"{chance.choice(CRAFTS).capitalize()} in {place}.",
        "bio": "\n\n".join(_prose(chance, chance.randint(25, 60)) for _ in range(chance.randint(1, 3))),
        "place": place,
        "pronouns": chance.choice(["", "she/her", "he/him", "they/them"]),
        "language": chance.choice(["en", "en", "en", "de", "fr", "sv"]),
        "tags": chance.sample(TAGS, chance.randint(2, 9)),
        "theme": chance.choice(["plain", "dusk", "paper", "moss"]),
        "links": [
            {
                "label": _words(chance, chance.randint(1, 4)).title(),
                "url": f"https://example.org/{username}/{chance.getrandbits(32):08x}",
                "icon": chance.choice(ICONS),
                "group": chance.choice(["", "", "Buy", "Elsewhere"]),
            }
            for _ in range(chance.randint(5, 15))
        ],
        "sections": chance.sample(
            [_timeline(chance), _praise(chance), _events(chance), _text(chance)], chance.randint(1, 3)
        ),
    }


def _timeline(chance: random.Random) -> dict[str, Any]:
    years = sorted(chance.sample(range(1998, 2026), chance.randint(2, 6)))
    return {
        "kind": "timeline",
        "title": "Years",
        "milestones": [
            {"title": _words(chance, 4).capitalize(), "date": str(year), "description": _prose(chance, 12)}
            for year in years
        ],
    }


def _praise(chance: random.Random) -> dict[str, Any]:
    return {
        "kind": "testimonials",
        "title": "Kind words",
        "testimonials": [
            {
                "name": f"{chance.choice(FIRST).title()} {chance.choice(LAST).title()}",
                "quote": _prose(chance, 18),
            }
            for _ in range(chance.randint(1, 4))
        ],
    }


def _events(chance: random.Random) -> dict[str, Any]:
    return {
        "kind": "events",
        "title": "Where to meet me",
        "events": [
            {
                "name": _words(chance, 3).title(),
                "when": f"{chance.randint(1, 28)} May",
                "place": chance.choice(PLACES),
            }
            for _ in range(chance.randint(1, 4))
        ],
    }


def _text(chance: random.Random) -> dict[str, Any]:
    return {"kind": "text", "title": _words(chance, 3).capitalize(), "body": _prose(chance, 60)}


def _post(chance: random.Random, username: str, number: int) -> dict[str, Any]:
    title = _words(chance, 4).capitalize()
    return {
        # As an export has it: an id of 20 hexadecimal digits.
        "id": hashlib.sha256(f"{username}/{number}".encode()).hexdigest()[:20],
        "slug": f"{title.lower().replace(' ', '-')}-{number}",
        "title": title,
        "body": _prose(chance, 80),
        "tags": chance.sample(TAGS, 2),
        "date": f"2026-{chance.randint(1, 11):02}-{chance.randint(1, 28):02}",
        "state": "published",
    }


def _words(chance: random.Random, count: int) -> str:
    return " ".join(chance.choices(WORDS, k=count))


def _prose(chance: random.Random, count: int) -> str:
    """Sentences with some Markdown in them."""
    words = chance.choices(WORDS, k=count)
    words[chance.randrange(count)] = f"**{chance.choice(TAGS)}**"
    for at in range(7, count - 1, 9):
        words[at] += "."
        words[at + 1] = words[at + 1].capitalize()
    return " ".join(words).capitalize() + "."
