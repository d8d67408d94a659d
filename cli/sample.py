"""The sample site of `holdfast run`: signs invented artists up through the API, as any creator would, and tells how it goes."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cli.client import Client
from cli.console import Events, Login
from core.errors import HoldfastError
from core.settings import Settings
from examples import Artist, artists, media_as_made

DOMAIN = "example.org"
FIRST = "maren"
"""The artist whose page the console names."""
REVISION_LIVE_S = 30.0


def load_sample(
    settings: Settings, events: Events, stopping: Callable[[], bool], *, wanted: bool
) -> Login | None:
    """Loads the artists into an empty site (`wanted`), or remembers how to log in to the one loaded earlier."""
    note = settings.data.dir / "secrets" / "sample.json"
    if not wanted:
        return Login(**json.loads(note.read_text())) if note.exists() else None
    people = artists()
    login = Login(f"{FIRST}@{DOMAIN}", secrets.token_urlsafe(9), FIRST)
    _remember(note, login)
    events.say(
        "sample", f"{len(people)} invented artists sign up; their pictures are painted by our own script"
    )
    waiting = {artist.username: {medium.file for medium in artist.media} for artist in people}
    files: dict[str, Path] = {}
    for name, path in media_as_made(settings.data.dir / "sample"):
        if stopping():
            return login
        files[name] = path
        for artist in people:
            if artist.username in waiting and waiting[artist.username] <= files.keys():
                del waiting[artist.username]
                _guarded(artist, login.password, files, settings, events)
    return login


def _guarded(
    artist: Artist, password: str, files: dict[str, Path], settings: Settings, events: Events
) -> None:
    try:
        _load(artist, password, files, settings, events)
    except HoldfastError as error:
        events.say("sample", f"@{artist.username}: {error}", "yellow")


def _load(artist: Artist, password: str, files: dict[str, Path], settings: Settings, events: Events) -> None:
    with Client(settings.studio.url) as client:
        username = artist.username
        made = client.sign_up(f"{username}@{DOMAIN}", password, username, artist.draft["name"])
        profile_id = made["id"]
        ids = {
            medium.ref: client.upload(profile_id, files[medium.file], purpose="post", alt=medium.alt)
            for medium in artist.media
        }
        for post in artist.post_bodies(ids):
            client.write_post(profile_id, **post)
        edit = client.profile(profile_id)["edit"]
        done = client.edit(profile_id, edit, **artist.profile(ids).model_dump(mode="json"))
        receipt = client.wait_live(profile_id, done["revision"], timeout_s=REVISION_LIVE_S)
        elapsed_ms = max(0, receipt["live"]["at_ms"] - done["accepted_at_ms"])
        events.say("live", f"@{username}: {elapsed_ms} ms from accepted to live: {receipt['url']}", "cyan")


def _remember(note: Path, login: Login) -> None:
    note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(login._asdict(), file)
