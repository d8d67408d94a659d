"""What a visitor without JavaScript does with a form: fill it in, read its fields and what stands beside them."""

from __future__ import annotations

import re
from html import unescape

import httpx

from tests.ingest.studios import PASSWORD, Browser, Studio


def sign_up(browser: Browser, username: str = "ann", email: str = "ann@example.org") -> httpx.Response:
    browser.visit("/")
    return browser.send(
        "/signup",
        {
            "username": username,
            "name": "Ann Weaver",
            "email": email,
            "password": PASSWORD,
        },
    )


def value(page: str, name: str) -> str:
    """What stands in a field of the page."""
    area = re.search(rf'<textarea [^>]*name="{re.escape(name)}"[^>]*>\n?(.*?)</textarea>', page, re.S)
    if area:
        return unescape(area.group(1))
    found = re.search(rf'<input [^>]*name="{re.escape(name)}"[^>]*', page)
    assert found, f"no field {name}"
    text = re.search(r'value="([^"]*)"', found.group(0))
    return unescape(text.group(1)) if text else ""


def error_of(page: str, name: str) -> str:
    """The words beside a field, found by the field's own aria-describedby."""
    field = re.search(rf'<(?:input|textarea|select) [^>]*name="{re.escape(name)}"[^>]*', page)
    assert field, f"no field {name}"
    assert 'aria-invalid="true"' in field.group(0), f"{name} is not marked as wrong"
    described = re.search(r'aria-describedby="([^"]*)"', field.group(0))
    assert described
    error_id = next(one for one in described.group(1).split() if one.endswith("-error"))
    words = re.search(rf'id="{error_id}">(.*?)</p>', page, re.S)
    assert words
    return re.sub(r"<[^>]+>", "", words.group(1))


def made_of(browser: Browser) -> dict[str, str]:
    return {name: value(browser.page, name) for name in ("edit", "seen")}


def end_all_sessions(studio: Studio, email: str = "ann@example.org") -> None:
    account = studio.store.accounts.by_email(email)
    assert account
    studio.store.accounts.end_sessions(account.id)


ABOUT = {"name": "Ann", "language": "en", "theme": "plain", "visibility": "public"}
