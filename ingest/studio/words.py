"""What the studio says about states and times, in a creator's words."""

from __future__ import annotations

from collections.abc import Collection

from core.media import CAPTIONS, Media, Use
from ingest.gallery import StepView

_RECIPES = {
    "still": "JPEG and WebP",
    "avif": "AVIF",
    "avatar": "portrait",
    "avatar-avif": "portrait as AVIF",
    "cover": "cover",
    "cover-avif": "cover as AVIF",
    "loop": "animation",
    "poster": "poster",
    "hls": "streaming",
    "mp4": "MP4",
    "storyboard": "storyboard",
    "sound": "sound",
}

LINK_DAYS = {1: "A day", 7: "A week", 30: "30 days"}

LANGUAGES = {
    "ar": "العربية",
    "cs": "Čeština",
    "da": "Dansk",
    "de": "Deutsch",
    "el": "Ελληνικά",
    "en": "English",
    "es": "Español",
    "fa": "فارسی",
    "fi": "Suomi",
    "fr": "Français",
    "he": "עברית",
    "hi": "हिन्दी",
    "hu": "Magyar",
    "id": "Bahasa Indonesia",
    "it": "Italiano",
    "ja": "日本語",
    "ko": "한국어",
    "nb": "Norsk bokmål",
    "nl": "Nederlands",
    "pl": "Polski",
    "pt": "Português",
    "pt-BR": "Português (Brasil)",
    "ro": "Română",
    "ru": "Русский",
    "sv": "Svenska",
    "tr": "Türkçe",
    "uk": "Українська",
    "vi": "Tiếng Việt",
    "zh-Hans": "简体中文",
    "zh-Hant": "繁體中文",
}

THEMES = {
    "plain": "Plain: white, ink and one blue",
    "dusk": "Dusk: rose over violet",
    "paper": "Paper: a warm, printed page",
    "moss": "Moss: a wood after rain",
}

VISIBILITIES = {
    "public": ("Public", "Anybody can find and read it."),
    "unlisted": ("Unlisted", "Who has the address can read it; lists and search engines leave it out."),
    "private": ("Private", "You, and who has a link that you make. Others see “not found”."),
}

MEDIA = {"image": "Photo", "video": "Video", "audio": "Recording"}

KINDS = {
    "text": ("Text", "A few paragraphs, with Markdown."),
    "gallery": ("Gallery", "Photos and videos in your order."),
    "video": ("Video", "One video, large."),
    "timeline": ("Timeline", "Milestones, one below the other."),
    "testimonials": ("Voices", "What others say about your work."),
    "events": ("Events", "Shows, readings, concerts."),
}


def progress(medium: Media, now: StepView | None = None, awaited: Collection[Use] = ()) -> str:
    """How a photo or video is coming on."""
    recipes = (one.recipe for one in medium.made if not one.recipe.startswith(CAPTIONS))
    ready = ", ".join(dict.fromkeys(map(_recipe, recipes)))
    match medium.state:
        case "failed":
            return medium.failure or "Couldn't be used."
        case "ready":
            return _awaited(awaited)
        case _ if now:
            step = f"Being made: {_recipe(now.step)}, step {now.steps_done + 1} of {now.steps}"
            return f"{step}; ready: {ready}" if ready else step
        case "making":
            return f"Being made: {ready} ready" if ready else "Being made"
        case _:
            return "Uploaded; waits its turn"


def _awaited(uses: Collection[Use]) -> str:
    if not uses:
        return "Ready"
    return (
        "Ready; a new crop is being made" if set(uses) - {"gallery"} else "Ready; other sizes are being made"
    )


def _recipe(name: str) -> str:
    return f"{name.removeprefix('rung-')}p" if name.startswith("rung-") else _RECIPES.get(name, name)


def seconds(ms: int) -> str:
    """A short time: "0.04 s", "12 s", "3 min"."""
    if ms < 10_000:
        return f"{max(ms, 0) / 1000:.2f} s"
    return f"{ms // 1000} s" if ms < 120_000 else f"{ms // 60_000} min"
