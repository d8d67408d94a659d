"""The caches in front that `[[purge.target]]` names: what each kind needs to be purged, and where its secrets come from.

A secret needn't stand in the file: a key with `_env` behind it names the environment variable that holds it. Only workers
need that one; edges and studios do without.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from core.media import Frozen

WEBHOOK_SECRET_BYTES = range(24, 65)
"""Standard Webhooks 1.0.0, "Signature scheme"."""


def _address(url: str) -> str:
    if not re.fullmatch(r"https?://[^/\s?#@]+", url):
        raise ValueError('must be scheme://host[:port] without a path, such as "http://10.0.0.7:6081"')
    return url


def _url(url: str) -> str:
    if not re.fullmatch(r"https?://[^/\s?#@]+[^\s#]*", url):
        raise ValueError('must be a whole URL, such as "https://example.org/hooks/purges"')
    return url


def _some(given: tuple[Any, ...]) -> tuple[Any, ...]:
    # Not by min_length: pydantic doesn't count what is wrong, and would say so as well.
    if not given:
        raise ValueError("must name at least one")
    return given


def _webhook_secret(secret: SecretStr) -> SecretStr:
    prefix, _, rest = secret.get_secret_value().partition("_")
    try:
        size = len(base64.b64decode(rest, validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if prefix != "whsec" or size not in WEBHOOK_SECRET_BYTES:
        raise ValueError("must be whsec_ and 24 to 64 random bytes in base64")
    return secret


Address = Annotated[str, AfterValidator(_address)]
Addresses = Annotated[tuple[Address, ...], AfterValidator(_some)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(ge=0)]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Probe = Annotated[str, AfterValidator(lambda url: url and _address(url))]


class Cache(Frozen):
    """What all kinds have."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
    attempts: Count = 12
    timeout_s: Annotated[float, Field(gt=0)] = 10
    again_s: Seconds = 5

    @property
    def missing(self) -> str:
        """The variable that should hold its secret, and doesn't; "" if it has all it needs."""
        return ""


class WithToken(Cache):
    token: SecretStr = SecretStr("")
    token_env: str = ""

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if not self.token_env and not self.token.get_secret_value():
            raise ValueError("needs token_env: the name of the variable that holds its API token")
        return self

    @property
    def missing(self) -> str:
        return "" if self.token.get_secret_value() else self.token_env


class Cloudflare(WithToken):
    """The defaults are the limits of its Free plan ("Purge cache", "Purge limits")."""

    kind: Literal["cloudflare"]
    zone: Id
    endpoint: Annotated[str, AfterValidator(_url)] = "https://api.cloudflare.com/client/v4"
    per_minute: Count = 5
    burst: Count = 25
    probe: Probe = ""


class Fastly(WithToken):
    """An average of 100,000 key purges an hour is for one customer (API reference, "Rate limiting"): six calls of 256 a minute,
    if each key counts."""

    kind: Literal["fastly"]
    service: Id
    soft: bool = True
    endpoint: Annotated[str, AfterValidator(_url)] = "https://api.fastly.com"
    per_minute: Count = 6
    burst: Count = 60
    probe: Probe = ""


class CloudFront(Cache):
    """An invalidation takes it seconds to a minute, so it is asked again later than the others."""

    kind: Literal["cloudfront"]
    distribution: Id
    by: Literal["paths", "tags"] = "paths"
    profile: str = ""
    endpoint: str = ""
    again_s: Seconds = 30
    per_minute: Count = 60
    burst: Count = 10
    probe: Probe = ""


class Varnish(Cache):
    kind: Literal["varnish"]
    addresses: Addresses
    per_minute: Count = 6000
    burst: Count = 100


class Nginx(Cache):
    kind: Literal["nginx"]
    addresses: Addresses
    per_minute: Count = 6000
    burst: Count = 100


class WebhookTarget(Cache):
    """Its retries follow the schedule of Standard Webhooks, not `attempts`; an event is told once, so never again."""

    kind: Literal["webhook"]
    url: Annotated[str, AfterValidator(_url)]
    secrets: tuple[Annotated[SecretStr, AfterValidator(_webhook_secret)], ...] = ()
    secrets_env: str = ""
    timeout_s: Annotated[float, Field(gt=0)] = 20
    again_s: Annotated[float, Field(ge=0, le=0)] = 0
    per_minute: Count = 600
    burst: Count = 60

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if not self.secrets_env and not self.secrets:
            raise ValueError("needs secrets_env: the name of the variable that holds its whsec_ secrets")
        return self

    @property
    def missing(self) -> str:
        return "" if self.secrets else self.secrets_env


PurgeTarget = Annotated[
    Cloudflare | Fastly | CloudFront | Varnish | Nginx | WebhookTarget, Field(discriminator="kind")
]


def _names_of_their_own(targets: tuple[Any, ...]) -> tuple[Any, ...]:
    names = [one.name for one in targets]
    if len(set(names)) < len(names):
        raise ValueError("must each have a name of its own")
    return targets


PurgeTargets = Annotated[tuple[PurgeTarget, ...], AfterValidator(_names_of_their_own)]


def with_secrets(targets: object, environ: Mapping[str, str]) -> object:
    """The tables of the file, with each secret that a key of its own (`token_env`, `secrets_env`) leaves to the
    environment. What isn't a table stays as it is, to be reported."""
    if not isinstance(targets, list):
        return targets
    return [_filled(one, environ) if isinstance(one, dict) else one for one in targets]


def _filled(table: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    filled = dict(table)
    for key in ("token", "secrets"):
        variable = table.get(f"{key}_env")
        if isinstance(variable, str) and variable and key not in table:
            value = environ.get(variable, "")
            filled[key] = value.split() if key == "secrets" else value
    return filled
