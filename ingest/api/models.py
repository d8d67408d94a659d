"""What the API's bodies hold, beyond the nouns of core; the OpenAPI document is made of these models."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field, RootModel

from core.media import Focus, Frozen, Media, State, UploadKind, Use
from core.profile import Head, Post, Profile
from core.settings import SiteSettings
from ingest.access import name_of, page_url
from ingest.accounts import Username
from ingest.gallery import StepView


class ApiModel(BaseModel):
    """An answer of the API's."""


class SessionView(ApiModel):
    """A session. `token` goes into `Authorization: Bearer …`; the same is set as a cookie for browsers."""

    token: str
    account_id: str
    expires_in_s: int


class ProfileView(ApiModel):
    """A profile with what surrounds it. PUT and PATCH take what stands under `profile`; ETag is `edit`."""

    id: str
    username: str
    former_usernames: list[str]
    url: str
    edit: int
    revision: int
    created_at: int
    edited_at: int
    profile: Profile


class ProfileList(ApiModel):
    profiles: list[ProfileView]


class SignedUp(SessionView):
    """A new account's session and its first profile."""

    profile: ProfileView


class Rename(Frozen):
    username: Username


class PasswordCheck(Frozen):
    """The account's password, asked for again."""

    password: str


class PasswordChange(Frozen):
    password: str
    new_password: str


class MergePatch(RootModel[dict[str, Any]]):
    """A JSON Merge Patch (RFC 7396) for a Profile: null removes, which puts the default back; lists are replaced."""


class PostView(Post):
    url: str = ""


class PostList(ApiModel):
    """Posts, newest first. `next` goes into `?after=`; absent on the last page."""

    posts: list[PostView]
    next: str | None = None


class MediaView(ApiModel):
    """A photo or video. `ready` are the recipes whose results exist, `now` is what a worker is at; `thumbhash` is a picture of
    some 25 bytes (ThumbHash, in Base64). `awaited` are the uses that a picture which is ready is still to be made for."""

    id: str
    kind: UploadKind
    state: State
    failure: str
    filename: str
    type: str
    bytes: int
    alt: str
    listed: bool
    position: int
    width: int | None
    height: int | None
    duration_s: float | None
    colour: str
    thumbhash: str
    focus: Focus | None
    ready: list[str]
    awaited: tuple[Use, ...] = ()
    now: StepView | None = None


class MediaList(ApiModel):
    """All media by position. The ETag is the profile's."""

    media: list[MediaView]


class MediaOrder(RootModel[Annotated[list[str], Field(max_length=500)]]):
    """Ids of media in their new order; those left out follow behind."""


class UploadState(ApiModel):
    """An upload under way. Send the next piece with `Upload-Offset: <offset>`."""

    upload_id: str
    media_id: str
    offset: int
    chunk_bytes_max: int


class UploadFinish(Frozen):
    """`sha256` (hex) of the whole file is compared if given."""

    sha256: str | None = None


class Problem(ApiModel):
    """RFC 9457. `fields` maps each bad field's path to what is wrong; `edit` is the newest edit; `offset` where to go on."""

    type: str
    title: str
    status: int
    detail: str = ""
    instance: str = ""
    fields: dict[str, str] | None = None
    edit: int | None = None
    offset: int | None = None


def profile_view(head: Head, site: SiteSettings) -> ProfileView:
    return ProfileView(
        id=head.id,
        username=name_of(head),
        former_usernames=[one.username for one in head.former_names],
        url=page_url(site, head),
        edit=head.edit,
        revision=head.revision,
        created_at=head.created_at,
        edited_at=head.edited_at,
        profile=head.profile,
    )


def media_view(medium: Media, now: StepView | None, awaited: tuple[Use, ...]) -> MediaView:
    assert medium.kind != "card"
    return MediaView(
        id=medium.id,
        kind=medium.kind,
        state=medium.state,
        failure=medium.failure,
        filename=medium.filename,
        type=medium.original_type,
        bytes=medium.original_bytes,
        alt=medium.alt,
        listed=medium.listed,
        position=medium.position,
        width=medium.width,
        height=medium.height,
        duration_s=medium.duration_s,
        colour=medium.colour,
        thumbhash=medium.thumbhash,
        focus=medium.focus,
        ready=[one.recipe for one in medium.made],
        awaited=awaited,
        now=now,
    )
