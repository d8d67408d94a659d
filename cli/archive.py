"""Files of an import or export: safe reading of what strangers wrote, and our own format of one JSON document a profile.

FOLDER/ann.json               {"format": "holdfast-profile", "version": 1, "username", "profile", "posts", "media"}
FOLDER/originals/<media id>   what was uploaded, if the export was asked for it
FOLDER/captions/<media id>.<language>.vtt   captions of a video, as WebVTT, with the originals

A video's entry under "media" names its captions: "captions": [{"language": "pt-br", "label": "Português"}]; the label is
what viewers choose them by. An import takes SubRip under that name, too.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO, NamedTuple

from pydantic import Field, StringConstraints

from cli.biodrop import convert, is_biodrop
from cli.mending import mended
from core import keys
from core.errors import BadInput, HoldfastError, OperatorError
from core.fields import LF, LINE, TEXT, Line200, chars
from core.media import ALT_CHARS_MAX, Focus, Frozen, Id, Kind
from core.profile import POSTS_PER_PROFILE_MAX, Post, Profile, Snapshot
from generator.icons import Icons
from ingest.captions import LABEL_CHARS_MAX

FORMAT, VERSION = "holdfast-profile", 1
ORIGINALS, CAPTIONS_FOLDER = "originals", "captions"
FILE_BYTES_MAX = 16 << 20
PIECE_BYTES = 1 << 20


class Refused(HoldfastError):
    """A file that no profile can be made of; the reason is for the operator."""


class ArchivedCaptions(Frozen):
    """Captions of a video, whose text lies beside the file."""

    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[a-z0-9]{2,8}){0,2}$")]
    label: Annotated[str, chars(LABEL_CHARS_MAX), LINE] = ""


class ArchivedMedia(Frozen):
    """A medium of an exported profile. `sha256` (of the original) is there if the original is beside it."""

    id: Id
    kind: Kind = "image"
    alt: Annotated[str, StringConstraints(strip_whitespace=True, max_length=ALT_CHARS_MAX), LF, TEXT] = ""
    listed: bool = True
    position: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    filename: Line200 = ""
    focus: Focus | None = None
    sha256: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")] = ""
    captions: tuple[ArchivedCaptions, ...] = ()


class Candidate(NamedTuple):
    """A profile as its file tells of it. `is_ours` says that the file holds all of it; else only `biodrop.OURS`.

    `folder` is where its originals may lie; `notes` say what could not be taken over.
    """

    username: str
    profile: Profile
    is_ours: bool
    folder: Path
    notes: list[str]
    posts: tuple[Post, ...] = ()
    media: tuple[ArchivedMedia, ...] = ()


# ── reading ──


def profile_files(source: Path) -> list[Path]:
    """The JSON files of a folder by name, or the one file; OperatorError if there is none. Subfolders are left alone."""
    if source.is_file():
        return [source]
    try:
        with os.scandir(source) as entries:
            found = [entry.name for entry in entries if entry.name.lower().endswith(".json")]
    except OSError as error:
        raise OperatorError(
            f"{source} can't be read ({error.strerror}): name a folder of JSON profiles, or one file"
        ) from None
    if not found:
        raise OperatorError(f"{source} holds no .json file: name the folder whose files are the profiles")
    return [source / name for name in sorted(found)]


def read_candidate(path: Path, icons: Icons) -> Candidate:
    """The profile that a file holds, whatever its shape; raises Refused with the reason."""
    try:
        username = keys.username(
            path.name[: -len(".json")] if path.name.lower().endswith(".json") else path.name
        )
    except BadInput as error:
        raise Refused(f"its name can't be a username: it {error.fields['username']}") from None
    data = _read_json(path)
    if not isinstance(data, dict):
        raise Refused("it holds no profile: an object is expected")
    if data.get("format") == FORMAT:
        return _ours(data, username, path.parent)
    if not is_biodrop(data):
        raise Refused("it holds none of a profile's fields")
    fields, notes = convert(data, username, icons)
    found = mended(Profile, fields)
    if found.noun is None:
        raise Refused("; ".join(found.notes))
    return Candidate(username, found.noun, False, path.parent, notes + found.notes)


def open_original(folder: Path, media_id: str) -> BinaryIO | None:
    """The original that lies beside an exported profile, or None."""
    return _open(folder / ORIGINALS, media_id)


def open_captions(folder: Path, media_id: str, language: str) -> BinaryIO | None:
    """The captions that lie beside an exported profile, or None."""
    return _open(folder / CAPTIONS_FOLDER, captions_name(media_id, language))


def captions_name(media_id: str, language: str) -> str:
    return f"{media_id}.{language}.vtt"


def _open(folder: Path, name: str) -> BinaryIO | None:
    """Follows no symbolic link out of the folder."""
    try:
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
    except OSError:
        return None
    finally:
        os.close(directory)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        return None
    return os.fdopen(handle, "rb")


def sha256_of(file: BinaryIO) -> str:
    """Of the whole file; it stands at its beginning again."""
    whole = hashlib.sha256()
    while piece := file.read(PIECE_BYTES):
        whole.update(piece)
    file.seek(0)
    return whole.hexdigest()


def _read_json(path: Path) -> Any:
    """JSON in any of its encodings, with or without a byte order mark. Follows no symbolic link, waits at no pipe."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        why = "it is a symbolic link" if path.is_symlink() else f"it can't be read ({error.strerror})"
        raise Refused(why) from None
    about = os.fstat(handle)
    if not stat.S_ISREG(about.st_mode):
        os.close(handle)
        raise Refused("it is no plain file")
    with os.fdopen(handle, "rb") as file:
        body = file.read(FILE_BYTES_MAX + 1)
    if len(body) > FILE_BYTES_MAX:
        raise Refused(f"it is larger than {FILE_BYTES_MAX >> 20} MB")
    try:
        return json.loads(body)
    except RecursionError:
        raise Refused("it is nested too deeply") from None
    except ValueError as error:
        raise Refused(f"it is not JSON ({error})") from None


def _ours(data: dict[str, Any], username: str, folder: Path) -> Candidate:
    if data.get("version") != VERSION:
        raise Refused(
            f"its format has version {str(data.get('version'))[:20]}, and this Holdfast reads {VERSION}: upgrade"
        )
    profile = data.get("profile")
    if not isinstance(profile, dict):
        raise Refused("it holds no profile")
    if not isinstance(profile.get("name"), str) or not profile["name"].strip():
        profile["name"] = username
    found = mended(Profile, profile)
    if found.noun is None:
        raise Refused("; ".join(found.notes))
    notes = list(found.notes)
    posts = {post.slug: post for post in _rows(Post, data.get("posts"), "posts", notes)}
    media = {medium.id: medium for medium in _rows(ArchivedMedia, data.get("media"), "media", notes)}
    if len(posts) > POSTS_PER_PROFILE_MAX:
        notes.append(f"posts: may hold at most {POSTS_PER_PROFILE_MAX} entries; cut")
    kept = tuple(posts.values())[:POSTS_PER_PROFILE_MAX]
    return Candidate(username, found.noun, True, folder, notes, kept, tuple(media.values()))


def _rows(noun: Any, data: Any, name: str, notes: list[str]) -> Iterator[Any]:
    for number, one in enumerate(data if isinstance(data, list) else []):
        found = mended(noun, one) if isinstance(one, dict) else None
        notes.extend(f"{name}.{number}.{note}" for note in (found.notes if found else ()))
        if found and found.noun:
            yield found.noun
        else:
            notes.append(f"{name}.{number}: can't be used; left out")


# ── writing ──


def archived(
    snapshot: Snapshot, digests: dict[str, str], captions: dict[str, tuple[ArchivedCaptions, ...]]
) -> dict[str, Any]:
    """A profile with a name as its own document. `digests` are of the originals that lie beside it, by id, `captions` those
    whose texts do."""
    assert snapshot.head.name is not None
    media = [
        ArchivedMedia(
            id=one.id,
            kind=one.kind,
            alt=one.alt,
            listed=one.listed,
            position=one.position,
            filename=one.filename,
            focus=one.focus,
            sha256=digests.get(one.id, ""),
            captions=captions.get(one.id, ()),
        )
        for one in snapshot.uploads
    ]
    return {
        "format": FORMAT,
        "version": VERSION,
        "username": snapshot.head.name.username,
        "profile": snapshot.head.profile.model_dump(mode="json"),
        "posts": [post.model_dump(mode="json", exclude={"edit", "revision"}) for post in snapshot.posts],
        "media": [one.model_dump(mode="json") for one in media],
    }
