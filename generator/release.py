"""Release: templates, assets, generator code and the settings that pages read, named by one fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from jinja2 import DictLoader, Environment, StrictUndefined

import core
import templates
from core import keys
from core.settings import SiteSettings
from generator.icons import Icons
from generator.urls import Urls

# What decides a page's bytes besides the generator itself.
CORE_FILES = ("document.py", "keys.py", "media.py", "profile.py", "rank.py")
LIBRARIES = ("jinja2", "markdown-it-py", "markupsafe", "nh3", "pillow", "pydantic")
ASSET_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file under a key that holds its digest, so it may be cached for ever: `_assets/style.0a1b2c3d4e5f.css`."""

    name: str
    key: str
    body: bytes
    type: str


@dataclass(frozen=True, slots=True)
class Release:
    """All that pages are drawn with. `fingerprint` (32 hex digits) is equal on every machine with the same files,
    libraries and site settings. `bare_fingerprint` is that of what bare files (`keys.is_bare`) are drawn with: neither
    templates nor, but for the site's address, settings."""

    fingerprint: str
    bare_fingerprint: str
    site: SiteSettings
    assets: tuple[Asset, ...]
    icons: Icons = field(repr=False, compare=False)
    environment: Environment = field(repr=False, compare=False)

    def asset_url(self, name: str, urls: Urls) -> str:
        """The root-relative address of the asset `name` ("style.css")."""
        return urls.at(next(asset.key for asset in self.assets if asset.name == name))

    def draw(self, template: str, context: dict[str, object]) -> str:
        return self.environment.get_template(template).render(context)


def load_release(site: SiteSettings, templates_dir: Path | None = None) -> Release:
    """Reads templates and static files (ours, unless another folder is named) and names what it read.

    `holdfast dev` calls it again when a file has changed; a worker and an edge call it once, at start.
    """
    folder = templates_dir or Path(templates.__file__).parent
    read = {path.relative_to(folder).as_posix(): path.read_bytes() for path in _files(folder)}
    environment = Environment(
        # What is drawn is what was named: files that change later are another release's.
        loader=DictLoader({name: body.decode() for name, body in read.items() if name.endswith(".html")}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    code, address = _code(), f"{site.url} {site.path}".encode()
    drawn_with = {f"templates/{name}": body for name, body in read.items()}
    return Release(
        fingerprint=_fingerprint(code | drawn_with | {"site": site.model_dump_json().encode()}),
        bare_fingerprint=_fingerprint(code | {"site": address}),
        site=site,
        assets=tuple(_assets(read)),
        icons=Icons.read(read["icons/icons.json"]),
        environment=environment,
    )


def urls_of(site: SiteSettings) -> Urls:
    """The addresses of a site, as its settings have them."""
    return Urls(site.url, site.path, site.media_url or None)


def _assets(read: Mapping[str, bytes]) -> Iterator[Asset]:
    """`static/` but for its licences and notes, with all themes in the one style sheet: a reader's second page needs no second request."""
    for path, body in read.items():
        if not path.startswith("static/") or Path(path).suffix not in ASSET_TYPES:
            continue
        name = path.rpartition("/")[2]
        if name == "style.css":
            body = b"\n".join([body, *(theme for one, theme in read.items() if one.startswith("themes/"))])
        digest = hashlib.sha256(body).hexdigest()[:12]
        yield Asset(name, keys.asset(name, digest), body, ASSET_TYPES[Path(name).suffix])


def _files(folder: Path) -> list[Path]:
    """Every file below, in one order everywhere; editors' own files left out."""
    found = (path for path in folder.rglob("*") if path.is_file())
    shown = (path for path in found if not path.name.startswith(".") and not path.name.endswith("~"))
    return sorted(
        (path for path in shown if path.suffix not in (".pyc", ".py")),
        key=lambda p: p.relative_to(folder).as_posix(),
    )


def _code() -> dict[str, bytes]:
    """The generator with its fonts, what it rests on in `core`, and the versions of the libraries."""
    code = Path(__file__).parent
    read = sorted([*code.glob("*.py"), *code.glob("fonts/*.woff2"), *code.glob("fonts/*.json")])
    parts = {f"generator/{path.relative_to(code).as_posix()}": path.read_bytes() for path in read}
    parts |= {f"core/{name}": (Path(core.__file__).parent / name).read_bytes() for name in CORE_FILES}
    return parts | {f"library/{name}": version(name).encode() for name in LIBRARIES}


def _fingerprint(parts: Mapping[str, bytes]) -> str:
    whole = hashlib.sha256()
    for name, body in sorted(parts.items()):
        whole.update(f"{name}\n{len(body)}\n".encode() + body)
    return whole.hexdigest()[:32]
