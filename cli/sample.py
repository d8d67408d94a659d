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
from examples import Artist, artists, make_media

DOMAIN = "example.org"
REVISION_LIVE_S = 30.0


def load_sample(
    settings: Settings, events: Events, stopping: Callable[[], bool], *, wanted: bool
) -> Login | None:
    """Loads the artists into an empty site (`wanted`), or remembers how to log in to the one loaded earlier."""
    note = settings.data.dir / "secrets" / "sample.json"
    if not wanted:
        return Login(**json.loads(note.read_text())) if note.exists() else None
    people = artists()
    login = Login(f"{people[0].username}@{DOMAIN}", secrets.token_urlsafe(9), people[0].username)
    _remember(note, login)
    folder = settings.data.dir / "sample"
    events.say("sample", f"drawing the pictures of {len(people)} invented artists")
    files = make_media(folder)
    for artist in people:
        if stopping():
            return login
        try:
            _load(artist, login.password, files, settings, events)
        except HoldfastError as error:
            events.say("sample", f"@{artist.username}: {error}", "yellow")
    return login


def _load(artist: Artist, password: str, files: dict[str, Path], settings: Settings, events: Events) -> None:
    with Client(settings.studio.url) as client:
        made = client.sign_up(
            f"{artist.username}@{DOMAIN}", password, artist.username, artist.profile["name"]
        )
        profile_id = made["id"]
        events.names[profile_id] = artist.username
        ids = {
            medium.ref: client.upload(profile_id, files[medium.file], purpose="post", alt=medium.alt)
            for medium in artist.media
        }
        for post in artist.posts:
            client.write_post(profile_id, **_with_ids(post, ids), state="published")
        now = client.profile(profile_id)
        done = client.edit(profile_id, now["edit"], **_with_ids(artist.profile, ids))
        receipt = client.wait_live(profile_id, done["revision"], timeout_s=REVISION_LIVE_S)
        elapsed_ms = receipt["live"]["at_ms"] - done["accepted_at_ms"]
        events.say(
            "live",
            f"@{artist.username} {max(elapsed_ms, 0)} ms after its edit was accepted: {receipt['url']}",
            "cyan",
        )


def _with_ids(value: object, ids: dict[str, str]) -> object:
    """References to pictures ("boats-1") become the ids that the uploads were given."""
    if isinstance(value, dict):
        return {key: _with_ids(one, ids) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_with_ids(one, ids) for one in value]
    return ids.get(value, value) if isinstance(value, str) else value


def _remember(note: Path, login: Login) -> None:
    note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(login._asdict(), file)
