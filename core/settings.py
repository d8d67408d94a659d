"""Settings: `site.toml` and the HOLDFAST_… environment in, frozen models out; every mistake at once, with its key and line.

Only this file reads the environment. A function receives the section or the value that it uses, never all of this.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError

from core.errors import SettingsError
from core.fields import Language
from core.media import Frozen
from core.parsing import field_errors
from core.purge_targets import PurgeTargets, with_secrets
from core.setting_fields import (
    BackupTarget,
    BucketName,
    Count,
    MediaOrigin,
    Network,
    NodeAddress,
    Origin,
    Port,
    Quality,
    Replication,
    Seconds,
    Secret,
    SubPath,
    Width,
    Widths,
)

ENV_PREFIX = "HOLDFAST_"
# Read by others than us: the test suite, and the choice of this file.
ENV_NOT_SETTINGS = frozenset({"HOLDFAST_TEST_REQUIRE", "HOLDFAST_TEST_RING", "HOLDFAST_SITE"})


def _names_of_their_own(replicas: tuple[ReplicaSettings, ...]) -> tuple[ReplicaSettings, ...]:
    names = [one.name for one in replicas]
    if "main" in names or len(set(names)) < len(names):
        raise ValueError(
            "must each have a name of its own, other than main (that is what [objects] itself describes)"
        )
    return replicas


class SiteSettings(Frozen):
    """What pages read; part of the release's fingerprint."""

    name: Annotated[str, Field(min_length=1, max_length=80)] = "Holdfast"
    description: Annotated[str, Field(max_length=200)] = "Profile pages that stay up."
    url: Origin = "http://127.0.0.1:8080"
    path: SubPath = ""
    media_url: MediaOrigin = ""
    language: Language = "en"


class DataSettings(Frozen):
    dir: Path = Path("data")


class StoreSettings(Frozen):
    """Of the keys below `backend` only a cluster's store reads any."""

    backend: Literal["sqlite", "scylla"] = "sqlite"
    nodes: Annotated[tuple[NodeAddress, ...], Field(min_length=1)] = ("127.0.0.1",)
    port: Annotated[int, Field(ge=1, le=65535)] = 9042
    keyspace: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")] = "holdfast"
    datacenter: Annotated[str, Field(min_length=1)] = "datacenter1"
    home: str = ""
    replication: Annotated[tuple[Replication, ...], Field(min_length=1)] = ("datacenter1:3",)
    tablets: Literal["auto", "on", "off"] = "auto"
    shards: Annotated[int, Field(ge=1, le=256)] = 8
    log_days: Annotated[int, Field(ge=1, le=90)] = 7
    consistency: Literal["auto", "local", "global"] = "auto"
    request_s: Annotated[float, Field(gt=0)] = 3
    connect_s: Annotated[float, Field(gt=0)] = 5
    heartbeat_s: Annotated[float, Field(gt=0)] = 2
    speculative_ms: Annotated[int, Field(ge=0)] = 100
    poll_s: Annotated[float, Field(gt=0, le=5)] = 1
    nudge: str = "auto"
    username: str = ""
    password: SecretStr = SecretStr("")
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    tls_names: bool = True


class RegionSettings(Frozen):
    """The two buckets of one region. Of the keys below `private` only S3 reads any."""

    backend: Literal["folder", "s3"] = "folder"
    dir: str = ""
    public: BucketName = "holdfast-public"
    private: BucketName = "holdfast-private"
    endpoint: str = ""
    region: Annotated[str, Field(min_length=1)] = "us-east-1"
    path_style: Literal["auto", "on", "off"] = "auto"
    profile: str = ""
    reader_profile: str = ""
    tls_ca: str = ""
    connect_s: Annotated[float, Field(gt=0)] = 3
    read_s: Annotated[float, Field(gt=0)] = 15
    attempts: Annotated[int, Field(ge=1, le=10)] = 3


class ReplicaSettings(RegionSettings):
    """One more region that has everything, too. Workers of its own publish to it."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]


class ObjectsSettings(RegionSettings):
    lag_s: Annotated[float, Field(ge=1)] = 10
    replica: Annotated[tuple[ReplicaSettings, ...], AfterValidator(_names_of_their_own)] = ()


class BackupSettings(Frozen):
    """Where backups go. Of the keys below `target` only S3 reads any."""

    target: BackupTarget = ""
    endpoint: str = ""
    region: Annotated[str, Field(min_length=1)] = "us-east-1"
    path_style: Literal["auto", "on", "off"] = "auto"
    profile: str = ""
    tls_ca: str = ""


class StudioSettings(Frozen):
    host: str = "127.0.0.1"
    port: Port = 8000
    url: Origin = "http://127.0.0.1:8000"
    signup: Literal["open", "closed"] = "open"
    trusted_proxies: tuple[Network, ...] = ()
    session_days: Count = 30
    writes_per_minute: Count = 120
    logins_per_minute: Count = 10
    threads: Annotated[int, Field(ge=1, le=200)] = 16
    secret: Secret = SecretStr("")


class EdgeSettings(Frozen):
    replica: str = "main"
    host: str = "127.0.0.1"
    port: Port = 8080
    memory_mb: Count = 64
    fresh_s: Seconds = 60
    stale_s: Seconds = 86400
    browser_s: Annotated[int, Field(ge=0)] = 0
    cdn_s: Annotated[int, Field(ge=0)] = 300
    render_s: Seconds = 30
    connections: Count = 1000
    connections_each: Annotated[int, Field(ge=0)] = 250
    reads_per_minute: Annotated[int, Field(ge=0)] = 3000
    trusted_proxies: tuple[Network, ...] = ()


class PurgeSettings(Frozen):
    edges: tuple[Origin, ...] = ("http://127.0.0.1:8080",)
    heartbeat_s: Annotated[float, Field(gt=0)] = 5
    timeout_s: Annotated[float, Field(gt=0)] = 3
    secret: Secret = SecretStr("")
    target: PurgeTargets = ()


class GrantsSettings(Frozen):
    secrets: tuple[Secret, ...] = ()


class WorkerSettings(Frozen):
    replica: str = "main"
    threads: Annotated[int, Field(ge=1, le=64)] = 4
    media_jobs: Annotated[int, Field(ge=1, le=64)] = 1
    attempts: Count = 5
    sweep_s: Annotated[float, Field(gt=0)] = 300
    sweep_per_s: Count = 500
    lease_s: Annotated[float, Field(ge=1)] = 5
    child_grace_s: Seconds = 86400


class UploadSettings(Frozen):
    image_mb_max: Count = 50
    video_mb_max: Count = 2000
    idle_hours: Count = 24


class MediaSettings(Frozen):
    megapixels_max: Count = 50
    side_px_max: Count = 16384
    video_minutes_max: Count = 120
    memory_mb_max: Count = 2048
    image_s_max: Annotated[float, Field(gt=0)] = 60
    video_s_max: Annotated[float, Field(gt=0)] = 7200
    avatar_px: Widths = (128, 256, 384)
    cover_px: Widths = (640, 960, 1280, 1920)
    gallery_px: Widths = (320, 640, 960, 1280)
    full_px: Width = 2048
    jpeg_quality: Quality = 80
    webp_quality: Quality = 79
    avif_quality: Quality = 63
    avif_effort: Annotated[int, Field(ge=0, le=9)] = 2


class MetricsSettings(Frozen):
    """Where each process tells Prometheus its figures; port 0: nowhere."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    edge_port: Port = 0
    worker_port: Port = 0


class LogSettings(Frozen):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class Settings(Frozen):
    site: SiteSettings = SiteSettings()
    data: DataSettings = DataSettings()
    store: StoreSettings = StoreSettings()
    objects: ObjectsSettings = ObjectsSettings()
    backup: BackupSettings = BackupSettings()
    studio: StudioSettings = StudioSettings()
    edge: EdgeSettings = EdgeSettings()
    purge: PurgeSettings = PurgeSettings()
    grants: GrantsSettings = GrantsSettings()
    worker: WorkerSettings = WorkerSettings()
    uploads: UploadSettings = UploadSettings()
    media: MediaSettings = MediaSettings()
    metrics: MetricsSettings = MetricsSettings()
    log: LogSettings = LogSettings()


def load(file: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Reads `file` (else $HOLDFAST_SITE, else ./site.toml, else only defaults) and the environment.

    Raises SettingsError with every mistake, each naming its key and line, or its variable.
    """
    environ = os.environ if environ is None else environ
    chosen = file or (Path(environ["HOLDFAST_SITE"]) if environ.get("HOLDFAST_SITE") else None)
    path = chosen or Path("site.toml")
    text = ""
    if chosen is not None or path.exists():
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError([f"{path} can't be read ({error}): name another file with --site"]) from None
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{path} is not TOML: {error}"]) from None
    variables = _overlay(data, environ)
    if isinstance(purge := data.get("purge"), dict) and "target" in purge:
        purge["target"] = with_secrets(purge["target"], environ)
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        mistakes = [
            f"{_where(key, path, text, variables)}: {why}" for key, why in sorted(field_errors(error).items())
        ]
        raise SettingsError(mistakes) from None


def _overlay(data: dict[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """Puts HOLDFAST_SECTION__KEY into `data`; returns {"section.key": variable's name}. Lists are written as JSON or with commas."""
    names: dict[str, str] = {}
    for variable, value in sorted(environ.items()):
        if not variable.startswith(ENV_PREFIX) or variable in ENV_NOT_SETTINGS or "__" not in variable:
            continue
        section, _, key = variable.removeprefix(ENV_PREFIX).lower().partition("__")
        names[f"{section}.{key}"] = variable
        known = Settings.model_fields.get(section)
        is_list = known is not None and isinstance(getattr(known.default, key, None), tuple)
        table = data.setdefault(section, {})
        if isinstance(table, dict):
            table[key] = _list(value) if is_list else value
    return names


def _list(value: str) -> Any:
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            return value  # which is no list, and reported so
    return [one.strip() for one in value.split(",") if one.strip()]


def _where(key: str, path: Path, text: str, variables: Mapping[str, str]) -> str:
    section, _, name = key.partition(".")
    setting = name.partition(".")[0]  # without the place in a list
    if variable := variables.get(f"{section}.{setting}"):
        return f"environment variable {variable}"
    inside, tables, table = "", 0, 0
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.match(r"\s*\[\[?\s*([\w.-]+)\s*\]\]?", line):
            inside = found.group(1)
            if inside == section and not name:
                return f"{path}:{number} [{section}]"
            if inside == f"{section}.{setting}":
                table = number if name.startswith(f"{setting}.{tables}") else table
                tables += 1
        elif found := re.match(r"\s*([\w.-]+)\s*=", line):
            written = f"{inside}.{found.group(1)}".lstrip(".")
            if written in (section, f"{section}.{setting}"):
                return f"{path}:{number} [{section}] {name}".rstrip()
    if table:  # one of several tables: where it begins
        return f"{path}:{table} [{section}] {name}"
    others = [variable for known, variable in variables.items() if known.startswith(f"{section}.")]
    if others and not name:  # a section that only the environment names
        return f"environment variable {others[0]}"
    return f"{path} [{section}] {name}".rstrip()
