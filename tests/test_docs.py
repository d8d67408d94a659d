"""The documentation doesn't rot: its pages know every key and table, and every link leads to a file that is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
import typer.main

from cli.main import app
from core.purge_targets import Cloudflare, CloudFront, Fastly, Nginx, Varnish, WebhookTarget
from core.store.scylla.schema import LOCK, TABLES

ROOT = Path(__file__).parent.parent
STORE = (ROOT / "docs/store.md").read_text()
FRONT = (ROOT / "docs/front.md").read_text()
OBJECTS = (ROOT / "docs/objects.md").read_text()
PURGING = (ROOT / "docs/purging.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").rglob("*.md"))]
# [words](target) and [label]: target; what has a scheme, or only a place in the page, is no file of ours.
LINK = re.compile(r"\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$", re.MULTILINE)
LABEL = re.compile(r"\[[^\]]+\]\[([^\]]+)\]")


def links(text: str) -> list[str]:
    return [one or other for one, other in LINK.findall(text)]


def test_the_stores_page_explains_every_key() -> None:
    keys = tomllib.loads((ROOT / "site.toml").read_text())["store"]
    assert [key for key in [*keys, "HOLDFAST_STORE__PASSWORD"] if f"`{key}`" not in STORE] == []


def test_the_objects_page_explains_every_key() -> None:
    keys = tomllib.loads((ROOT / "site.toml").read_text())["objects"]
    assert [key for key in keys if f"`{key}`" not in OBJECTS] == []


def test_the_purging_page_explains_every_kind_and_key() -> None:
    kinds = (Cloudflare, CloudFront, Fastly, Nginx, Varnish, WebhookTarget)
    named = {key for kind in kinds for key in kind.model_fields} - {"token", "secrets"}
    named |= {value for kind in kinds for value in get_args(kind.model_fields["kind"].annotation)}
    assert [word for word in sorted(named) if not re.search(rf"`{word}\b", PURGING)] == []


def test_the_page_of_what_stands_in_front_explains_every_flag() -> None:
    command: Any = typer.main.get_command(app)
    shared = {"--site", "--data", "--studio", "--edge"}
    flags = {
        flag for param in command.get_command(None, "edge-config").params for flag in param.opts
    } - shared
    assert [flag for flag in sorted(flags) if flag.startswith("--") and f"`{flag}`" not in FRONT] == []


def test_the_stores_page_knows_every_table() -> None:
    assert [table.name for table in (*TABLES, LOCK) if f"`{table.name}`" not in STORE] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    text = page.read_text()
    files = [link.partition("#")[0] for link in links(text) if not re.match(r"\w+:|#", link)]
    assert [file for file in files if not (page.parent / file).exists()] == []
    assert [label for label in LABEL.findall(text) if f"\n[{label}]: " not in text] == []
