"""Profiles of the BioDrop shape: one file's JSON in, fields of our Profile and a note on each thing left out.

https://github.com/EddieHubCommunity/BioDrop keeps one such file for each person; ours has no colours of links and no
layouts, so those are passed over in silence.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cli.mending import cleaned, mended_url
from core.profile import ITEMS_MAX
from generator.icons import Icons, icon_for

FIELDS = ("name", "bio", "tags", "socials", "links", "milestones", "testimonials", "events")
OURS = ("name", "bio", "tags", "links", "sections")
"""Fields of Profile that an import writes; of sections those of the kinds below."""
SECTIONS = ("timeline", "testimonials", "events")
SOCIALS_GROUP = "Elsewhere"

# What people call a service whose icon's name is not simply its own name with a capital.
_SERVICES = {
    "github": "GitHub", "gitlab": "GitLab", "linkedin": "LinkedIn", "youtube": "YouTube", "x": "X", "devto": "DEV",
    "buymeacoffee": "Buy Me a Coffee", "stackoverflow": "Stack Overflow", "tiktok": "TikTok", "whatsapp": "WhatsApp",
    "freecodecamp": "freeCodeCamp", "leetcode": "LeetCode", "hackerrank": "HackerRank", "producthunt": "Product Hunt",
    "soundcloud": "SoundCloud", "itchio": "itch.io", "kofi": "Ko-fi", "deviantart": "DeviantArt", "vk": "VK",
    "discordapp": "Discord", "wechat": "WeChat", "npm": "npm", "pypi": "PyPI",
}  # fmt: skip


class Converted(NamedTuple):
    fields: dict[str, Any]
    notes: list[str]


def is_biodrop(data: dict[str, Any]) -> bool:
    """Whether there is anything in it that this shape knows."""
    return any(field in data for field in FIELDS)


def convert(data: dict[str, Any], username: str, icons: Icons) -> Converted:
    """Fields as `core.profile.Profile` names them, not yet checked against its limits."""
    job = _Job(icons)
    name = job.text(data.get("name"), "name")
    if not name:
        job.notes.append(f"name: is missing; {username} stands in for it")
    links = job.links(data.get("links"))
    sections = [
        job.section("timeline", "Milestones", "milestones", data.get("milestones"), job.milestone),
        job.section(
            "testimonials", "Testimonials", "testimonials", data.get("testimonials"), job.testimonial
        ),
        job.section("events", "Events", "events", data.get("events"), job.event),
    ]
    fields = {
        "name": name or username,
        "bio": job.text(data.get("bio"), "bio"),
        "tags": job.tags(data.get("tags")),
        "links": links + job.socials(data.get("socials"), links),
        "sections": [section for section in sections if section],
    }
    return Converted(fields, job.notes)


class _Job:
    """One file's conversion, which collects its notes."""

    def __init__(self, icons: Icons) -> None:
        self.icons = icons
        self.notes: list[str] = []

    # ── values ──

    def text(self, value: Any, path: str) -> str:
        """A string, whatever was written; nothing for what is no text."""
        if value is None:
            return ""
        if isinstance(value, str):
            return value.strip()
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        self.notes.append(f"{path}: is not text; left out")
        return ""

    def url(self, value: Any, path: str, label: str = "") -> str:
        """The address; "" where there is none, or none that leads anywhere."""
        text = self.text(value, path)
        found = mended_url(text) if text else ""
        if found is None:
            of = f' ("{label}")' if label else ""
            self.notes.append(f"{path}{of}: {text[:80]} can't be used as an address; left out")
        return found or ""

    def icon(self, value: Any) -> str:
        """Our icon of that name; none where we draw none, and then the page takes the address' own."""
        return (self.icons.known(value) or "") if isinstance(value, str) and value.isascii() else ""

    def entries(self, value: Any, path: str) -> list[tuple[str, dict[str, Any]]]:
        """Objects of a list, each with its path."""
        if value is None:
            return []
        if not isinstance(value, list):
            self.notes.append(f"{path}: is not a list; left out")
            return []
        found = []
        for number, one in enumerate(value):
            if isinstance(one, dict):
                found.append((f"{path}.{number}", one))
            else:
                self.notes.append(f"{path}.{number}: is not an object; left out")
        return found

    # ── fields ──

    def tags(self, value: Any) -> list[str]:
        """Each tag once; one string with commas is taken apart."""
        listed = value.split(",") if isinstance(value, str) else value
        if listed is None:
            return []
        if not isinstance(listed, list):
            self.notes.append("tags: is not a list; left out")
            return []
        texts = (self.text(one, f"tags.{number}") for number, one in enumerate(listed))
        seen: dict[str, str] = {}
        for text in texts:
            if text:
                seen.setdefault(text.casefold(), text)
        return list(seen.values())

    def links(self, value: Any) -> list[dict[str, str]]:
        found = []
        for path, one in self.entries(value, "links"):
            label = self.text(one.get("name"), f"{path}.name")
            url = self.url(one.get("url"), path, label)
            if url:
                group = self.text(one.get("group"), f"{path}.group")
                found.append(
                    {
                        "label": label or service(url),
                        "url": url,
                        "icon": self.icon(one.get("icon")),
                        "group": group,
                    }
                )
            elif not one.get("url"):
                self.notes.append(f'{path} ("{label}"): has no address; left out')
        return found

    def socials(self, value: Any, links: list[dict[str, str]]) -> list[dict[str, str]]:
        """Addresses that no link has yet, in a group of their own."""
        known = {_same(link["url"]) for link in links}
        found = []
        for path, one in self.entries(value, "socials"):
            url = self.url(one.get("url"), path)
            if not url or _same(url) in known:
                continue
            known.add(_same(url))
            icon = self.icon(one.get("icon"))
            found.append({"label": service(url), "url": url, "icon": icon, "group": SOCIALS_GROUP})
        return found

    # ── sections ──

    def section(self, kind: str, title: str, field: str, value: Any, make: Any) -> dict[str, Any] | None:
        if field == "testimonials" and isinstance(value, list):
            value = [{"name": one} if isinstance(one, str) else one for one in value]
        made = [entry for path, one in self.entries(value, field) if (entry := make(path, one))]
        if len(made) > ITEMS_MAX:
            self.notes.append(f"{field}: may hold at most {ITEMS_MAX} entries; cut")
        return {"kind": kind, "title": title, field: made[:ITEMS_MAX]} if made else None

    def milestone(self, path: str, one: dict[str, Any]) -> dict[str, str] | None:
        title = self.text(one.get("title"), f"{path}.title")
        if not title:
            self.notes.append(f"{path}: has no title; left out")
            return None
        return {
            "title": title,
            "date": self.text(one.get("date"), f"{path}.date"),
            "description": self.text(one.get("description"), f"{path}.description"),
            "url": self.url(one.get("url"), f"{path}.url", title),
            "icon": self.icon(one.get("icon")),
        }

    def testimonial(self, path: str, one: dict[str, Any]) -> dict[str, str] | None:
        name = self.text(one.get("name") or one.get("username"), f"{path}.name")
        title = self.text(one.get("title"), f"{path}.title")
        words = self.text(one.get("description"), f"{path}.description")
        if not name or not (title or words):
            why = f'"{cleaned(name, one_line=True)}" comes without words' if name else "has no name"
            self.notes.append(f"{path}: {why}; left out")
            return None
        quote = f"**{title}**\n\n{words}" if title and words else words or title
        return {"name": name, "quote": quote, "role": self.text(one.get("date"), f"{path}.date")}

    def event(self, path: str, one: dict[str, Any]) -> dict[str, str] | None:
        name = self.text(one.get("name"), f"{path}.name")
        if not name:
            self.notes.append(f"{path}: has no name; left out")
            return None
        date = one.get("date")
        parts = [date.get("start"), date.get("end")] if isinstance(date, dict) else [date]
        days = [self.text(part, f"{path}.date")[:40] for part in parts]
        return {
            "name": name,
            "when": " – ".join(dict.fromkeys(day for day in days if day)),
            "description": self.text(one.get("description"), f"{path}.description"),
            "url": self.url(one.get("url"), f"{path}.url", name),
        }


def service(url: str) -> str:
    """What people call the place that an address leads to: "GitHub", else its host."""
    icon = icon_for(url)
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    known = _SERVICES.get("x" if icon == "twitter" else icon)
    return known or host or url.partition(":")[2].partition("?")[0]


def _same(url: str) -> str:
    """Addresses that lead to one place are mostly written alike, but for these."""
    return url.partition("://")[2].lower().removeprefix("www.").rstrip("/") or url
