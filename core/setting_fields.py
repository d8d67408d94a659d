"""What one setting may hold: the types of `site.toml`, each with the words that say what is wrong."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr


def _origin(url: str) -> str:
    if not re.fullmatch(r"https?://[^/\s?#@]+", url):
        raise ValueError('must be scheme://host[:port] without a path, such as "https://example.org"')
    return url


def _media_origin(url: str) -> str:
    # It stands in headers: nothing else of what an address may hold belongs there.
    if url and not re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", url):
        raise ValueError(
            'must be "" or scheme://host[:port] in lower case, such as "https://media.example.org"'
        )
    return url


def _sub_path(path: str) -> str:
    if path and not re.fullmatch(r"(/[a-z0-9_-]+)+", path):
        raise ValueError('must be "" or begin with a slash and not end with one, such as "/people"')
    return path


def _network(text: str) -> str:
    ipaddress.ip_network(text, strict=False)
    return text


def _replication(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+:[1-9]", text):
        raise ValueError('must be data centre:copies, such as "datacenter1:3"')
    return text


def _target(text: str) -> str:
    if "://" in text and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", text):
        raise ValueError('must be a folder, or a bucket such as "s3://backups"')
    return text


def _strong(secret: SecretStr) -> SecretStr:
    if 0 < len(secret.get_secret_value()) < 32:
        raise ValueError("must have at least 32 characters")
    return secret


Origin = Annotated[str, AfterValidator(_origin)]
Network = Annotated[str, AfterValidator(_network)]
NodeAddress = Annotated[str, Field(pattern=r"^[A-Za-z0-9:][A-Za-z0-9.:_-]*$")]
Replication = Annotated[str, AfterValidator(_replication)]
BucketName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
Port = Annotated[int, Field(ge=0, le=65535)]
Count = Annotated[int, Field(ge=1)]
Quality = Annotated[int, Field(ge=1, le=100)]
Width = Annotated[int, Field(ge=16, le=8192)]
Widths = Annotated[tuple[Width, ...], Field(min_length=1, max_length=8)]
Secret = Annotated[SecretStr, AfterValidator(_strong)]
Seconds = Annotated[float, Field(ge=0)]
MediaOrigin = Annotated[str, AfterValidator(_media_origin)]
SubPath = Annotated[str, AfterValidator(_sub_path)]
BackupTarget = Annotated[str, AfterValidator(_target)]
